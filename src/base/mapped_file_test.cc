#include "base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "base/errors.h"
#include "base/ids.h"

namespace forebay {
namespace {

class MappedFileTest : public testing::Test {
 protected:
  MappedFileTest() : folder_(std::filesystem::temp_directory_path() / make_id("forebay-test")) {
    std::filesystem::create_directory(folder_);
  }
  ~MappedFileTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path file(const std::string& name, std::string_view content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  static const ErrorCode& code_of(const std::filesystem::path& path, std::size_t bytes_max = 100) {
    return MappedFile::open(path, bytes_max).error().code();
  }

  const std::filesystem::path folder_;
};

TEST_F(MappedFileTest, ShowsTheBytesOfAFile) {
  auto mapped = MappedFile::open(file("a", "hello"), 100);
  ASSERT_TRUE(mapped);
  const MappedFile moved = std::move(*mapped);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(moved.bytes().data()), moved.bytes().size()), "hello");
  EXPECT_TRUE(mapped->bytes().empty());
}

TEST_F(MappedFileTest, HoldsTheLimitExactly) {
  const auto path = file("a", "12345");
  EXPECT_TRUE(MappedFile::open(path, 5));
  EXPECT_EQ(code_of(path, 4), kFileTooLarge);
  EXPECT_EQ(read_text_file(path, 5), "12345");
  EXPECT_EQ(read_text_file(path, 4).error().code(), kFileTooLarge);
}

TEST_F(MappedFileTest, MapsAnEmptyFileToNoBytes) {
  EXPECT_TRUE(MappedFile::open(file("a", ""), 0)->bytes().empty());
  EXPECT_EQ(read_text_file(file("a", ""), 0), "");
}

TEST_F(MappedFileTest, SaysWhatIsWrongWithAPath) {
  EXPECT_EQ(code_of(folder_ / "missing"), kFileNotFound);
  EXPECT_EQ(code_of(file("a", "x") / "below"), kFileNotFound);
  EXPECT_EQ(code_of(folder_), kFileNotRegular);
  std::filesystem::create_symlink("loop", folder_ / "loop");
  EXPECT_EQ(code_of(folder_ / "loop"), kFileNotReadable);
}

TEST_F(MappedFileTest, DoesNotWaitForTheWriterOfAPipe) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(code_of(folder_ / "pipe"), kFileNotRegular);
}

TEST_F(MappedFileTest, ReplacesAFileAsAWholeAndLeavesNothingBeside) {
  const auto path = file("a", "old");
  const auto before = *MappedFile::open(path, 100);
  ASSERT_TRUE(write_file_atomically(path, std::string("new\0", 4)));
  EXPECT_EQ(read_text_file(path, 100), std::string("new\0", 4));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(before.bytes().data()), 3), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(MappedFileTest, LeavesNothingBehindWhenItCannotWrite) {
  EXPECT_EQ(write_file_atomically(folder_ / "missing" / "a", "x").error().code(), kFileNotWritable);
  std::filesystem::create_directories(folder_ / "full" / "inner");
  EXPECT_EQ(write_file_atomically(folder_ / "full", "x").error().code(), kFileNotWritable);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

}  // namespace
}  // namespace forebay

#include "base/watched_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/errors.h"
#include "base/lost_pages.h"
#include "base/mapped_file.h"

namespace forebay {
namespace {
namespace fs = std::filesystem;

class AFile {
 public:
  explicit AFile(std::size_t bytes) {
    std::string name = (fs::temp_directory_path() / "forebay-watched-XXXXXX").string();
    ::close(::mkstemp(name.data()));
    path = name;
    write(std::string(bytes, 'a'));
    // Long ago, so that a write has another time on any file system.
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1));
  }
  ~AFile() {
    std::error_code none;
    fs::remove(path, none);
  }
  void write(std::string_view content) const { std::ofstream(path, std::ios::binary) << content; }
  fs::path path;
};

TEST(WatchedFile, EveryKindOfWritingIsAChange) {
  const std::string same(100, 'b');
  for (const std::string& content : {same, same + "more", same.substr(1), std::string()}) {
    const AFile file(100);
    const auto watched = WatchedFile::open(file.path).value();
    EXPECT_FALSE(watched.change());
    file.write(content);
    EXPECT_TRUE(watched.change()) << content.size();
  }
}

TEST(WatchedFile, ReplacingItByRenamingIsNoChange) {
  const AFile file(100);
  const AFile other(50);
  const auto watched = WatchedFile::open(file.path).value();
  fs::rename(other.path, file.path);
  EXPECT_FALSE(watched.change());
  fs::remove(file.path);
  EXPECT_FALSE(watched.change());
}

TEST(WatchedFile, ItSaysWhatIsMissing) { EXPECT_EQ(WatchedFile::open("/nowhere/at/all").error().code(), kFileNotFound); }

TEST(WatchedFiles, OnlyMappedFilesAreKept) {
  const AFile mapped(100);
  const AFile copied(100);
  const auto mapping = MappedFile::open(mapped.path, 1000).value();
  WatchedFiles files;
  ASSERT_TRUE(files.add(mapped.path));
  ASSERT_TRUE(files.add(copied.path));
  files.keep_mapped();
  copied.write("other");
  EXPECT_FALSE(files.change());
  mapped.write(std::string(100, 'c'));
  EXPECT_EQ(files.change(), "'" + mapped.path.filename().string() + "' was written to");
}

TEST(LostPages, AFileThatIsCutShortReadsAsZerosAndTheProcessGoesOn) {
  survive_lost_pages();
  const AFile file(std::size_t{10} * 65'536);
  const auto mapping = MappedFile::open(file.path, 1 << 20).value();
  const auto before = lost_pages();
  fs::resize_file(file.path, 0);
  std::size_t sum = 0;
  for (const std::byte value : mapping.bytes()) sum += static_cast<std::size_t>(value);
  EXPECT_EQ(sum, 0U);
  EXPECT_GT(lost_pages(), before);
}

}  // namespace
}  // namespace forebay

#include "engines/model_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/ids.h"
#include "engines/errors.h"

namespace forebay::engines {
namespace {
namespace fs = std::filesystem;

Digest key(int number) { return Digester().add_text(std::to_string(number)).finish(); }

std::string text_of(const ModelCache::Kept& kept) { return {reinterpret_cast<const char*>(kept.content().data()), kept.content().size()}; }

class ModelCacheFolder : public testing::Test {
 protected:
  ~ModelCacheFolder() override { fs::remove_all(folder_); }
  std::unique_ptr<ModelCache> open(std::uint64_t bytes_max = 1 << 20) const { return ModelCache::open({folder_, bytes_max}).value(); }
  fs::path file(int number) const { return folder_ / (to_hex(key(number)) + ".kept"); }
  std::uint64_t bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(folder_))
      if (entry.path().extension() == ".kept") bytes += entry.file_size();
    return bytes;
  }
  void used(int number, std::chrono::hours ago) const { fs::last_write_time(file(number), fs::file_time_type::clock::now() - ago); }
  const fs::path folder_ = fs::temp_directory_path() / make_id("forebay-cache");
};

TEST_F(ModelCacheFolder, GivesBackWhatWasKeptAlsoToTheNextProcess) {
  const std::string content("graph\0with zeros", 16);
  EXPECT_FALSE(open()->find(key(1)));
  EXPECT_TRUE(open()->keep(key(1), content));
  EXPECT_TRUE(open()->keep(key(2), ""));
  EXPECT_EQ(text_of(*open()->find(key(1))), content);
  EXPECT_EQ(text_of(*open()->find(key(2))), "");
  EXPECT_TRUE(open()->keep(key(1), "another"));
  EXPECT_EQ(text_of(*open()->find(key(1))), "another");
  open()->remove(key(1));
  EXPECT_FALSE(open()->find(key(1)));
  EXPECT_EQ(fs::status(folder_).permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(file(2)).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(ModelCacheFolder, TakesInAFileThatALibraryWrote) {
  const auto cache = open();
  const auto scratch = cache->scratch();
  std::ofstream(scratch) << "written by a library";
  EXPECT_TRUE(cache->keep_file(key(1), scratch));
  EXPECT_EQ(text_of(*cache->find(key(1))), "written by a library");
  EXPECT_FALSE(fs::exists(scratch));
  EXPECT_FALSE(cache->keep_file(key(2), cache->scratch())) << "it was never written";
}

TEST_F(ModelCacheFolder, RemovesWhatIsDamagedAtAnyByteOrCutShort) {
  const auto cache = open();
  ASSERT_TRUE(cache->keep(key(1), "content"));
  std::ifstream in(file(1), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  ASSERT_EQ(whole.size(), 7 + ModelCache::kFootBytes);
  const auto write = [&](const std::string& bytes) { std::ofstream(file(1), std::ios::binary | std::ios::trunc) << bytes; };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    write(damaged);
    EXPECT_FALSE(cache->find(key(1))) << i;
    EXPECT_FALSE(fs::exists(file(1))) << i;
    write(whole.substr(0, i));
    EXPECT_FALSE(cache->find(key(1))) << i;
    EXPECT_FALSE(fs::exists(file(1))) << i;
  }
  write(whole);
  EXPECT_TRUE(cache->find(key(1)));
}

TEST_F(ModelCacheFolder, DoesNotTakeAnEntryUnderAnotherName) {
  const auto cache = open();
  ASSERT_TRUE(cache->keep(key(1), "of one"));
  fs::rename(file(1), file(2));
  EXPECT_FALSE(cache->find(key(2)));
  EXPECT_FALSE(fs::exists(file(2)));
  fs::create_symlink("/dev/zero", file(3));
  EXPECT_FALSE(cache->find(key(3)));
  EXPECT_FALSE(fs::exists(fs::symlink_status(file(3))));
}

TEST_F(ModelCacheFolder, IsBoundedAndWhatWasUsedLongestAgoGoesFirst) {
  const std::string content(1'000 - ModelCache::kFootBytes, 'x');
  const auto cache = open(3'000);
  for (int number = 1; number <= 3; ++number) ASSERT_TRUE(cache->keep(key(number), content));
  EXPECT_EQ(bytes(), 3'000U) << "exactly at the limit";
  for (int number = 1; number <= 3; ++number) used(number, std::chrono::hours(10 - number));
  ASSERT_TRUE(cache->find(key(1)));
  ASSERT_TRUE(cache->keep(key(4), content));
  EXPECT_TRUE(cache->find(key(1)));
  EXPECT_FALSE(cache->find(key(2))) << "it was used longest ago";
  EXPECT_EQ(cache->evictions(), 1U);
  EXPECT_EQ(bytes(), 3'000U);
  EXPECT_FALSE(cache->keep(key(5), std::string(3'001 - ModelCache::kFootBytes, 'x'))) << "one byte too many";
  EXPECT_TRUE(cache->keep(key(5), std::string(3'000 - ModelCache::kFootBytes, 'x')));
  EXPECT_EQ(bytes(), 3'000U);
}

TEST_F(ModelCacheFolder, LeavesAloneWhatIsNotItsOwnAndRemovesOldLeftovers) {
  const auto cache = open(1'000);
  std::ofstream(folder_ / "notes.kept") << std::string(5'000, 'x');
  const auto dead = cache->scratch();
  const auto alive = cache->scratch();
  std::ofstream(dead) << "half";
  std::ofstream(alive) << "half";
  fs::last_write_time(dead, fs::file_time_type::clock::now() - std::chrono::hours(2));
  EXPECT_TRUE(cache->keep(key(1), "x"));
  EXPECT_TRUE(fs::exists(folder_ / "notes.kept"));
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(alive));
}

TEST_F(ModelCacheFolder, KeepsNothingWhileAnotherProcessMakesRoom) {
  const auto cache = open();
  ASSERT_TRUE(cache->keep(key(1), "before"));
  const int other = ::open((folder_ / "lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(other, LOCK_EX | LOCK_NB), 0);
  EXPECT_FALSE(cache->keep(key(2), "meanwhile"));
  EXPECT_TRUE(cache->find(key(1))) << "reading needs no lock";
  ::close(other);
  EXPECT_TRUE(cache->keep(key(2), "afterwards"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 3) << "two files and the lock";
}

TEST_F(ModelCacheFolder, SeveralProcessesMayHaveItAtOnce) {
  constexpr int kProcesses = 4;
  constexpr int kKeys = 8;
  const auto content = [](int number) { return std::string(static_cast<std::size_t>(200 + number), static_cast<char>('a' + number)); };
  const auto cache = open(2'000);  // not all of them fit
  std::vector<pid_t> children;
  for (int child = 0; child < kProcesses; ++child) {
    if (const pid_t made = ::fork(); made != 0) {
      children.push_back(made);
      continue;
    }
    int wrong = 0;
    const auto own = ModelCache::open({folder_, 2'000}).value();
    for (int round = 0; round < 200; ++round) {
      const int number = (round * 3 + child) % kKeys;
      own->keep(key(number), content(number));
      if (const auto found = own->find(key(number))) wrong += text_of(*found) != content(number);
    }
    ::_exit(wrong == 0 ? 0 : 1);
  }
  for (const pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_LE(bytes(), 2'000U);
  EXPECT_GT(bytes(), 0U);
  for (int number = 0; number < kKeys; ++number)
    if (const auto found = cache->find(key(number))) {
      EXPECT_EQ(text_of(*found), content(number));
    }
}

TEST_F(ModelCacheFolder, IsRefusedWhereOthersMayWrite) {
  fs::create_directories(folder_);
  fs::permissions(folder_, fs::perms::all);
  const auto refused = ModelCache::open({folder_});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), kModelCacheRefused);
}

}  // namespace
}  // namespace forebay::engines

#include "engines/model_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <system_error>
#include <vector>

#include "base/ids.h"
#include "base/log.h"
#include "base/private_folder.h"
#include "engines/errors.h"

namespace forebay::engines {

namespace {
namespace fs = std::filesystem;
constexpr std::string_view kEnding = ".kept";
constexpr std::string_view kScratch = ".making";
constexpr std::string_view kMagic = "FBKEPT1\n";
// What a process that was killed leaves behind; while it lives it needs less.
constexpr auto kScratchAgeMax = std::chrono::hours(1);

struct Foot {
  char magic[8];
  std::uint64_t content_bytes;
  Digest key;
  Digest content;
};
static_assert(sizeof(Foot) == ModelCache::kFootBytes);

Foot foot_of(const Digest& key, std::span<const std::byte> content) {
  Foot foot{.magic = {}, .content_bytes = content.size(), .key = key, .content = digest_of(content)};
  std::memcpy(foot.magic, kMagic.data(), sizeof foot.magic);
  return foot;
}

bool is_whole(std::span<const std::byte> bytes, const Digest& key) {
  if (bytes.size() < sizeof(Foot)) return false;
  Foot foot;
  std::memcpy(&foot, bytes.data() + bytes.size() - sizeof foot, sizeof foot);
  if (foot.content_bytes != bytes.size() - sizeof foot) return false;
  const Foot wanted = foot_of(key, bytes.first(foot.content_bytes));
  return std::memcmp(&foot, &wanted, sizeof foot) == 0;
}

// 64 hexadecimal digits and the ending: other files in the folder are nobody's business.
bool is_ours(const std::string& name, std::string_view ending) {
  return name.size() == 2 * sizeof(Digest) + ending.size() && name.ends_with(ending) &&
         std::ranges::all_of(name.substr(0, 2 * sizeof(Digest)), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder) : file_(::open((folder / "lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    held_ = file_ >= 0 && ::flock(file_, LOCK_EX | LOCK_NB) == 0;
  }
  ~FolderLock() {
    if (file_ >= 0) ::close(file_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  bool held() const { return held_; }

 private:
  const int file_;
  bool held_;
};
}  // namespace

Result<std::unique_ptr<ModelCache>> ModelCache::open(const ModelCacheOptions& options) {
  if (auto problem = make_private_folder(options.path)) return fail(kModelCacheRefused, *std::move(problem));
  return std::unique_ptr<ModelCache>(new ModelCache(options));
}

fs::path ModelCache::path_of(const Digest& key) const { return options_.path / (to_hex(key) + std::string(kEnding)); }

fs::path ModelCache::scratch() const { return options_.path / (make_id(fmt::format("graph-{}", ::getpid())) + std::string(kScratch)); }

std::optional<ModelCache::Kept> ModelCache::find(const Digest& key) {
  const fs::path path = path_of(key);
  auto file = MappedFile::open(path, SIZE_MAX);
  std::error_code ignored;
  if (!file) {
    if (fs::exists(fs::symlink_status(path, ignored))) remove(key);
    return std::nullopt;
  }
  if (!is_whole(file->bytes(), key)) {
    log::warning("a damaged file of the model cache is removed", {{"file", path.string()}});
    remove(key);
    return std::nullopt;
  }
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);  // the order of use
  return Kept(*std::move(file));
}

bool ModelCache::keep(const Digest& key, std::string_view content) {
  const fs::path path = scratch();
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  return keep_file(key, path);
}

bool ModelCache::keep_file(const Digest& key, const fs::path& scratch) {
  std::error_code error;
  const auto finished = [&]() -> bool {
    Foot foot;
    {
      const auto file = MappedFile::open(scratch, SIZE_MAX);
      if (!file) return false;
      foot = foot_of(key, file->bytes());
    }
    std::ofstream out(scratch, std::ios::binary | std::ios::app);
    out.write(reinterpret_cast<const char*>(&foot), sizeof foot);
    out.close();
    if (!out) return false;
    fs::permissions(scratch, fs::perms::owner_read | fs::perms::owner_write, error);
    auto evictions = evictions_.lock();  // one thread at a time, then one process
    const FolderLock lock(options_.path);
    if (!lock.held() || !make_room(foot.content_bytes + sizeof foot, *evictions)) return false;
    fs::rename(scratch, path_of(key), error);
    return !error;
  };
  const bool kept = finished();
  if (!kept) fs::remove(scratch, error);
  return kept;
}

// Under the lock.
bool ModelCache::make_room(std::uint64_t bytes, std::uint64_t& evictions) {
  if (bytes > options_.bytes_max) return false;
  struct File {
    fs::path path;
    fs::file_time_type used;
    std::uint64_t bytes;
  };
  std::vector<File> files;
  std::uint64_t held = 0;
  std::error_code error;
  std::error_code ignored;
  for (fs::directory_iterator entry(options_.path, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const auto used = fs::last_write_time(entry->path(), ignored);
    if (name.ends_with(kScratch) && used < fs::file_time_type::clock::now() - kScratchAgeMax) fs::remove(entry->path(), ignored);
    if (!is_ours(name, kEnding)) continue;
    std::error_code gone;
    const auto size = fs::file_size(entry->path(), gone);
    if (gone) continue;
    files.push_back({entry->path(), used, size});
    held += size;
  }
  std::ranges::sort(files, {}, &File::used);
  std::size_t left = files.size();
  for (const File& file : files) {
    if (held + bytes <= options_.bytes_max && left < kFilesMax) break;
    fs::remove(file.path, ignored);
    held -= file.bytes;
    --left;
    ++evictions;
  }
  return true;
}

void ModelCache::remove(const Digest& key) {
  std::error_code ignored;
  fs::remove(path_of(key), ignored);
}

}  // namespace forebay::engines

#include "base/watched_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

#include "base/errors.h"

namespace forebay {

Result<WatchedFile> WatchedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe must not wait for its writer.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const auto stamp = file < 0 ? std::nullopt : stamp_of(file);
  if (stamp) return WatchedFile(file, path.filename().string(), *stamp);
  const int reason = errno;
  if (file >= 0) ::close(file);
  const ErrorCode& code = reason == ENOENT || reason == ENOTDIR ? kFileNotFound : kFileNotReadable;
  return fail(code, fmt::format("cannot open '{}': {}", path.string(), std::generic_category().message(reason)));
}

WatchedFile::WatchedFile(WatchedFile&& other) noexcept
    : file_(std::exchange(other.file_, -1)), name_(std::move(other.name_)), stamp_(other.stamp_) {}

WatchedFile& WatchedFile::operator=(WatchedFile&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(name_, other.name_);
  std::swap(stamp_, other.stamp_);
  return *this;
}

WatchedFile::~WatchedFile() {
  if (file_ >= 0) ::close(file_);
}

std::optional<WatchedFile::Stamp> WatchedFile::stamp_of(int file) {
  struct stat status{};
  if (::fstat(file, &status) != 0) return std::nullopt;
  return Stamp{.bytes = status.st_size, .seconds = status.st_mtim.tv_sec, .nanoseconds = status.st_mtim.tv_nsec};
}

std::optional<std::string> WatchedFile::change() const {
  const auto now = stamp_of(file_);
  if (now == stamp_) return std::nullopt;
  if (now && now->bytes != stamp_.bytes) return fmt::format("'{}' had {} bytes and has {}", name_, stamp_.bytes, now->bytes);
  return fmt::format("'{}' was written to", name_);
}

bool WatchedFile::is_mapped() const {
  struct stat status{};
  if (::fstat(file_, &status) != 0) return false;
  std::error_code none;
  const std::string path = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", file_), none).string();
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    // address permissions offset device inode path. Some file systems give another number here than fstat() does: then the path tells.
    std::istringstream fields(line);
    std::string skipped;
    std::uint64_t inode = 0;
    fields >> skipped >> skipped >> skipped >> skipped >> inode >> std::ws;
    std::string mapped;
    std::getline(fields, mapped);
    if (inode != 0 && (inode == status.st_ino || mapped == path)) return true;
  }
  return false;
}

Result<> WatchedFiles::add(const std::filesystem::path& path) {
  TRY_ASSIGN(auto file, WatchedFile::open(path));
  files_.push_back(std::move(file));
  return {};
}

void WatchedFiles::keep_mapped() {
  std::erase_if(files_, [](const WatchedFile& file) { return !file.is_mapped(); });
}

std::optional<std::string> WatchedFiles::change() const {
  for (const auto& file : files_) {
    if (auto change = file.change()) return change;
  }
  return std::nullopt;
}

}  // namespace forebay

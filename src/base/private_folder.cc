#include "base/private_folder.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

namespace forebay {

namespace fs = std::filesystem;

std::optional<std::string> make_private_folder(const fs::path& path) {
  std::error_code error;
  const bool made = fs::create_directories(path, error);
  if (error) return fmt::format("'{}' cannot be made: {}", path.string(), error.message());
  if (made) fs::permissions(path, fs::perms::owner_all, error);
  struct stat status{};
  if (error || ::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    return fmt::format("'{}' is no folder that can be used", path.string());
  if (status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fmt::format("others than this server's user may write to '{}'", path.string());
  return std::nullopt;
}

}  // namespace forebay

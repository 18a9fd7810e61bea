#include "base/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>

#include "base/errors.h"
#include "base/ids.h"

namespace forebay {

namespace {
class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  ~FileDescriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

Error open_error(const std::filesystem::path& path, int reason) {
  const ErrorCode& code = reason == ENOENT || reason == ENOTDIR ? kFileNotFound : kFileNotReadable;
  return {code, fmt::format("cannot open '{}': {}", path.string(), std::generic_category().message(reason))};
}

struct RegularFile {
  FileDescriptor descriptor;
  std::size_t bytes;
};

Result<RegularFile> open_regular(const std::filesystem::path& path, std::size_t bytes_max) {
  // O_NONBLOCK: opening a pipe must not wait for its writer.
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number() < 0) return fail(open_error(path, errno));
  struct stat status{};
  if (::fstat(file.number(), &status) != 0) return fail(open_error(path, errno));
  if (!S_ISREG(status.st_mode)) return fail(kFileNotRegular, fmt::format("'{}' is not a regular file", path.string()));
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > bytes_max)
    return fail(kFileTooLarge, fmt::format("'{}' has {} bytes; at most {} are allowed", path.string(), size, bytes_max));
  return RegularFile{std::move(file), size};
}
}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path, std::size_t bytes_max) {
  TRY_ASSIGN(const auto file, open_regular(path, bytes_max));
  if (file.bytes == 0) return MappedFile(std::span<const std::byte>());
  void* start = ::mmap(nullptr, file.bytes, PROT_READ, MAP_PRIVATE, file.descriptor.number(), 0);
  if (start == MAP_FAILED) return fail(open_error(path, errno));
  return MappedFile(std::span(static_cast<const std::byte*>(start), file.bytes));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t bytes_max) {
  TRY_ASSIGN(const auto file, open_regular(path, bytes_max));
  // Read, not mapped: what happens to the file meanwhile is a shorter text and nothing worse.
  std::string text(file.bytes, '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const auto count = ::read(file.descriptor.number(), text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR) return fail(open_error(path, errno));
    if (count == 0) break;
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  text.resize(done);
  return text;
}

Result<> write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  return write_file_atomically(path, {std::as_bytes(std::span(content))});
}

Result<> write_file_atomically(const std::filesystem::path& path, std::initializer_list<std::span<const std::byte>> pieces) {
  auto beside = path;
  beside += make_id(".new");
  {
    std::ofstream out(beside, std::ios::binary | std::ios::trunc);
    for (const auto piece : pieces) out.write(reinterpret_cast<const char*>(piece.data()), static_cast<std::streamsize>(piece.size()));
    out.close();
    if (!out) {
      std::error_code ignored;
      std::filesystem::remove(beside, ignored);
      return fail(kFileNotWritable, fmt::format("cannot write '{}'", path.string()));
    }
  }
  std::error_code error;
  std::filesystem::rename(beside, path, error);
  if (error) {
    std::error_code ignored;
    std::filesystem::remove(beside, ignored);
    return fail(kFileNotWritable, fmt::format("cannot write '{}': {}", path.string(), error.message()));
  }
  return {};
}

}  // namespace forebay

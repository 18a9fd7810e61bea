// A file's bytes, read-only, mapped into memory.
// Threads: immutable. Owner: whoever holds it; views must not outlive it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <utility>

#include "base/result.h"

namespace forebay {

class MappedFile {
 public:
  // kFileNotFound, kFileNotReadable, kFileNotRegular, or kFileTooLarge beyond `bytes_max`. An empty file maps to no bytes.
  // A file that is cut short while it is mapped reads as zeros from there on in a process that has called
  // survive_lost_pages(), and ends the process elsewhere.
  static Result<MappedFile> open(const std::filesystem::path& path, std::size_t bytes_max);
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedFile();
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

// Reads a whole small file; the same errors.
Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t bytes_max);
// Writes beside the target and renames: readers see the old file or the new one. kFileNotWritable.
Result<> write_file_atomically(const std::filesystem::path& path, std::string_view content);
Result<> write_file_atomically(const std::filesystem::path& path, std::initializer_list<std::span<const std::byte>> pieces);

}  // namespace forebay

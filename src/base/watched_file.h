// A file that stays open while what was read from it is in use, to find out whether it was written to since.
//   A file that another one replaces by renaming stays as it was: that is no change. Writing into it is, whatever is written.
// ADR: docs/adr/0013-overwritten-model-files.md.
// Threads: shared after opening; looking costs one system call. Owner: models::load_model and the engines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace forebay {

class WatchedFile {
 public:
  // kFileNotFound, kFileNotReadable.
  static Result<WatchedFile> open(const std::filesystem::path& path);
  WatchedFile(WatchedFile&& other) noexcept;
  WatchedFile& operator=(WatchedFile&& other) noexcept;
  ~WatchedFile();

  // "'a.gguf' was written to", "'a.gguf' had 5 bytes and has 3"; nothing while it is as it was when it was opened.
  std::optional<std::string> change() const;
  // This process has pages of the file mapped, so that a change of the file is a change of its memory.
  bool is_mapped() const;

 private:
  struct Stamp {
    std::int64_t bytes = 0;
    std::int64_t seconds = 0;  // of the last write
    std::int64_t nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };
  WatchedFile(int file, std::string name, const Stamp& stamp) : file_(file), name_(std::move(name)), stamp_(stamp) {}
  static std::optional<Stamp> stamp_of(int file);

  int file_ = -1;
  std::string name_;
  Stamp stamp_;
};

// The files of one model.
class WatchedFiles {
 public:
  // Errors as WatchedFile::open.
  Result<> add(const std::filesystem::path& path);
  // Those that are not mapped were copied to memory: what happens to them changes nothing any more.
  void keep_mapped();
  // The first change of one of them.
  std::optional<std::string> change() const;
  bool empty() const { return files_.empty(); }

 private:
  std::vector<WatchedFile> files_;
};

}  // namespace forebay

// What loading a model made or found out, kept in a folder for the next start: a file per key, bounded by bytes, the least recently used go
// first. What is damaged, cut short or of another key is removed and never used.
//   Several processes may share the folder: files appear by rename, and one at a time makes room. Nobody waits for that: who does not get
// the lock keeps nothing this time.
// Threads: shared. Owner: cli::serve, or the command that runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/digest.h"
#include "base/mapped_file.h"
#include "base/result.h"
#include "base/synchronized.h"

namespace forebay::engines {

struct ModelCacheOptions {
  std::filesystem::path path;
  std::uint64_t bytes_max = std::uint64_t{2} << 30;
};

class ModelCache {
 public:
  static constexpr std::size_t kFilesMax = 10'000;
  static constexpr std::size_t kFootBytes = 80;  // what a file has behind its content

  // A file's content, as long as this lives.
  class Kept {
   public:
    std::span<const std::byte> content() const { return file_.bytes().first(file_.bytes().size() - kFootBytes); }

   private:
    friend ModelCache;
    explicit Kept(MappedFile file) : file_(std::move(file)) {}
    MappedFile file_;
  };

  // Makes the folder if need be. kModelCacheRefused when it cannot be used, or others may write to it.
  static Result<std::unique_ptr<ModelCache>> open(const ModelCacheOptions& options);

  std::optional<Kept> find(const Digest& key);
  // False when it is not kept: too large, the disk is full, or another process makes room just now.
  bool keep(const Digest& key, std::string_view content);
  // A path in the folder for a library to write to, then kept under a key. The file is gone afterwards in any case.
  std::filesystem::path scratch() const;
  bool keep_file(const Digest& key, const std::filesystem::path& scratch);
  void remove(const Digest& key);
  std::uint64_t evictions() const {
    return evictions_.read([](std::uint64_t count) { return count; });
  }
  const std::filesystem::path& path() const { return options_.path; }

 private:
  explicit ModelCache(const ModelCacheOptions& options) : options_(options) {}
  std::filesystem::path path_of(const Digest& key) const;
  bool make_room(std::uint64_t bytes, std::uint64_t& evictions);

  const ModelCacheOptions options_;
  Synchronized<std::uint64_t> evictions_{0};  // locked while a thread makes room
};

}  // namespace forebay::engines

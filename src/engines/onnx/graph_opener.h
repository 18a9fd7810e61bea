// Opens sessions of an ONNX file as often as asked: from the file, which the library optimizes each time, or from the optimized graph that
// the model cache keeps. It is kept only where trying it out showed that loading gets faster by it: weights take as long to read either
// way, so that graphs of many nodes gain and large matrices do not.
//   A graph that was optimized for one processor may not run on another, nor in another version of the library: both are part of its key.
// Threads: confined to the loading thread. Owner: the load.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/digest.h"
#include "engines/engine.h"
#include "engines/model_cache.h"
#include "engines/onnx/onnx_api.h"

namespace forebay::engines {

class GraphOpener {
 public:
  using Setup = std::function<Ort::SessionOptions(std::size_t threads)>;
  // `use` without a cache, or a file beyond its limit: always from the file.
  GraphOpener(std::filesystem::path path, const formats::ModelDescription& description, const CacheUse& use, Setup setup);

  // Throws Ort::Exception. The first call decides, which may take several loads once.
  Ort::Session open(std::size_t threads);
  // In words for the log; empty when nothing was tried or known.
  const std::string& finding() const { return finding_; }
  // Where else something about this file may be kept: by its content, the library and the processor. None without a cache.
  const std::optional<Digest>& key() const { return key_; }

 private:
  Ort::Session from_file(const Ort::SessionOptions& options) const;
  Ort::Session from_bytes(std::span<const char> bytes, Ort::SessionOptions options) const;
  Ort::Session from_kept(std::size_t threads) const;
  Ort::Session decide(std::size_t threads);
  std::optional<Ort::Session> kept_before(std::size_t threads);
  Ort::Session try_out(Ort::Session plain, Duration plain_took, std::size_t threads);
  void make_graph() const;

  const std::filesystem::path path_;
  const CacheUse use_;
  const Setup setup_;
  std::optional<std::string> guarded_;  // the file with its checks, where it needs any
  std::optional<Digest> key_;
  Duration key_took_{};
  bool decided_ = false;
  std::optional<ModelCache::Kept> kept_;
  std::string finding_;
};

// A key beside another, for something else about the same.
Digest key_beside(const Digest& key, std::string_view what);

}  // namespace forebay::engines

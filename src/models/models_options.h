// The room's settings.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "scheduling/scheduling_options.h"

namespace forebay::models {

struct PipelineOptions {
  std::uint32_t steps_max = 64;
  std::uint32_t depth_max = 16;  // steps that wait for each other in a row
};

// What loading keeps for the next start.
struct CacheOptions {
  bool enabled = true;
  std::string path;  // empty: below the user's cache folder
  std::uint64_t bytes_max = std::uint64_t{2} << 30;
  std::uint64_t model_bytes_max = std::uint64_t{64} << 20;  // nothing is kept about larger files
};

inline constexpr std::string_view kProbeUnknown = "unknown";
inline constexpr std::string_view kProbeAlways = "always";
inline constexpr std::string_view kProbeNever = "never";

// Trying model files in a child process before they are loaded.
struct ProbeOptions {
  std::string when = std::string(kProbeUnknown);            // only files that have not passed before; or always, never
  std::vector<std::string> trusted;                         // names of models that are never tried; "*": all
  std::chrono::milliseconds time_max{20'000};               // of computing; more for large files
  std::uint64_t memory_bytes_max = std::uint64_t{1} << 30;  // beside twice the weights
};

struct ModelsOptions {
  std::string backend = "auto";  // for every model; a chain like "dnnl,cpu" is tried in order
  std::uint32_t models_max = 256;
  std::uint64_t file_bytes_max = std::uint64_t{64} << 30;
  std::uint64_t constant_bytes_max = std::uint64_t{512} << 20;  // of one tensor that an ONNX node makes from a constant shape
  std::uint64_t loop_steps_max = 10'000'000;                    // of an ONNX loop that nothing ends before its constant count
  std::uint32_t threads = 0;                                    // of one engine session; 0: every usable core
  bool tune = true;                                             // try out at load how many threads pay
  std::vector<std::string> cpu_affinity;                        // processors that models compute on: "0-3", "5"; empty: every usable one
  std::string numa = "off";  // how libllama spreads threads over memory nodes: off, distribute, isolate or numactl
  CacheOptions cache;
  ProbeOptions probe;
  bool warm = true;                   // one synthetic request before a model counts as ready
  std::vector<std::string> adapters;  // low-rank adapters that requests may name: "MODEL/ADAPTER=FILE"
  // Models whose caches all API keys share; "*" is all. Of the others, a key finds only what its own requests left.
  std::vector<std::string> share_caches;
  scheduling::GenerationOptions generation;
  scheduling::TensorOptions tensors;
  scheduling::EmbeddingOptions embedding;
  PipelineOptions pipelines;
};

}  // namespace forebay::models

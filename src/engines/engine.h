// The seam between the house and the libraries that compute: an Engine loads a described file into a LoadedModel, which opens sessions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_budget.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/processors.h"
#include "base/result.h"
#include "engines/loaded_model.h"
#include "formats/model_description.h"

namespace forebay::engines {

class ModelCache;

// One place an engine can compute on, as `forebay devices` lists it.
struct Device {
  std::string engine;       // "onnxruntime", "llama"
  std::string backend;      // what --backend takes: "cpu", "dnnl", "vulkan", …
  std::string description;  // "AMD EPYC …"
  std::uint64_t memory_bytes = 0;
  bool usable = false;
  std::string reason;  // why not usable; empty when it is
};

// What one run may take.
struct RunBounds {
  Duration time_max = std::chrono::seconds(30);
  std::uint64_t bytes_max = std::uint64_t{768} << 20;         // beyond the weights
  std::uint64_t output_bytes_max = std::uint64_t{256} << 20;  // of all outputs together
  ByteBudget* budget = nullptr;                               // large blocks are reserved in it while they live; null: they are not
};

// What loading may keep for the next start, and when.
struct CacheUse {
  ModelCache* cache = nullptr;                              // null: nothing is kept
  std::uint64_t model_bytes_max = std::uint64_t{64} << 20;  // of a larger file its weights decide how long loading takes, kept or not
  Duration slow_from = std::chrono::milliseconds(20);       // a load that is quicker is not worth a file
  double gain_min = 1.25;                                   // the optimized graph is kept when it loads so many times faster
};

struct LoadOptions {
  std::string backend = "auto";    // a name from devices(), or a comma-separated chain tried in order
  std::size_t threads = 0;         // of one session; 0: every usable core, or fewer where tuning finds that they gain nothing
  bool tune = true;                // try out what is fastest, which takes some runs
  bool translate_encoders = true;  // GGUF encoders run in ONNX Runtime where they can
  bool encoder_int8 = false;       // and with int8 weights: cosine at least 0.99 to float32
  CacheUse cache;
  RunBounds run;
  Processors processors;  // that what computes stays on; empty: those of the loading thread
  // Called with 0..1 while loading, on the loading thread; false stops the load with kCancelledByCaller.
  std::function<bool(float)> progress;
  // Stops the load from any thread with the token's error, where the library can stop.
  CancelToken cancel;
};

// One library. Threads: shared. Owner: cli::serve.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string_view name() const = 0;
  virtual bool runs(const formats::ModelDescription& description) const = 0;
  virtual std::vector<Device> devices() const = 0;
  // kModelRefused with the library's reason; kBackendUnavailable when nothing in the chain works. Takes seconds: background pool only.
  virtual Result<std::shared_ptr<LoadedModel>> load(const std::filesystem::path& path, const formats::ModelDescription& description,
                                                    const LoadOptions& options) = 0;
};

}  // namespace forebay::engines

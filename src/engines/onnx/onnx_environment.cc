#include "engines/onnx/onnx_environment.h"

#include <onnxruntime/onnxruntime_session_options_config_keys.h>

#include <cstdlib>
#include <string>

#include "base/log.h"
#include "engines/library_message.h"
#include "engines/onnx/cerr_filter.h"
#include "engines/onnx/guard_operators.h"
#include "engines/onnx/row_quantization.h"
#include "engines/onnx/run_memory.h"

namespace forebay::engines {

namespace {
// ModelProto, field by field (onnx/onnx.proto): ir_version 8; graph { node { input "x", output "y", op_type "Identity" } name "g"
// input { "x": float32 [1] } output { "y": float32 [1] } }; opset_import { version 13 }.
constexpr unsigned char kIdentityModel[] = {
    0x08, 8,    0x3a, 55,  0x0a, 16,   0x0a, 1,    'x', 0x12, 1,  'y',  0x22, 8,    'I', 'd',  'e', 'n',  't', 'i',  't',
    'y',  0x12, 1,    'g', 0x5a, 15,   0x0a, 1,    'x', 0x12, 10, 0x0a, 8,    0x08, 1,   0x12, 4,   0x0a, 2,   0x08, 1,
    0x62, 15,   0x0a, 1,   'y',  0x12, 10,   0x0a, 8,   0x08, 1,  0x12, 4,    0x0a, 2,   0x08, 1,   0x42, 2,   0x10, 13,
};

// Its errors come back as exceptions as well, and whoever catches them reports them.
void ORT_API_CALL write_to_our_log(void*, OrtLoggingLevel, const char*, const char*, const char* location, const char* message) {
  log::debug("onnxruntime", {{"message", cleaned_library_message(message)}, {"at", cleaned_library_message(location)}});
}

Ort::Env start() {
  // Before the first call of the library, which is InitApi.
  ::setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  ::setenv("ORT_TELEMETRY_DISABLED", "1", 1);
  Ort::InitApi();
  Ort::Env environment(ORT_LOGGING_LEVEL_WARNING, "forebay", write_to_our_log, nullptr);
  environment.DisableTelemetryEvents();
  environment.RegisterAllocator(new RunMemory);  // never destroyed, as the environment

  SchemaNoise noise;
  const CerrFilter filter([&noise](std::string_view line) { return noise.drops(line); });
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1).SetInterOpNumThreads(1);
  const Ort::Session first(environment, kIdentityModel, sizeof(kIdentityModel), options);
  return environment;
}
}  // namespace

bool SchemaNoise::drops(std::string_view line) {
  const bool is_schema_error =
      line.starts_with("Schema error: Trying to register schema") && line.find("it is already registered") != line.npos;
  const bool is_its_empty_line = line.empty() && after_schema_error_;
  after_schema_error_ = is_schema_error;
  if (is_schema_error) ++dropped_;
  return is_schema_error || is_its_empty_line;
}

Ort::SessionOptions session_options_for(std::size_t threads) {
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(static_cast<int>(threads));
  options.SetInterOpNumThreads(1);
  options.SetExecutionMode(ORT_SEQUENTIAL);
  options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
  options.AddConfigEntry(kOrtSessionOptionsConfigAllowIntraOpSpinning, "0");
  options.AddConfigEntry(kOrtSessionOptionsConfigAllowInterOpSpinning, "0");
  use_run_memory(options);
  options.Add(guard_domain());
  options.Add(rows_domain());
  return options;
}

void keep_memory_flat(Ort::SessionOptions& options) {
  options.DisableCpuMemArena();
  options.DisableMemPattern();
}

void compute_constants_in_runs(Ort::SessionOptions& options) {
  options.AddConfigEntry(kOrtSessionOptionsDisableSpecifiedOptimizers, "ConstantFolding");
}

Ort::Env& onnx_environment() {
  static auto* environment = new Ort::Env(start());
  return *environment;
}

}  // namespace forebay::engines

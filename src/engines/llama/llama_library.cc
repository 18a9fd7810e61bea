#include "engines/llama/llama_library.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "base/log.h"
#include "engines/findings.h"
#include "engines/library_message.h"
#include "engines/llama/team_waiting.h"
#include "engines/numa.h"

namespace forebay::engines {

namespace {
constexpr std::size_t kErrorBytesMax = 4096;
thread_local LlamaErrorLog* collecting = nullptr;

// Called by the library on whichever thread it works.
void write_to_our_log(ggml_log_level level, const char* text, void*) {
  if (text == nullptr) return;
  if (collecting != nullptr) collecting->take(level, text);
  const std::string line = log::level() == log::Level::kDebug ? cleaned_library_message(text) : "";
  if (!line.empty()) log::debug("llama", {{"message", line}});
}

LlamaLibrary start() {
  llama_log_set(write_to_our_log, nullptr);
  prepare_team_waiting();
  ggml_backend_load_all();
  LlamaLibrary library;
  if (ggml_backend_reg_t blas = ggml_backend_reg_by_name("BLAS")) {
    library.had_blas = true;
    ggml_backend_unload(blas);
  }
  library.has_cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) != nullptr;
  llama_backend_init();
  return library;
}
}  // namespace

const LlamaLibrary& llama_library() {
  static const LlamaLibrary kLibrary = start();
  return kLibrary;
}

LlamaErrorLog::LlamaErrorLog() { collecting = this; }
LlamaErrorLog::~LlamaErrorLog() { collecting = nullptr; }

void LlamaErrorLog::take(ggml_log_level level, std::string_view text) {
  if (level == GGML_LOG_LEVEL_ERROR && errors_.size() < kErrorBytesMax) errors_ += text;
}

std::string LlamaErrorLog::message(std::string_view otherwise) const {
  std::string first = errors_.substr(0, errors_.find('\n'));
  // "llama_model_load: error loading model: …": the function's name says nothing to the reader.
  const std::size_t colon = first.find(": ");
  if (colon != std::string::npos && first.find(' ') > colon) first.erase(0, colon + 2);
  return first.empty() ? std::string(otherwise) : cleaned_library_message(first);
}

std::vector<std::string> environment_findings() {
  std::vector<std::string> findings;
  if (!llama_library().has_cpu) {
    findings.emplace_back("libllama found no CPU backend and cannot load GGUF models: install libggml0's CPU backends again");
  }
  if (llama_library().had_blas) {
    findings.emplace_back(
        "the package libggml0-backend-blas makes small batches of GGUF models many times slower; Forebay does not use it, but other "
        "programs will: "
        "remove it with 'apt remove libggml0-backend-blas'");
  }
  return findings;
}

namespace {
constexpr std::array<std::string_view, 4> kNumaStrategies = {"off", "distribute", "isolate", "numactl"};
constexpr ggml_numa_strategy kNumaValues[] = {GGML_NUMA_STRATEGY_DISABLED, GGML_NUMA_STRATEGY_DISTRIBUTE, GGML_NUMA_STRATEGY_ISOLATE,
                                              GGML_NUMA_STRATEGY_NUMACTL};
}  // namespace

std::span<const std::string_view> numa_strategies() { return kNumaStrategies; }

void use_numa(std::string_view strategy) {
  const auto place = std::ranges::find(kNumaStrategies, strategy);
  if (place == kNumaStrategies.begin() || place == kNumaStrategies.end()) return;
  llama_library();
  llama_numa_init(kNumaValues[place - kNumaStrategies.begin()]);
  std::size_t nodes = 0;
  std::error_code none;
  while (std::filesystem::exists(fmt::format("/sys/devices/system/node/node{}", nodes), none)) ++nodes;
  log::info("libllama's threads follow the memory nodes", {{"strategy", std::string(strategy)}, {"nodes", fmt::to_string(nodes)}});
}

LlamaErrorLog* LlamaErrorLog::current() { return collecting; }
LlamaErrorLog::Loan::Loan(LlamaErrorLog* log) { collecting = log; }
LlamaErrorLog::Loan::~Loan() { collecting = nullptr; }

}  // namespace forebay::engines

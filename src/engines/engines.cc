#include "engines/engines.h"

#include <fmt/format.h>

#include "engines/errors.h"
#include "engines/llama/llama_engine.h"
#include "engines/onnx/onnx_engine.h"
#include "engines/onnx/translated_encoder.h"

namespace forebay::engines {

std::unique_ptr<Engine> make_onnx_engine() { return std::make_unique<OnnxEngine>(); }
std::unique_ptr<Engine> make_llama_engine() { return std::make_unique<LlamaEngine>(); }

std::unique_ptr<Engine> make_translating_engine() { return std::make_unique<TranslatingEngine>(make_llama_engine()); }

std::vector<std::unique_ptr<Engine>> make_engines() {
  std::vector<std::unique_ptr<Engine>> engines;
  engines.push_back(make_onnx_engine());
  engines.push_back(make_translating_engine());  // before libllama, which runs the same files
  engines.push_back(make_llama_engine());
  return engines;
}

std::string library_versions() { return fmt::format("{}; {}", llama_version(), onnx_version()); }

Result<Engine*> engine_for(const formats::ModelDescription& description, std::span<const std::unique_ptr<Engine>> engines) {
  for (const auto& engine : engines) {
    if (engine->runs(description)) return engine.get();
  }
  return fail(kNoEngine, fmt::format("no engine runs {} files", formats::name_of(description.format)));
}

}  // namespace forebay::engines

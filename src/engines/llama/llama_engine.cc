#include "engines/llama/llama_engine.h"

#include <fmt/format.h>

#include "engines/llama/llama_backends.h"
#include "engines/llama/llama_model.h"

namespace forebay::engines {

std::vector<Device> LlamaEngine::devices() const { return llama_devices(); }

Result<std::shared_ptr<LoadedModel>> LlamaEngine::load(const std::filesystem::path& path, const formats::ModelDescription& description,
                                                       const LoadOptions& options) {
  return LlamaModel::load(path, description, options);
}

std::string llama_version() { return fmt::format("libllama with ggml {} {}", ggml_version(), ggml_commit()); }

}  // namespace forebay::engines

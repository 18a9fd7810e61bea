// libllama as an Engine.
// Threads: shared. Owner: cli::serve.
#pragma once

#include "engines/engine.h"

namespace forebay::engines {

class LlamaEngine final : public Engine {
 public:
  std::string_view name() const override { return "llama"; }
  bool runs(const formats::ModelDescription& description) const override { return description.format == formats::Format::kGguf; }
  std::vector<Device> devices() const override;
  Result<std::shared_ptr<LoadedModel>> load(const std::filesystem::path& path, const formats::ModelDescription& description,
                                            const LoadOptions& options) override;
};

// "libllama with ggml 0.27.0 abc1234".
std::string llama_version();

}  // namespace forebay::engines

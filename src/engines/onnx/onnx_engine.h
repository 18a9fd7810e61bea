// ONNX Runtime as an Engine.
// Threads: shared. Owner: cli::serve.
#pragma once

#include "engines/engine.h"

namespace forebay::engines {

class OnnxEngine final : public Engine {
 public:
  std::string_view name() const override { return "onnxruntime"; }
  bool runs(const formats::ModelDescription& description) const override { return description.format == formats::Format::kOnnx; }
  std::vector<Device> devices() const override;
  Result<std::shared_ptr<LoadedModel>> load(const std::filesystem::path& path, const formats::ModelDescription& description,
                                            const LoadOptions& options) override;
};

// "ONNX Runtime 1.23.2".
std::string onnx_version();

}  // namespace forebay::engines

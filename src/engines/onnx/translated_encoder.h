// GGUF encoders that ONNX Runtime computes: the weights are translated at load, the tokens stay those of the file's own vocabulary.
// What cannot be translated is loaded by libllama.
// Threads: shared. Owner: cli::serve.
#pragma once

#include "engines/engine.h"

namespace forebay::engines {

class TranslatingEngine final : public Engine {
 public:
  // `otherwise` loads what is not translated.
  explicit TranslatingEngine(std::unique_ptr<Engine> otherwise) : otherwise_(std::move(otherwise)) {}
  std::string_view name() const override { return "onnxruntime"; }
  // BERT encoders with a pooling of their own.
  bool runs(const formats::ModelDescription& description) const override;
  std::vector<Device> devices() const override { return {}; }  // those of the two engines it stands on
  Result<std::shared_ptr<LoadedModel>> load(const std::filesystem::path& path, const formats::ModelDescription& description,
                                            const LoadOptions& options) override;

 private:
  std::unique_ptr<Engine> otherwise_;
};

}  // namespace forebay::engines

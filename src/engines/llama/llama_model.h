// A GGUF model in memory; every session opened from it shares the weights.
// Threads: shared. Owner: models::Catalog; sessions and samplers keep it alive.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/synchronized.h"
#include "engines/engine.h"
#include "engines/llama/llama_library.h"
#include "engines/llama/llama_tokenizer.h"

namespace forebay::engines {

class LlamaModel final : public LoadedModel, public std::enable_shared_from_this<LlamaModel> {
 public:
  // As Engine::load; also kNoWeights for vocabulary-only files.
  static Result<std::shared_ptr<LlamaModel>> load(const std::filesystem::path& path, const formats::ModelDescription& description,
                                                  const LoadOptions& options);
  // Tokenises only; sessions are refused with kNoWeights. For files without tensors.
  static Result<std::shared_ptr<LlamaModel>> load_vocabulary(const std::filesystem::path& path,
                                                             const formats::ModelDescription& description);
  LlamaModel(formats::ModelDescription description, BackendReport report, LlamaModelPointer model, std::size_t threads);

  const formats::ModelDescription& description() const override { return description_; }
  const BackendReport& backend() const override { return report_; }
  std::uint64_t weights_bytes() const override { return llama_model_size(model_.get()); }
  std::uint64_t generation_session_bytes(const GenerationSessionOptions& options) const override;
  std::uint64_t embedding_session_bytes(const EmbeddingSessionOptions& options) const override;
  const text::Tokenizer* tokenizer() const override { return &tokenizer_; }
  Result<std::unique_ptr<GenerationSession>> open_generation_session(const GenerationSessionOptions& options) override;
  Result<std::unique_ptr<EmbeddingSession>> open_embedding_session(const EmbeddingSessionOptions& options) override;
  Result<std::unique_ptr<Sampler>> make_sampler(const SamplingOptions& options) const override;

  llama_model* library_model() const { return model_.get(); }
  std::size_t threads() const { return threads_; }
  // Loaded once a path, and kept as long as the model. kAdapterRefused.
  Result<llama_adapter_lora*> adapter(const std::string& path);

 private:
  const formats::ModelDescription description_;
  const BackendReport report_;
  LlamaModelPointer model_;
  LlamaTokenizer tokenizer_;
  const std::size_t threads_;
  Synchronized<std::map<std::string, llama_adapter_lora*>> adapters_;  // freed with the model
};

}  // namespace forebay::engines

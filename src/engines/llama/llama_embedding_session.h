// Embeds texts in one library context: packed by their tokens into as few computations as fit.
// Threads: confined to its engine thread. Owner: scheduling's worker.
#pragma once

#include <memory>
#include <vector>

#include "engines/embedding_session.h"
#include "engines/llama/llama_compute.h"

namespace forebay::engines {

class LlamaEmbeddingSession final : public EmbeddingSession {
 public:
  // kSessionRefused, kNoPooling.
  static Result<std::unique_ptr<EmbeddingSession>> open(std::shared_ptr<LlamaModel> model, const EmbeddingSessionOptions& options);
  explicit LlamaEmbeddingSession(std::unique_ptr<LlamaCompute> compute);

  const EmbeddingSessionInfo& info() const override { return info_; }
  Result<std::vector<std::vector<float>>> embed(const EmbeddingTexts& texts, const CancelToken& abort) override;
  void rest() override { compute_->rest(); }

 private:
  Result<> embed_pack(std::span<const std::vector<Token>> texts, std::span<const std::size_t> pack, const CancelToken& abort,
                      std::vector<std::vector<float>>& vectors);

  const std::unique_ptr<LlamaCompute> compute_;
  EmbeddingSessionInfo info_;
};

}  // namespace forebay::engines

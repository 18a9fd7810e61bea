#include "engines/watched_model.h"

#include <fmt/format.h>

#include <utility>

#include "engines/errors.h"

namespace forebay::engines {

namespace {
using Files = std::shared_ptr<const WatchedFiles>;

class WatchedTensorSession final : public TensorSession {
 public:
  WatchedTensorSession(std::unique_ptr<TensorSession> session, Files files) : session_(std::move(session)), files_(std::move(files)) {}
  Result<tensors::NamedTensors> run_within(const tensors::NamedTensors& inputs, std::span<const std::string> outputs,
                                           const CancelToken& cancel, std::optional<Duration> time_max) override {
    auto answer = session_->run_within(inputs, outputs, cancel, time_max);
    TRY(check_unchanged(*files_));
    return answer;
  }

 private:
  const std::unique_ptr<TensorSession> session_;
  const Files files_;
};

class WatchedGenerationSession final : public GenerationSession {
 public:
  WatchedGenerationSession(std::unique_ptr<GenerationSession> session, Files files)
      : session_(std::move(session)), files_(std::move(files)) {}

  Result<StepOutcome> step(std::span<const StepSlice> slices, const CancelToken& abort) override {
    auto outcome = session_->step(slices, abort);
    TRY(check_unchanged(*files_));
    return outcome;
  }
  const GenerationSessionInfo& info() const override { return session_->info(); }
  std::span<const float> logits(std::size_t slice, std::size_t row) const override { return session_->logits(slice, row); }
  std::chrono::nanoseconds waited() const override { return session_->waited(); }
  void rest() override { session_->rest(); }
  std::int32_t length(SequenceId sequence) const override { return session_->length(sequence); }
  std::uint32_t cells_used() const override { return session_->cells_used(); }
  bool trim(SequenceId sequence, std::int32_t tokens) override { return session_->trim(sequence, tokens); }
  Result<> share(SequenceId from, SequenceId to, std::int32_t tokens) override { return session_->share(from, to, tokens); }
  Result<std::vector<std::byte>> save(SequenceId sequence) override { return session_->save(sequence); }
  Result<> restore(SequenceId sequence, std::span<const std::byte> state, std::int32_t tokens) override {
    return session_->restore(sequence, state, tokens);
  }
  Result<> set_adapters(std::span<const Adapter> adapters) override { return session_->set_adapters(adapters); }

 private:
  const std::unique_ptr<GenerationSession> session_;
  const Files files_;
};

class WatchedEmbeddingSession final : public EmbeddingSession {
 public:
  WatchedEmbeddingSession(std::unique_ptr<EmbeddingSession> session, Files files)
      : session_(std::move(session)), files_(std::move(files)) {}

  const EmbeddingSessionInfo& info() const override { return session_->info(); }
  Result<std::vector<std::vector<float>>> embed(const EmbeddingTexts& texts, const CancelToken& abort) override {
    auto vectors = session_->embed(texts, abort);
    TRY(check_unchanged(*files_));
    return vectors;
  }
  void rest() override { session_->rest(); }

 private:
  const std::unique_ptr<EmbeddingSession> session_;
  const Files files_;
};

class WatchedModel final : public LoadedModel {
 public:
  WatchedModel(std::shared_ptr<LoadedModel> model, Files files) : model_(std::move(model)), files_(std::move(files)) {}

  const formats::ModelDescription& description() const override { return model_->description(); }
  const BackendReport& backend() const override { return model_->backend(); }
  std::uint64_t weights_bytes() const override { return model_->weights_bytes(); }
  std::uint64_t generation_session_bytes(const GenerationSessionOptions& options) const override {
    return model_->generation_session_bytes(options);
  }
  std::uint64_t embedding_session_bytes(const EmbeddingSessionOptions& options) const override {
    return model_->embedding_session_bytes(options);
  }
  std::uint64_t tensor_session_bytes() const override { return model_->tensor_session_bytes(); }
  const text::Tokenizer* tokenizer() const override { return model_->tokenizer(); }
  Result<std::unique_ptr<TensorSession>> open_tensor_session() override {
    TRY_ASSIGN(auto session, model_->open_tensor_session());
    return std::make_unique<WatchedTensorSession>(std::move(session), files_);
  }
  Result<std::unique_ptr<GenerationSession>> open_generation_session(const GenerationSessionOptions& options) override {
    TRY_ASSIGN(auto session, model_->open_generation_session(options));
    return std::make_unique<WatchedGenerationSession>(std::move(session), files_);
  }
  Result<std::unique_ptr<EmbeddingSession>> open_embedding_session(const EmbeddingSessionOptions& options) override {
    TRY_ASSIGN(auto session, model_->open_embedding_session(options));
    return std::make_unique<WatchedEmbeddingSession>(std::move(session), files_);
  }
  Result<std::unique_ptr<Sampler>> make_sampler(const SamplingOptions& options) const override { return model_->make_sampler(options); }

 private:
  const std::shared_ptr<LoadedModel> model_;
  const Files files_;
};
}  // namespace

Result<> check_unchanged(const WatchedFiles& files) {
  if (const auto change = files.change())
    return fail(kFileChanged, fmt::format("the file that the model is served from was overwritten after it was loaded: {}", *change));
  return {};
}

std::shared_ptr<LoadedModel> watched_model(std::shared_ptr<LoadedModel> model, std::shared_ptr<const WatchedFiles> files) {
  return std::make_shared<WatchedModel>(std::move(model), std::move(files));
}

}  // namespace forebay::engines

// An ONNX model in memory: one library session, which all our sessions share (its Run may be called by many threads at once). A small model
// that gains from threads has two: a run that is alone uses every thread, and runs beside others use one each.
// Threads: shared. Owner: models::Catalog.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engines/engine.h"
#include "engines/onnx/encoder_session.h"
#include "engines/onnx/onnx_api.h"
#include "engines/onnx/onnx_threads.h"
#include "text/subword_tokenizer.h"

namespace forebay::engines {

class OnnxModel final : public LoadedModel, public std::enable_shared_from_this<OnnxModel> {
 public:
  // As Engine::load.
  static Result<std::shared_ptr<OnnxModel>> load(const std::filesystem::path& path, const formats::ModelDescription& description,
                                                 const LoadOptions& options);
  // Without sessions: encode_with() follows.
  OnnxModel(formats::ModelDescription description, BackendReport report, const RunBounds& bounds, TunedSessions sessions);

  const formats::ModelDescription& description() const override { return description_; }
  const BackendReport& backend() const override { return report_; }
  // A session of ours adds nothing but what one run computes; that is estimated by what the description says beyond the weights.
  std::uint64_t weights_bytes() const override;
  std::uint64_t embedding_session_bytes(const EmbeddingSessionOptions&) const override { return tensor_session_bytes(); }
  std::uint64_t tensor_session_bytes() const override;
  const text::Tokenizer* tokenizer() const override { return tokenizer_.get(); }
  Result<std::unique_ptr<TensorSession>> open_tensor_session() override;
  Result<std::unique_ptr<EmbeddingSession>> open_embedding_session(const EmbeddingSessionOptions& options) override;

  // Makes it an encoder of texts. Its description has a text part.
  void encode_with(std::unique_ptr<text::SubwordTokenizer> tokenizer, std::shared_ptr<EncoderGraph> encoder);
  EncoderGraph* encoder() const { return encoder_.get(); }
  void note_graph(std::string finding) { report_.graph = std::move(finding); }

  // The right to run, while it lives. Run is const in spirit: the library locks what it must.
  class Turn {
   public:
    explicit Turn(OnnxModel& model) : model_(model), alone_(model.running_.fetch_add(1) == 0) {}
    ~Turn() { --model_.running_; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Ort::Session& session() const { return alone_ && model_.wide_ ? model_.wide_ : model_.session_; }

   private:
    OnnxModel& model_;
    const bool alone_;
  };
  const RunBounds& run_bounds() const { return bounds_; }
  const std::vector<std::string>& output_names() const { return output_names_; }

 private:
  const formats::ModelDescription description_;
  BackendReport report_;  // complete when load() returns
  const RunBounds bounds_;
  Ort::Session session_;
  Ort::Session wide_;
  std::atomic<int> running_{0};
  std::vector<std::string> output_names_;
  std::unique_ptr<text::SubwordTokenizer> tokenizer_;  // of an encoder
  std::shared_ptr<EncoderGraph> encoder_;
};

}  // namespace forebay::engines

// Texts to vectors by an encoder in ONNX Runtime: texts of like length share a run, several runs of one thread each go on at once, and a
// batch that is one run takes every core.
// Threads: confined to its engine thread; the runs are on threads of its own. Owner: scheduling's worker.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engines/embedding_session.h"
#include "engines/engine.h"
#include "engines/onnx/onnx_api.h"
#include "engines/onnx/run_lanes.h"

namespace forebay::engines {

// The loaded graph and how it is called. Threads: shared.
struct EncoderGraph {
  Ort::Session one_thread{nullptr};
  Ort::Session all_threads{nullptr};  // none when the machine has one core, or the weights are too many to hold twice
  std::size_t threads = 1;
  std::vector<std::string> inputs;  // of input_ids, attention_mask, token_type_ids
  bool wide_integers = true;        // int64, else int32
  std::string output;
  Pooling pooling = Pooling::kMean;  // kNone: the graph pools
  Token padding = 0;
  RunBounds bounds;
  bool packs = true;             // texts may share a run: shown when it was loaded
  std::size_t fixed_length = 0;  // tokens of every run, padding included; 0: any
  bool one_text_a_run = false;   // the graph's batch is fixed to one
};

struct EncoderRun {
  std::vector<std::size_t> texts;  // indices
  std::size_t length = 0;          // of the longest
};
struct EncoderRunLimits {
  std::size_t tokens_max = 256;         // padding counted, of a run that has more than one text
  std::size_t padding_percent_max = 8;  // of the tokens that are not padding
};
// Longest first. A text that is longer than tokens_max has a run for itself.
std::vector<EncoderRun> encoder_runs(std::span<const std::vector<Token>> texts, const EncoderRunLimits& limits);

class EncoderSession final : public EmbeddingSession {
 public:
  // `pooling` kFromFile: the graph's.
  EncoderSession(std::shared_ptr<EncoderGraph> graph, const EmbeddingSessionInfo& info, Pooling pooling = Pooling::kFromFile);

  const EmbeddingSessionInfo& info() const override { return info_; }
  Result<std::vector<std::vector<float>>> embed(const EmbeddingTexts& texts, const CancelToken& abort) override;
  // Whether made-up texts of several lengths have the same vectors alone and in one run.
  bool shows_packing() const;

 private:
  bool same_alone_and_together(const std::vector<std::vector<Token>>& tokens) const;
  Result<> compute(Ort::Session& session, const EmbeddingTexts& texts, const EncoderRun& run, const CancelToken& abort,
                   std::vector<std::vector<float>>& vectors) const;

  const std::shared_ptr<EncoderGraph> graph_;
  const EmbeddingSessionInfo info_;
  const Pooling pooling_;
  RunLanes lanes_;
};

}  // namespace forebay::engines

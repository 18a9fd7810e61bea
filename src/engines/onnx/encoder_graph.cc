#include "engines/onnx/encoder_graph.h"

#include <fmt/format.h>
#include <onnxruntime/onnxruntime_session_options_config_keys.h>

#include <algorithm>

#include "base/log.h"
#include "base/machine.h"
#include "engines/errors.h"
#include "engines/onnx/bounded_run.h"
#include "engines/onnx/onnx_environment.h"

namespace forebay::engines {

namespace {

// Weights beyond this are held once: a run of a model this large keeps every core busy by itself.
constexpr std::uint64_t kTwiceWeightBytesMax = 512U << 20U;

}  // namespace

Ort::SessionOptions encoder_session_options(std::size_t threads) {
  Ort::SessionOptions options = session_options_for(threads);
  options.AddConfigEntry(kOrtSessionOptionsConfigSetDenormalAsZero, "1");
  keep_memory_flat(options);  // texts have every length
  return options;
}

namespace {

Result<Pooling> pooling_of(const std::string& name) {
  if (name == "mean") return Pooling::kMean;
  if (name == "cls") return Pooling::kCls;
  if (name == "last") return Pooling::kLast;
  if (name == "rank") return Pooling::kRank;
  if (name == "none") return Pooling::kNone;
  return fail(kNoPooling, fmt::format("the pooling '{}' is not known", name));
}

}  // namespace

Result<std::shared_ptr<EncoderGraph>> make_encoder_graph(const formats::ModelDescription& description, const EncoderGraphOptions& options) {
  const auto& text = *description.text;
  auto graph = std::make_shared<EncoderGraph>();
  TRY_ASSIGN(graph->pooling, pooling_of(text.pooling));
  graph->output = text.output;
  graph->padding = options.padding;
  for (const auto& input : description.inputs) {
    graph->inputs.push_back(input.name);
    if (input.dtype == tensors::DType::kInt32) graph->wide_integers = false;
    if (input.shape.size() == 2 && input.shape[1] > 0) graph->fixed_length = static_cast<std::size_t>(input.shape[1]);
    if (input.shape.size() == 2 && input.shape[0] == 1) graph->one_text_a_run = true;
  }
  const std::size_t threads = options.threads == 0 ? usable_cores() : options.threads;
  const bool twice = threads > 1 && description.weight_bytes <= kTwiceWeightBytesMax;
  graph->threads = twice ? threads : 1;
  graph->one_thread = options.open(twice ? 1 : threads);
  if (twice) graph->all_threads = options.open(threads);
  graph->bounds = bounds_at_load(options.bounds);
  EmbeddingSessionInfo info;
  info.text_tokens_max = text.context_length;
  info.vocabulary_size = text.vocabulary_size > 0 ? text.vocabulary_size : options.vocabulary_size;
  // Texts of one token only would show nothing.
  graph->packs = description.rows_independent.value_or(description.mixes_rows.empty() && info.vocabulary_size > 1 &&
                                                       EncoderSession(graph, info).shows_packing());
  graph->bounds = options.bounds;
  if (!graph->packs)
    log::info("texts do not share runs: a text's vector would change with the texts beside it", {{"model", description.name}});
  return graph;
}

EmbeddingSessionInfo encoder_session_info(const formats::ModelDescription& description, const EmbeddingSessionOptions& options,
                                          const text::Tokenizer& tokenizer) {
  const auto& text = *description.text;
  EmbeddingSessionInfo info;
  info.text_tokens_max = text.context_length;
  info.batch_texts_max = options.batch_texts_max;
  // A text is never cut in two: the longest one must fit a batch.
  info.batch_tokens_max = std::max(options.batch_tokens_max, text.context_length);
  info.vocabulary_size = static_cast<std::uint32_t>(std::max(tokenizer.vocabulary_size(), 0));
  if (text.vocabulary_size > 0) info.vocabulary_size = std::min(info.vocabulary_size, text.vocabulary_size);
  info.embedding_length = text.embedding_length;
  info.pooling = text.pooling;
  return info;
}

}  // namespace forebay::engines

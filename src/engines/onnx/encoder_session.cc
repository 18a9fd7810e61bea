#include "engines/onnx/encoder_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/synchronized.h"
#include "engines/errors.h"
#include "engines/library_message.h"
#include "engines/onnx/bounded_run.h"

namespace forebay::engines {

namespace {

// The three inputs an encoder may have, padded to the length of the run.
template <class Integer>
class RunInputs {
 public:
  RunInputs(const EmbeddingTexts& texts, const EncoderRun& run, Token padding)
      : shape_{static_cast<std::int64_t>(run.texts.size()), static_cast<std::int64_t>(run.length)} {
    const std::size_t size = run.texts.size() * run.length;
    ids_.assign(size, static_cast<Integer>(padding));
    mask_.assign(size, 0);
    types_.assign(size, 0);
    for (std::size_t row = 0; row < run.texts.size(); ++row) {
      const std::size_t index = run.texts[row];
      const auto& tokens = texts.tokens[index];
      const std::size_t at = row * run.length;
      for (std::size_t i = 0; i < tokens.size(); ++i) ids_[at + i] = static_cast<Integer>(tokens[i]);
      std::fill_n(mask_.begin() + static_cast<std::ptrdiff_t>(at), tokens.size(), Integer{1});
      if (texts.second_from.empty()) continue;
      for (std::size_t i = texts.second_from[index]; i < tokens.size(); ++i) types_[at + i] = 1;
    }
  }

  std::vector<Ort::Value> values(const std::vector<std::string>& names) {
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    std::vector<Ort::Value> made;
    for (const std::string& name : names) {
      auto& numbers = name == "input_ids" ? ids_ : name == "attention_mask" ? mask_ : types_;
      made.push_back(Ort::Value::CreateTensor<Integer>(memory, numbers.data(), numbers.size(), shape_.data(), shape_.size()));
    }
    return made;
  }

 private:
  std::array<std::int64_t, 2> shape_;
  std::vector<Integer> ids_, mask_, types_;
};

// One text's vector of the run's output [texts, tokens, width] or [texts, width].
std::vector<float> pooled(const float* rows, std::size_t length, std::size_t width, Pooling pooling) {
  if (pooling == Pooling::kCls || pooling == Pooling::kLast) {
    const float* row = rows + (pooling == Pooling::kCls ? 0 : length - 1) * width;
    return {row, row + width};
  }
  std::vector<float> sum(width, 0.0F);
  for (std::size_t token = 0; token < length; ++token) {
    const float* row = rows + token * width;
    for (std::size_t i = 0; i < width; ++i) sum[i] += row[i];
  }
  const float scale = 1.0F / static_cast<float>(length);
  for (float& value : sum) value *= scale;
  return sum;
}

Result<> take_vectors(const Ort::Value& output, const EmbeddingTexts& texts, const EncoderRun& run, Pooling pooling,
                      std::vector<std::vector<float>>& vectors) {
  const auto information = output.GetTensorTypeAndShapeInfo();
  const auto shape = information.GetShape();
  if (information.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT)
    return fail(kEmbeddingFailed, "the model's vectors are not float32");
  const bool per_token = shape.size() == 3;
  const bool fits = !shape.empty() && shape[0] == static_cast<std::int64_t>(run.texts.size()) &&
                    (per_token ? shape[1] == static_cast<std::int64_t>(run.length) : shape.size() == 2);
  if (!fits) return fail(kEmbeddingFailed, "the model's vectors have a shape that does not fit the texts");
  const auto width = static_cast<std::size_t>(shape.back());
  const float* rows = output.GetTensorData<float>();
  for (std::size_t row = 0; row < run.texts.size(); ++row) {
    const std::size_t index = run.texts[row];
    const float* of_text = rows + row * width * (per_token ? run.length : 1);
    if (per_token)
      vectors[index] = pooled(of_text, texts.tokens[index].size(), width, pooling);
    else
      vectors[index].assign(of_text, of_text + width);
  }
  return {};
}

// Every thread gets a run, unless the texts are so few that half of them would be slower than all on all threads.
EncoderRunLimits limits_for(std::span<const std::vector<Token>> texts, std::size_t threads) {
  constexpr std::size_t kRunTokensMin = 96;
  std::size_t tokens = 0;
  for (const auto& text : texts) tokens += text.size();
  EncoderRunLimits limits;
  limits.tokens_max = std::clamp(tokens / threads + 1, kRunTokensMin, limits.tokens_max);
  return limits;
}

}  // namespace

std::vector<EncoderRun> encoder_runs(std::span<const std::vector<Token>> texts, const EncoderRunLimits& limits) {
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t index) { return texts[index].size(); });
  std::vector<EncoderRun> runs;
  std::size_t tokens = 0;  // of the last run, without padding
  for (const std::size_t index : order) {
    const std::size_t length = texts[index].size();
    if (!runs.empty()) {
      EncoderRun& run = runs.back();
      const std::size_t padded = (run.texts.size() + 1) * run.length;
      if (padded <= limits.tokens_max && (padded - tokens - length) * 100 <= limits.padding_percent_max * (tokens + length)) {
        run.texts.push_back(index);
        tokens += length;
        continue;
      }
    }
    runs.push_back({{index}, length});
    tokens = length;
  }
  return runs;
}

EncoderSession::EncoderSession(std::shared_ptr<EncoderGraph> graph, const EmbeddingSessionInfo& info, Pooling pooling)
    : graph_(std::move(graph)), info_(info), pooling_(pooling == Pooling::kFromFile ? graph_->pooling : pooling), lanes_(graph_->threads) {}

Result<> EncoderSession::compute(Ort::Session& session, const EmbeddingTexts& texts, const EncoderRun& wanted, const CancelToken& abort,
                                 std::vector<std::vector<float>>& vectors) const {
  const EncoderRun run{wanted.texts, graph_->fixed_length > 0 ? graph_->fixed_length : wanted.length};
  try {
    const auto call = [&](auto inputs) -> Result<> {
      RunArguments arguments;
      arguments.inputs = inputs.values(graph_->inputs);
      for (const std::string& name : graph_->inputs) arguments.input_names.push_back(name.c_str());
      arguments.output_names.push_back(graph_->output.c_str());
      TRY_ASSIGN(const auto outputs, bounded_run(session, arguments, graph_->bounds, abort));
      return take_vectors(outputs.front(), texts, run, pooling_, vectors);
    };
    auto done = graph_->wide_integers ? call(RunInputs<std::int64_t>(texts, run, graph_->padding))
                                      : call(RunInputs<std::int32_t>(texts, run, graph_->padding));
    if (!done && (done.error().code() == kRunFailed || done.error().code() == kOperandRefused))
      return fail(kEmbeddingFailed, std::string(done.error().message()));
    return done;
  } catch (const Ort::Exception& error) {
    return fail(kEmbeddingFailed, cleaned_library_message(error.what()));
  } catch (const std::bad_alloc&) {
    return fail(kEmbeddingFailed, "there is not enough memory for the run");
  }
}

namespace {

// Made-up texts of different lengths. Their tokens come from different parts of the vocabulary, so that not even a maximum over all texts
// is the same alone and together: from all of it, from smaller and smaller parts of its beginning, and of its end.
std::vector<std::vector<Token>> made_up_texts(std::size_t pattern, std::size_t vocabulary, std::size_t length_max) {
  constexpr std::size_t kTokensMax = 100;  // of the vocabulary: those that are in every one
  const std::size_t all = std::clamp(vocabulary, std::size_t{1}, kTokensMax);
  std::vector<std::vector<Token>> texts;
  for (const std::size_t length : {7U, 5U, 2U}) {
    const std::size_t part = pattern == 0 ? all : std::max<std::size_t>(1, all >> texts.size());
    const std::size_t from = pattern == 2 ? all - part : 0;
    auto& text = texts.emplace_back();
    while (text.size() < std::min(length, std::max<std::size_t>(length_max, 1)))
      text.push_back(static_cast<Token>(from + (text.size() * 37 + length * 11 + 1) % part));
  }
  return texts;
}

}  // namespace

// Padding and the texts beside it change the order in which kernels add, and nothing else: 1e-3 of a vector's largest number is far above
// that and far below what a text contributes.
bool EncoderSession::shows_packing() const {
  for (const std::size_t pattern : {0U, 1U, 2U}) {
    if (!same_alone_and_together(made_up_texts(pattern, info_.vocabulary_size, info_.text_tokens_max))) return false;
  }
  return true;
}

bool EncoderSession::same_alone_and_together(const std::vector<std::vector<Token>>& tokens) const {
  constexpr double kTolerance = 1e-3;
  const EmbeddingTexts texts{tokens};
  std::vector<std::vector<float>> together(tokens.size());
  std::vector<std::vector<float>> alone(tokens.size());
  const CancelToken never;
  const EncoderRun all{{0, 1, 2}, tokens[0].size()};
  if (!compute(graph_->one_thread, texts, all, never, together)) return false;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const EncoderRun one{{i}, tokens[i].size()};
    if (!compute(graph_->one_thread, texts, one, never, alone) || together[i].size() != alone[i].size()) return false;
    float largest = 0;
    for (const float value : alone[i]) largest = std::max(largest, std::abs(value));
    for (std::size_t j = 0; j < alone[i].size(); ++j)
      if (!(std::abs(together[i][j] - alone[i][j]) <= kTolerance * largest)) return false;
  }
  return true;
}

Result<std::vector<std::vector<float>>> EncoderSession::embed(const EmbeddingTexts& texts, const CancelToken& abort) {
  TRY(check_texts(texts.tokens, info_));
  std::vector<std::vector<float>> vectors(texts.tokens.size());
  auto limits = limits_for(texts.tokens, graph_->threads);
  if (!graph_->packs || graph_->one_text_a_run) limits.tokens_max = 0;
  const auto runs = encoder_runs(texts.tokens, limits);
  if (runs.size() == 1 && graph_->all_threads) {
    TRY(compute(graph_->all_threads, texts, runs.front(), abort, vectors));
    return vectors;
  }
  Synchronized<std::optional<Error>> failed;
  lanes_.run(runs.size(), [&](std::size_t i) {
    auto done = compute(graph_->one_thread, texts, runs[i], abort, vectors);
    if (done) return;
    auto error = failed.lock();
    *error = std::move(done).error();
  });
  if (auto error = failed.lock(); error->has_value()) return fail(**error);
  return vectors;
}

}  // namespace forebay::engines

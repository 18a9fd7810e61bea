#include <fmt/format.h>

#include <cmath>
#include <future>

#include "base/errors.h"
#include "cli/answer_sink.h"
#include "cli/errors.h"
#include "cli/run_outputs.h"
#include "cli/run_tasks.h"

namespace forebay::cli {

namespace {
constexpr std::size_t kInputBytesMax = std::size_t{64} << 20;

// One text an argument; "-" and a pipe are one text a line.
Result<std::vector<std::string>> texts_of(Console& console, const RunOptions& options) {
  std::vector<std::string> texts;
  auto arguments = options.inputs;
  if (options.prompt) arguments.push_back(*options.prompt);
  if (arguments.empty() && !console.in_is_terminal) arguments.emplace_back("-");
  for (const auto& argument : arguments) {
    if (argument != "-") {
      texts.push_back(argument);
      continue;
    }
    TRY_ASSIGN(const std::string all, read_all(console, kInputBytesMax));
    for (std::size_t at = 0; at < all.size();) {
      const auto end = std::min(all.find('\n', at), all.size());
      std::string line = all.substr(at, end - at);
      if (line.ends_with('\r')) line.pop_back();
      if (!line.empty()) texts.push_back(std::move(line));
      at = end + 1;
    }
  }
  if (texts.empty())
    return fail(Error(kInputMissing, "there is no text to embed")
                    .with_hint("forebay run FILE \"one text\" \"another\", or one text a line on standard input"));
  return texts;
}

void normalize(std::vector<float>& vector) {
  double sum = 0;
  for (const float value : vector) sum += static_cast<double>(value) * value;
  if (sum == 0) return;
  const double scale = 1 / std::sqrt(sum);
  for (float& value : vector) value = static_cast<float>(value * scale);
}
}  // namespace

Result<> run_embedding(Console& console, models::ServedModel& model, const RunOptions& options) {
  if (!options.system.empty() || options.raw)
    return fail(kOptionOutOfPlace, "this model embeds: --system and --raw are for language models");
  TRY_ASSIGN(const auto texts, texts_of(console, options));
  scheduling::EmbeddingRequest request;
  request.ticket.request_id = "run";
  for (const auto& text : texts) {
    TRY_ASSIGN(auto tokens, model.tokenizer->encode(text, {}));
    request.texts.push_back(std::move(tokens));
  }
  std::promise<Result<scheduling::EmbeddingAnswer>> promise;
  auto future = promise.get_future();
  TRY(model.embedding->submit(std::move(request),
                              [&promise](Result<scheduling::EmbeddingAnswer> answer) { promise.set_value(std::move(answer)); }));
  TRY_ASSIGN(auto answer, future.get());
  if (answer.vectors.empty() || answer.vectors[0].empty()) return fail(kInternalError, "the model gave no vectors");

  const std::size_t width = answer.vectors[0].size();
  std::vector<float> values;
  for (auto& vector : answer.vectors) {
    if (options.normalize) normalize(vector);
    values.insert(values.end(), vector.begin(), vector.end());
  }
  const auto tensor =
      tensors::Tensor::of<float>({static_cast<std::int64_t>(answer.vectors.size()), static_cast<std::int64_t>(width)}, values);
  TRY_ASSIGN(const std::string rendered, render_outputs({{"embeddings", tensor}}, model.description, options.form));
  return write_answer(console, options.out_file, rendered, options.form == OutputForm::kNpy ? AnswerKind::kBinary : AnswerKind::kText);
}

}  // namespace forebay::cli

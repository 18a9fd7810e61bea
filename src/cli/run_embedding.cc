#include <fmt/format.h>

#include "base/errors.h"
#include "cli/answer_sink.h"
#include "cli/awaited.h"
#include "cli/errors.h"
#include "cli/run_outputs.h"
#include "cli/run_tasks.h"
#include "inference/embedding.h"

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

Result<> check_options(const models::ServedModel& model, const RunOptions& options) {
  if (!options.system.empty() || options.raw)
    return fail(kOptionOutOfPlace, "this model embeds: --system and --raw are for language models");
  if (!options.named_inputs.empty() || !options.outputs.empty() || options.series || options.stride)
    return fail(kOptionOutOfPlace, "this model embeds: --input, --outputs and --series are for tensor models");
  if (model.description.task == formats::Task::kReranking)
    return fail(Error(kOptionOutOfPlace, "this model ranks or classifies texts, which 'run' does not do")
                    .with_hint("serve it: forebay serve FILE, then POST /v1/rerank or /classify"));
  return {};
}
}  // namespace

Result<> run_embedding(Console& console, models::ServedModel& model, const RunOptions& options) {
  TRY(check_options(model, options));
  TRY_ASSIGN(const auto texts, texts_of(console, options));
  const inference::Call call{.ticket = {.request_id = "run"}};
  const inference::EmbeddingParams params{
      .texts = {texts.begin(), texts.end()}, .normalize = options.normalize, .prompt = options.prompt_name, .field = "text"};
  TRY_ASSIGN(auto request, inference::prepare_embedding(call, model, params));
  TRY_ASSIGN(const auto answer, awaited<inference::Embeddings>([&](auto done) {
    return inference::submit_embedding(call, model, std::move(request), params, std::move(done));
  }));
  if (answer.vectors.empty() || answer.vectors[0].empty()) return fail(kInternalError, "the model gave no vectors");

  const std::size_t width = answer.vectors[0].size();
  std::vector<float> values;
  for (const auto& vector : answer.vectors) values.insert(values.end(), vector.begin(), vector.end());
  const auto tensor =
      tensors::Tensor::of<float>({static_cast<std::int64_t>(answer.vectors.size()), static_cast<std::int64_t>(width)}, values);
  TRY_ASSIGN(const std::string rendered, render_outputs({{"embeddings", tensor}}, model.description, options.form));
  return write_answer(console, options.out_file, rendered, options.form == OutputForm::kNpy ? AnswerKind::kBinary : AnswerKind::kText);
}

}  // namespace forebay::cli

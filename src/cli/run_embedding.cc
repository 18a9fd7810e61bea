#include <fmt/format.h>

#include "base/errors.h"
#include "cli/answer_sink.h"
#include "cli/awaited.h"
#include "cli/errors.h"
#include "cli/run_outputs.h"
#include "cli/run_tasks.h"
#include "cli/run_texts.h"
#include "inference/embedding.h"

namespace forebay::cli {

namespace {
Result<> check_options(const RunOptions& options) {
  TRY(check_text_options(options, "embeds"));
  if (options.query) return fail(kOptionOutOfPlace, "this model embeds: --query is for models that rank texts");
  if (options.top_k) return fail(kOptionOutOfPlace, "this model embeds: --top-k is for language models and for models that rank");
  return {};
}
}  // namespace

Result<> run_embedding(Console& console, models::ServedModel& model, const RunOptions& options) {
  TRY(check_options(options));
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

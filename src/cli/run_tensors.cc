#include <istream>

#include "base/errors.h"
#include "cli/answer_sink.h"
#include "cli/awaited.h"
#include "cli/errors.h"
#include "cli/run_inputs.h"
#include "cli/run_outputs.h"
#include "cli/run_recipes.h"
#include "cli/run_tasks.h"
#include "cli/run_vision.h"

namespace forebay::cli {

Result<std::string> read_all(Console& console, std::size_t bytes_max) {
  std::string text;
  std::array<char, 65'536> chunk{};
  while (console.in.read(chunk.data(), chunk.size()) || console.in.gcount() > 0) {
    text.append(chunk.data(), static_cast<std::size_t>(console.in.gcount()));
    if (text.size() > bytes_max) return fail(kFileTooLarge, "standard input is larger than the limit");
  }
  return text;
}

Result<std::string> render_answer(const ReadInputs& read, const tensors::NamedTensors& outputs, const formats::ModelDescription& model,
                                  const RunOptions& options, OutputForm form) {
  // Named outputs are shown as numbers.
  if (read.picture && options.outputs.empty() && model.vision->task != tensors::VisionTask::kTensors)
    return render_vision(*read.picture, outputs, model, form);
  if (has_recipe_answer(read, model, options)) return render_recipe(read, outputs, model, options, form);
  return render_outputs(outputs, model, form);
}

Result<> run_tensors(Console& console, models::ServedModel& model, const RunOptions& options) {
  if (options.prompt || !options.system.empty())
    return fail(kOptionOutOfPlace, "this is a tensor model: --prompt and --system are for language models");
  if (options.prompt_name) return fail(kOptionOutOfPlace, "this is a tensor model: --prompt-name is for embedding models");
  if (options.query) return fail(kOptionOutOfPlace, "this is a tensor model: --query is for models that rank texts");
  if (options.top_k && !model.description.ranking)
    return fail(kOptionOutOfPlace, "--top-k is for language models, and for models whose sidecar declares a ranking");
  auto positional = options.inputs;
  // A pipe without any other input is the input.
  if (positional.empty() && options.named_inputs.empty() && !options.series && !console.in_is_terminal && !model.description.inputs.empty())
    positional.emplace_back("-");
  scheduling::TensorRequest request;
  request.ticket.request_id = "run";
  TRY_ASSIGN(auto read,
             read_inputs(model.description,
                         {.positional = positional, .named = options.named_inputs, .series = options.series, .stride = options.stride},
                         console.in));
  request.inputs = read.tensors;
  request.outputs = options.outputs;
  TRY_ASSIGN(const auto answer,
             awaited<scheduling::TensorAnswer>([&](auto done) { return model.tensors->submit(std::move(request), std::move(done)); }));
  TRY_ASSIGN(const std::string rendered, render_answer(read, answer.outputs, model.description, options, options.form));
  const bool binary = options.form == OutputForm::kNpy || options.form == OutputForm::kPng;
  return write_answer(console, options.out_file, rendered, binary ? AnswerKind::kBinary : AnswerKind::kText);
}

}  // namespace forebay::cli

#include <future>
#include <istream>

#include "base/errors.h"
#include "cli/answer_sink.h"
#include "cli/errors.h"
#include "cli/run_inputs.h"
#include "cli/run_outputs.h"
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

Result<> run_tensors(Console& console, models::ServedModel& model, const RunOptions& options) {
  if (options.prompt || !options.system.empty())
    return fail(kOptionOutOfPlace, "this is a tensor model: --prompt and --system are for language models");
  auto positional = options.inputs;
  // A pipe without any other input is the input.
  if (positional.empty() && options.named_inputs.empty() && !console.in_is_terminal && !model.description.inputs.empty())
    positional.emplace_back("-");
  scheduling::TensorRequest request;
  request.ticket.request_id = "run";
  TRY_ASSIGN(auto read, read_inputs(model.description, positional, options.named_inputs, console.in));
  request.inputs = std::move(read.tensors);
  request.outputs = options.outputs;
  std::promise<Result<scheduling::TensorAnswer>> promise;
  auto future = promise.get_future();
  TRY(model.tensors->submit(std::move(request),
                            [&promise](Result<scheduling::TensorAnswer> answer) { promise.set_value(std::move(answer)); }));
  TRY_ASSIGN(const auto answer, future.get());
  // Who names outputs wants their numbers.
  const bool sees = read.picture && options.outputs.empty() && model.description.vision->task != tensors::VisionTask::kTensors;
  TRY_ASSIGN(const std::string rendered, sees ? render_vision(*read.picture, answer.outputs, model.description, options.form)
                                              : render_outputs(answer.outputs, model.description, options.form));
  const bool binary = options.form == OutputForm::kNpy || options.form == OutputForm::kPng;
  return write_answer(console, options.out_file, rendered, binary ? AnswerKind::kBinary : AnswerKind::kText);
}

}  // namespace forebay::cli

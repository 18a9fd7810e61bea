#include <fmt/chrono.h>
#include <fmt/format.h>

#include <istream>
#include <ostream>

#include "cli/answer_sink.h"
#include "cli/conversation.h"
#include "cli/errors.h"
#include "cli/json_text.h"
#include "cli/run_tasks.h"

namespace forebay::cli {

namespace {
constexpr std::size_t kPromptBytesMax = std::size_t{16} << 20;

Result<> check_options(const RunOptions& options) {
  if (!options.named_inputs.empty() || !options.outputs.empty())
    return fail(kOptionOutOfPlace, "this is a language model: --input and --outputs are for tensor models");
  if (options.prompt_name) return fail(kOptionOutOfPlace, "this is a language model: --prompt-name is for embedding models");
  if (options.query) return fail(kOptionOutOfPlace, "this is a language model: --query is for models that rank texts");
  if (options.series || options.stride)
    return fail(kOptionOutOfPlace, "this is a language model: --series and --stride are for tensor models");
  if (options.form != OutputForm::kText && options.form != OutputForm::kJson)
    return fail(kOutputFormat, "a language model answers as text or json");
  if (options.raw && !options.system.empty())
    return fail(kOptionOutOfPlace, "--raw completes the prompt as it is, so there is no place for --system");
  return {};
}

// Nothing when a conversation is wanted.
Result<std::optional<std::string>> prompt_of(Console& console, const RunOptions& options) {
  if (options.prompt && !options.inputs.empty()) return fail(kUsage, "the prompt is given twice: by --prompt and as an argument");
  std::optional<std::string> prompt = options.prompt;
  for (const auto& argument : options.inputs) prompt = prompt ? *prompt + " " + argument : argument;
  if (!prompt && console.in_is_terminal) return std::nullopt;
  if (prompt && *prompt != "-") return prompt;
  TRY_ASSIGN(std::string all, read_all(console, kPromptBytesMax));
  if (all.ends_with('\n')) all.pop_back();
  if (all.empty())
    return fail(Error(kInputMissing, "there is no prompt").with_hint("forebay run FILE \"the prompt\", or the prompt on standard input"));
  return all;
}

std::string as_json(const Answer& answer) {
  return fmt::format(R"({{"text": {}, "finish_reason": "{}", "usage": {{"prompt_tokens": {}, "completion_tokens": {}}}, "seed": {}}})"
                     "\n",
                     json_string(answer.text), scheduling::name_of(answer.finish_reason), answer.usage.prompt_tokens,
                     answer.usage.generated_tokens, answer.seed);
}
}  // namespace

Result<> run_generation(Console& console, models::ServedModel& model, const Clock& clock, const RunOptions& options) {
  TRY(check_options(options));
  TRY_ASSIGN(const auto prompt, prompt_of(console, options));
  Conversation conversation(model, clock, options);
  if (!prompt) return converse(console, conversation);
  if (conversation.uses_default_template())
    console.err << "note: the file has no chat template, so ChatML is used; --raw completes the text as it is\n";
  const bool streams = options.form == OutputForm::kText && options.out_file.empty();
  const CancelToken cancel;
  const auto show = [&](std::string_view text) {
    if (streams && !(console.out << text << std::flush)) cancel.cancel(CancelReason::kClientGone);
  };
  TRY_ASSIGN(const Answer answer, conversation.ask(*prompt, cancel, show));
  if (streams) return console.out << std::endl, Result<>();
  return write_answer(console, options.out_file, options.form == OutputForm::kJson ? as_json(answer) : answer.text + "\n",
                      AnswerKind::kText);
}

}  // namespace forebay::cli

// Turns with a language model: the messages so far, and the next answer as it comes.
// Threads: confined to the main thread, which waits for the tokens.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/result.h"
#include "cli/console.h"
#include "cli/run_options.h"
#include "models/served_model.h"
#include "scheduling/request.h"

namespace forebay::cli {

struct Answer {
  std::string text;
  scheduling::FinishReason finish_reason = scheduling::FinishReason::kStop;
  scheduling::GenerationUsage usage;
  std::uint32_t seed = 0;
};

class Conversation {
 public:
  // With --raw each text is completed as it is, and nothing is remembered. A model without a chat template of its own is given ChatML.
  Conversation(models::ServedModel& model, const Clock& clock, const RunOptions& options);

  // `show` gets the text as it becomes certain. The errors of the template, the tokenizer and the runner; a cancelled answer is an answer,
  // as far as it came.
  Result<Answer> ask(const std::string& text, const CancelToken& cancel, const std::function<void(std::string_view)>& show);
  // Forgets everything but the system message.
  void reset();
  bool uses_template() const { return uses_template_; }
  // Whether the template is ChatML because the file has none.
  bool uses_default_template() const;

 private:
  Result<std::vector<text::Token>> prompt_tokens(const CancelToken& cancel) const;
  Result<Answer> receive(scheduling::TokenChannel& channel, const std::function<void(std::string_view)>& show) const;

  models::ServedModel& model_;
  const Clock& clock_;
  const RunOptions& options_;
  const bool uses_template_;
  std::vector<text::Message> messages_;
};

// A conversation at a terminal, until /bye or the end of input: /help shows the commands, Ctrl-C stops the answer that is being written.
Result<> converse(Console& console, Conversation& conversation);

}  // namespace forebay::cli

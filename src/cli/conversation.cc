#include "cli/conversation.h"

#include "inference/generation.h"
#include "inference/prompts.h"

namespace forebay::cli {

namespace {
// How long a wait for a token lasts before the clock is looked at again; no token is late by it.
constexpr auto kWait = std::chrono::seconds(1);

engines::SamplingOptions sampling_of(const RunOptions& options) {
  engines::SamplingOptions sampling;
  if (options.temperature) sampling.temperature = *options.temperature;
  if (options.top_p) sampling.top_p = *options.top_p;
  if (options.top_k) sampling.top_k = *options.top_k;
  sampling.seed = options.seed;
  return sampling;
}
}  // namespace

Conversation::Conversation(models::ServedModel& model, const Clock& clock, const RunOptions& options)
    : model_(model), clock_(clock), options_(options), uses_template_(!options.raw) {
  reset();
}

void Conversation::reset() {
  messages_.clear();
  if (!options_.system.empty()) messages_.push_back({.role = "system", .content = options_.system});
}

bool Conversation::uses_default_template() const {
  const auto& text = model_.description.text;
  return uses_template_ && model_.chat_template && (!text || !text->chat_templates.contains("default"));
}

Result<std::vector<text::Token>> Conversation::prompt_tokens(const CancelToken& cancel) const {
  const inference::PromptRules rules{.cancel = &cancel};
  if (!uses_template_) return inference::plain_prompt(model_, messages_.back().content, rules);
  return inference::chat_prompt(model_, {.messages = messages_}, rules, clock_.wall());
}

Result<Answer> Conversation::receive(scheduling::TokenChannel& channel, const std::function<void(std::string_view)>& show) const {
  Answer answer;
  while (true) {
    auto event = channel.pop_until(clock_.now() + kWait);
    if (!event) continue;
    if (event->kind == scheduling::TokenEvent::Kind::kFailed) {
      if (event->error->kind() != ErrorKind::kCancelled) return fail(*event->error);
      answer.finish_reason = scheduling::FinishReason::kCancelled;
      return answer;
    }
    answer.text += event->text;
    if (!event->text.empty()) show(event->text);
    if (event->kind == scheduling::TokenEvent::Kind::kToken) continue;
    answer.finish_reason = event->finish_reason;
    answer.usage = event->usage;
    answer.seed = event->seed;
    return answer;
  }
}

Result<Answer> Conversation::ask(const std::string& text, const CancelToken& cancel, const std::function<void(std::string_view)>& show) {
  messages_.push_back({.role = "user", .content = text});
  const auto answered = [&]() -> Result<Answer> {
    inference::GenerationParams params;
    TRY_ASSIGN(params.prompts.emplace_back(), prompt_tokens(cancel));
    params.settings.sampling = sampling_of(options_);
    params.settings.tokens_max = options_.tokens_max;
    params.settings.stop_strings = options_.stop;
    TRY_ASSIGN(const auto channels, inference::generate({.ticket = {.request_id = "run", .cancel = cancel}}, model_, params));
    return receive(*channels.front(), show);
  }();
  // A turn that failed is as if it had not been.
  if (!answered)
    messages_.pop_back();
  else
    messages_.push_back({.role = "assistant", .content = answered->text});
  return answered;
}

}  // namespace forebay::cli

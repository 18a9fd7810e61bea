#include "http/generation.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <atomic>

#include "base/errors.h"
#include "http/errors.h"
#include "models/served_model.h"
#include "scheduling/runners.h"
#include "scheduling/token_channel.h"

namespace forebay::http {

namespace {

// One request's sequences and their channels. Confined to the loop but for wake().
class Generation : public std::enable_shared_from_this<Generation> {
 public:
  Generation(const ExchangePtr& exchange, GenerationOrder order) : exchange_(exchange), order_(std::move(order)) {}
  std::function<std::string(std::vector<Choice>)> to_json;  // gathered …
  std::optional<StreamShape> shape;                         // … or streamed

  void start(const ExchangePtr& exchange);

 private:
  void wake();
  void drain();
  void take_all();
  void take(Exchange& exchange, std::size_t sequence, const scheduling::TokenEvent& event);
  void stream_event(Exchange& exchange, std::size_t sequence, const scheduling::TokenEvent& event);
  void begin_stream(Exchange& exchange);
  void send(Exchange& exchange, const std::optional<std::string>& json);
  void give_up(Exchange& exchange, const Error& error);
  void all_finished(Exchange& exchange);

  std::weak_ptr<Exchange> exchange_;
  GenerationOrder order_;
  std::vector<std::shared_ptr<scheduling::TokenChannel>> channels_;
  std::vector<Choice> choices_;
  std::size_t finished_ = 0;
  std::atomic<bool> awake_{false};
  bool draining_ = false;  // on the loop
  bool stream_asked_ = false;
  std::vector<std::string> early_;  // of the event that made the stream begin
  bool all_early_ = false;          // … and ended it too
};

void Generation::start(const ExchangePtr& exchange) {
  auto ticket = exchange->ticket();
  for (std::size_t prompt = 0; prompt < order_.prompts.size(); ++prompt) {
    for (std::uint32_t i = 0; i < order_.sequences_per_prompt; ++i) {
      scheduling::GenerationRequest request = order_.settings;
      request.ticket = ticket;
      request.prompt = order_.prompts[prompt];
      if (request.sampling.seed) *request.sampling.seed += i;
      auto channel = order_.model->generation->submit(std::move(request));
      if (!channel) {
        exchange->refuse(channel.error());
        exchange->cancel().cancel(CancelReason::kSuperseded);
        return;
      }
      choices_.push_back({.sequence = choices_.size()});
      channels_.push_back(*std::move(channel));
    }
  }
  // The model beside this, not in it: a wake-up may be the last to hold this on the engine's own thread.
  exchange->keep(std::make_shared<std::pair<std::shared_ptr<Generation>, models::Lease>>(shared_from_this(), std::move(order_.model)));
  const std::weak_ptr<Generation> weak = weak_from_this();
  for (auto& channel : channels_) {
    channel->on_ready([weak] {
      if (const auto self = weak.lock()) self->wake();
    });
  }
}

// On the engine's thread, after every token: one drain is enough for all that came until it runs.
void Generation::wake() {
  if (awake_.exchange(true)) return;
  const auto exchange = exchange_.lock();
  if (exchange == nullptr) return;
  exchange->on_loop([self = shared_from_this()] { self->drain(); });
}

// The first event of a stream sends its headers, and that may wake us inside it: the later events wait for the first one's turn to end.
void Generation::drain() {
  awake_.store(false);
  if (std::exchange(draining_, true)) return;
  take_all();
  draining_ = false;
}

void Generation::take_all() {
  const auto exchange = exchange_.lock();
  if (exchange == nullptr) return;
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    while (true) {
      if (exchange->ended()) return;
      // A stream's pieces wait in their bounded channel until its headers are sent.
      if (stream_asked_ && exchange->stream() == nullptr) return;
      const auto event = channels_[i]->try_pop();
      if (!event) break;
      take(*exchange, i, *event);
    }
  }
}

void Generation::take(Exchange& exchange, std::size_t sequence, const scheduling::TokenEvent& event) {
  using Kind = scheduling::TokenEvent::Kind;
  if (event.kind == Kind::kFailed) return give_up(exchange, event.error.value_or(Error(kInternalError, "the generation failed")));
  Choice& choice = choices_[sequence];
  choice.text += event.text;
  if (order_.settings.wants_logprobs && event.kind == Kind::kToken)
    choice.pieces.push_back({event.text, event.logprob, event.alternatives});
  if (order_.settings.wants_logprobs && event.kind == Kind::kFinished && !choice.pieces.empty()) choice.pieces.back().text += event.text;
  if (event.kind == Kind::kFinished) {
    if (event.finish_reason == scheduling::FinishReason::kCancelled) return give_up(exchange, exchange.cancel().error());
    choice.finish_reason = event.finish_reason;
    choice.stop_string = event.stop_string;
    choice.usage = event.usage;
    choice.seed = event.seed;
    ++finished_;
  }
  if (shape) stream_event(exchange, sequence, event);
  if (finished_ == choices_.size() && !exchange.ended()) all_finished(exchange);
}

void Generation::stream_event(Exchange& exchange, std::size_t sequence, const scheduling::TokenEvent& event) {
  // Headers only now: what fails before its first token still gets a status of its own.
  if (!stream_asked_) begin_stream(exchange);
  const bool is_end = event.kind == scheduling::TokenEvent::Kind::kFinished;
  if (!event.text.empty() || (!is_end && event.logprob)) send(exchange, shape->token(sequence, event));
  if (is_end) send(exchange, shape->finished(choices_[sequence]));
}

void Generation::begin_stream(Exchange& exchange) {
  stream_asked_ = true;
  exchange.start_stream([weak = weak_from_this()](EventStream&) {
    const auto self = weak.lock();
    const auto now = self == nullptr ? nullptr : self->exchange_.lock();
    if (now == nullptr) return;
    for (std::size_t i = 0; i < self->choices_.size(); ++i) self->send(*now, self->shape->opening(i));
    for (auto& early : std::exchange(self->early_, {})) self->send(*now, std::move(early));
    if (self->all_early_) return self->all_finished(*now);
    self->wake();
  });
  if (exchange.ended()) exchange.cancel().cancel(CancelReason::kSuperseded);
}

void Generation::send(Exchange& exchange, const std::optional<std::string>& json) {
  if (!json || exchange.ended()) return;
  if (exchange.stream() != nullptr)
    exchange.stream()->send(*json, exchange.parts().context.clock->now());
  else
    early_.push_back(*json);
}

void Generation::give_up(Exchange& exchange, const Error& error) {
  if (exchange.stream() != nullptr)
    exchange.fail_stream(error);
  else
    exchange.refuse(error);
  exchange.cancel().cancel(CancelReason::kSuperseded);
}

void Generation::all_finished(Exchange& exchange) {
  if (!shape) return exchange.answer_json(to_json(std::move(choices_)));
  if (exchange.stream() == nullptr) {
    all_early_ = true;
    return;
  }
  send(exchange, shape->closing(choices_));
  if (shape->ends_with_done) exchange.stream()->done(exchange.parts().context.clock->now());
  exchange.end_stream();
}

void start(const ExchangePtr& exchange, std::shared_ptr<Generation> generation) {
  exchange->on_loop([exchange, generation = std::move(generation)] {
    if (!exchange->ended()) generation->start(exchange);
  });
}

}  // namespace

scheduling::GenerationUsage total_usage(const std::vector<Choice>& choices, std::uint32_t sequences_per_prompt) {
  scheduling::GenerationUsage total;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const auto& usage = choices[i].usage;
    total.generated_tokens += usage.generated_tokens;
    if (i % sequences_per_prompt != 0) continue;
    total.prompt_tokens += usage.prompt_tokens;
    total.cached_prompt_tokens += usage.cached_prompt_tokens;
  }
  return total;
}

void generate(const ExchangePtr& exchange, GenerationOrder order, std::function<std::string(std::vector<Choice>)> to_json) {
  auto generation = std::make_shared<Generation>(exchange, std::move(order));
  generation->to_json = std::move(to_json);
  start(exchange, std::move(generation));
}

void generate_stream(const ExchangePtr& exchange, GenerationOrder order, StreamShape shape) {
  auto generation = std::make_shared<Generation>(exchange, std::move(order));
  generation->shape = std::move(shape);
  start(exchange, std::move(generation));
}

Result<std::vector<Token>> chat_prompt(const models::ServedModel& model, text::TemplateInput input, const Exchange& exchange) {
  if (!model.chat_template) return fail(kFieldNotSupported, fmt::format("model '{}' has no chat template", model.name));
  input.bos_token = model.tokenizer->bos_text();
  input.eos_token = model.tokenizer->eos_text();
  input.date_string = fmt::format("{:%Y-%m-%d}", std::chrono::floor<std::chrono::days>(exchange.parts().context.clock->wall()));
  TRY_ASSIGN(const std::string prompt, model.chat_template->render(input));
  // Templates that write the first token themselves must not get it twice.
  const bool has_start = !input.bos_token.empty() && prompt.starts_with(input.bos_token);
  return model.tokenizer->encode(prompt, {.add_special = !has_start, .parse_special = true});
}

Result<std::vector<Token>> plain_prompt(const models::ServedModel& model, std::string_view text) {
  return model.tokenizer->encode(text, {.add_special = true, .parse_special = false});
}

Result<> check_tokens(const models::ServedModel& model, const std::vector<Token>& tokens, const std::string& field) {
  for (const Token token : tokens) {
    if (token >= 0 && token < model.tokenizer->vocabulary_size()) continue;
    return fail(
        Error(kTokenOutOfRange, fmt::format("token {} is outside the vocabulary of {} tokens", token, model.tokenizer->vocabulary_size()))
            .with_field(field));
  }
  return {};
}

Result<> check_bias(const models::ServedModel& model, const scheduling::GenerationRequest& settings) {
  std::vector<Token> tokens;
  for (const auto& [token, bias] : settings.sampling.logit_bias) tokens.push_back(token);
  return check_tokens(model, tokens, "logit_bias");
}

void prepare_on_pool(const ExchangePtr& exchange, std::move_only_function<Result<>()> prepare) {
  exchange->on_pool([exchange, prepare = std::move(prepare)]() mutable {
    if (exchange->cancel().cancelled()) return;
    if (auto prepared = prepare(); !prepared) exchange->refuse(prepared.error());
  });
}

}  // namespace forebay::http

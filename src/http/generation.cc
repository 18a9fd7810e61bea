#include "http/generation.h"

#include "base/errors.h"
#include "http/service_call.h"
#include "models/served_model.h"

namespace forebay::http {

namespace {

// Brings a gatherer's answer to its exchange, which may have ended meanwhile.
class ExchangeWire final : public AnswerWire {
 public:
  explicit ExchangeWire(const ExchangePtr& exchange) : exchange_(exchange) {}
  bool ended() const override {
    const auto exchange = exchange_.lock();
    return exchange == nullptr || exchange->ended();
  }
  bool streams() const override {
    const auto exchange = exchange_.lock();
    return exchange != nullptr && exchange->stream() != nullptr;
  }
  void begin_stream(std::function<void()> ready) override {
    if (const auto exchange = exchange_.lock()) exchange->start_stream([ready = std::move(ready)](EventStream&) { ready(); });
  }
  void event(const std::string& json) override {
    with_stream([&](EventStream& stream, Instant now) { stream.send(json, now); });
  }
  void comment() override {
    with_stream([&](EventStream& stream, Instant now) { stream.comment(now); });
  }
  void end_stream(bool with_done) override {
    if (with_done) with_stream([](EventStream& stream, Instant now) { stream.done(now); });
    if (const auto exchange = exchange_.lock()) exchange->end_stream();
  }
  void answer(std::string json) override {
    if (const auto exchange = exchange_.lock()) exchange->answer_json(std::move(json));
  }
  void fail(const Error& error) override {
    const auto exchange = exchange_.lock();
    if (exchange == nullptr) return;
    if (exchange->stream() != nullptr)
      exchange->fail_stream(error);
    else
      exchange->refuse(error);
  }
  void cancel_rest() override {
    if (const auto exchange = exchange_.lock()) exchange->cancel().cancel(CancelReason::kSuperseded);
  }
  Error cancel_error() const override {
    const auto exchange = exchange_.lock();
    return exchange == nullptr ? Error(kCancelledByCaller, "the request has ended") : exchange->cancel().error();
  }
  void on_loop(std::move_only_function<void()> work) override {
    if (const auto exchange = exchange_.lock()) exchange->on_loop(std::move(work));
  }

 private:
  template <class Use>
  void with_stream(Use use) {
    const auto exchange = exchange_.lock();
    if (exchange != nullptr && exchange->stream() != nullptr) use(*exchange->stream(), exchange->parts().context.clock->now());
  }
  std::weak_ptr<Exchange> exchange_;
};

void start_on_loop(const ExchangePtr& exchange, const GenerationOrder& order, Gathering gathering) {
  if (exchange->ended()) return;
  auto channels = inference::generate(call_of(exchange), *order.model, order.params);
  if (!channels) {
    exchange->refuse(channels.error());
    exchange->cancel().cancel(CancelReason::kSuperseded);
    return;
  }
  gathering.wants_logprobs = order.params.settings.wants_logprobs;
  auto gatherer = std::make_shared<TokenGatherer>(std::make_unique<ExchangeWire>(exchange), std::move(gathering), *std::move(channels));
  exchange->keep(std::make_shared<std::pair<std::shared_ptr<TokenGatherer>, models::Lease>>(gatherer, order.model),
                 &exchange->parts().context.serving_metrics->for_model(order.model->name));
  exchange->when_silent([weak = std::weak_ptr(gatherer)] {
    if (const auto now = weak.lock()) now->begin_silently();
  });
  gatherer->listen();
}

void start(const ExchangePtr& exchange, GenerationOrder order, Gathering gathering) {
  exchange->on_loop([exchange, order = std::move(order), gathering = std::move(gathering)]() mutable {
    const GenerationOrder own = std::move(order);  // its lease ends here, on the loop
    start_on_loop(exchange, own, std::move(gathering));
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
    total.dropped_prompt_tokens += usage.dropped_prompt_tokens;
  }
  return total;
}

void generate(const ExchangePtr& exchange, GenerationOrder order, std::function<std::string(std::vector<Choice>)> to_json) {
  start(exchange, std::move(order), {.to_json = std::move(to_json), .shape = {}});
}

void generate_stream(const ExchangePtr& exchange, GenerationOrder order, StreamShape shape) {
  start(exchange, std::move(order), {.to_json = {}, .shape = std::move(shape)});
}

void prepare_on_pool(const ExchangePtr& exchange, std::move_only_function<Result<>()> prepare) {
  exchange->on_pool([exchange, prepare = std::move(prepare)]() mutable {
    if (exchange->cancel().cancelled()) return;
    if (auto prepared = prepare(); !prepared) exchange->refuse(prepared.error());
  });
}

}  // namespace forebay::http

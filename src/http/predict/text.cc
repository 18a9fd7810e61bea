#include "http/exchange.h"
#include "http/generation.h"
#include "http/leases.h"
#include "http/openai/answers.h"
#include "http/predict/handlers.h"
#include "http/predict/predict_answer.h"
#include "http/predict/text_request.h"
#include "inference/prompts.h"
#include "models/served_model.h"

namespace forebay::http::predict {

namespace {

std::string_view finish_word(scheduling::FinishReason reason) { return scheduling::name_of(reason); }

// The members that end every answer, whole or streamed.
void write_ending(JsonWriter& json, const Choice& choice) {
  json.field("finish_reason", finish_word(choice.finish_reason));
  json.key("stop");
  if (choice.stop_string)
    json.value(*choice.stop_string);
  else
    json.null();
  json.field("seed", choice.seed).key("usage");
  openai::write_usage(json, choice.usage);
  json.key("timings")
      .object()
      .field("queued_ms", milliseconds(choice.usage.queued))
      .field("prefill_ms", milliseconds(choice.usage.prefill));
  json.field("decode_ms", milliseconds(choice.usage.decode)).end();
}

std::string whole_answer(const std::string& model, const Choice& choice) {
  JsonWriter json;
  json.object().field("model", model).field("text", choice.text);
  write_ending(json, choice);
  const auto inference = choice.usage.prefill + choice.usage.decode;
  json.field("inference_time_ms", milliseconds(inference)).end();
  return json.take();
}

StreamShape stream_shape() {
  StreamShape shape;
  shape.opening = [](std::size_t) { return std::nullopt; };
  shape.token = [](std::size_t, const scheduling::TokenEvent& event) {
    JsonWriter json;
    json.object().field("text", event.text).end();
    return json.take();
  };
  shape.finished = [](const Choice& choice) {
    JsonWriter json;
    json.object().field("text", "");
    write_ending(json, choice);
    json.end();
    return json.take();
  };
  shape.closing = [](const std::vector<Choice>&) { return std::nullopt; };
  return shape;
}

using ReadBody = Result<TextRequest> (*)(std::string_view body, const openai::RequestLimits& limits);

Result<> start(const ExchangePtr& exchange, ReadBody read) {
  TRY_ASSIGN(auto request, read(exchange->body(), openai::limits_of(exchange->parts().options)));
  TRY(exchange->set_urgency(request.urgency, request.settings.partial_at_deadline));
  TRY_ASSIGN(auto model, lease_for(*exchange, request.model, formats::Task::kTextGeneration));
  TRY(inference::check_settings(*model, request.settings));
  const inference::PromptRules rules{.overflow = request.settings.overflow, .cancel = &exchange->cancel()};
  std::vector<Token> prompt;
  if (request.messages.empty()) {
    TRY_ASSIGN(prompt, inference::plain_prompt(*model, request.prompt, rules));
  } else {
    TRY_ASSIGN(prompt,
               inference::chat_prompt(*model, {.messages = std::move(request.messages)}, rules, exchange->parts().context.clock->wall()));
  }
  const std::string name = model->name;
  GenerationOrder order{.model = std::move(model), .params = {.settings = std::move(request.settings)}};
  order.params.prompts.push_back(std::move(prompt));
  if (request.stream)
    generate_stream(exchange, std::move(order), stream_shape());
  else
    generate(exchange, std::move(order), [name](const std::vector<Choice>& choices) { return whole_answer(name, choices.front()); });
  return {};
}

}  // namespace

void generate(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange] { return start(exchange, read_generate); });
}

void chat(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange] { return start(exchange, read_chat); });
}

}  // namespace forebay::http::predict

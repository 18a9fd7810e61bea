#include <fmt/format.h>

#include "base/ids.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/leases.h"
#include "http/openai/answers.h"
#include "http/openai/chat_request.h"
#include "http/openai/handlers.h"
#include "inference/prompts.h"
#include "models/served_model.h"

namespace forebay::http::openai {

namespace {

// What every object of one answer repeats.
struct Frame {
  std::string id;
  std::int64_t created;
  std::string model;
  StreamFields stream;
  std::uint32_t prompt_tokens = 0;
};

void open_frame(JsonWriter& json, const Frame& frame, std::string_view kind) {
  json.object().field("id", frame.id).field("object", kind).field("created", frame.created).field("model", frame.model);
  json.field("system_fingerprint", "forebay").key("choices").array();
}

std::string whole_answer(const Frame& frame, const std::vector<Choice>& choices) {
  JsonWriter json;
  open_frame(json, frame, "chat.completion");
  for (const auto& choice : choices) {
    json.object().field("index", choice.sequence);
    json.key("message").object().field("role", "assistant").field("content", choice.text).key("refusal").null().end();
    json.key("logprobs");
    if (choice.pieces.empty())
      json.null();
    else
      write_chat_logprobs(json, choice.pieces);
    write_finish(json, choice.finish_reason);
    json.end();
  }
  json.end().key("usage");
  write_usage(json, total_usage(choices, frame.stream.choices));
  json.end();
  return json.take();
}

// One chunk with one choice; `delta` writes the members of its delta.
template <class Delta>
std::string chunk(const Frame& frame, std::size_t index, Delta delta, const Choice::Piece* piece,
                  std::optional<scheduling::FinishReason> finish, const scheduling::GenerationUsage& usage) {
  JsonWriter json;
  open_frame(json, frame, "chat.completion.chunk");
  json.object().field("index", index).key("delta").object();
  delta(json);
  json.end().key("logprobs");
  if (piece == nullptr || !piece->logprob)
    json.null();
  else
    write_chat_logprobs(json, {*piece});
  write_finish(json, finish);
  json.end().end();
  write_chunk_usage(json, frame.stream, usage);
  json.end();
  return json.take();
}

StreamShape stream_shape(const Frame& frame) {
  StreamShape shape;
  shape.opening = [frame](std::size_t sequence) {
    return chunk(frame, sequence, [](JsonWriter& json) { json.field("role", "assistant").field("content", ""); }, nullptr, std::nullopt,
                 {.prompt_tokens = frame.prompt_tokens});
  };
  shape.token = [frame](std::size_t sequence, const scheduling::TokenEvent& event) {
    const Choice::Piece piece{event.text, event.text_offset, event.logprob, event.alternatives};
    return chunk(frame, sequence, [&event](JsonWriter& json) { json.field("content", event.text); }, &piece, std::nullopt, event.usage);
  };
  shape.finished = [frame](const Choice& choice) {
    return chunk(frame, choice.sequence, [](JsonWriter&) {}, nullptr, choice.finish_reason, choice.usage);
  };
  shape.closing = [frame](const std::vector<Choice>& choices) -> std::optional<std::string> {
    if (!frame.stream.usage) return std::nullopt;
    JsonWriter json;
    open_frame(json, frame, "chat.completion.chunk");
    json.end().key("usage");
    write_usage(json, total_usage(choices, frame.stream.choices));
    json.end();
    return json.take();
  };
  shape.ends_with_done = true;
  return shape;
}

Result<> prepare(const ExchangePtr& exchange, ChatRequest request) {
  TRY(exchange->set_urgency(request.urgency, request.settings.partial_at_deadline));
  TRY_ASSIGN(auto model, lease_for(*exchange, request.model, formats::Task::kTextGeneration));
  TRY(inference::check_settings(*model, request.settings));
  Frame frame{make_id("chatcmpl"), unix_seconds(*exchange), model->name, request.stream};
  TRY_ASSIGN(auto prompt, inference::chat_prompt(*model,
                                                 {.messages = std::move(request.messages),
                                                  .add_generation_prompt = request.adds_generation_prompt,
                                                  .extra_json = std::move(request.template_variables_json)},
                                                 {.overflow = request.settings.overflow, .cancel = &exchange->cancel()},
                                                 exchange->parts().context.clock->wall()));
  frame.prompt_tokens = static_cast<std::uint32_t>(prompt.size());
  GenerationOrder order{.model = std::move(model),
                        .params = {.settings = std::move(request.settings), .sequences_per_prompt = request.stream.choices}};
  order.params.prompts.push_back(std::move(prompt));
  if (request.stream.stream)
    generate_stream(exchange, std::move(order), stream_shape(frame));
  else
    generate(exchange, std::move(order), [frame](const std::vector<Choice>& choices) { return whole_answer(frame, choices); });
  return {};
}

}  // namespace

void chat(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(auto request, read_chat_request(exchange->body(), limits_of(exchange->parts().options)));
    return prepare(exchange, std::move(request));
  });
}

}  // namespace forebay::http::openai

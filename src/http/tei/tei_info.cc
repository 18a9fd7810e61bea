#include "http/embedding_run.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/leases.h"
#include "http/tei/handlers.h"
#include "inference/embedding.h"
#include "models/served_model.h"
#include "scheduling/runners.h"
#include "text/tokenizer.h"

namespace forebay::http::tei {

namespace {

constexpr std::size_t kTokensAnsweredMax = 256 << 10;  // of all texts of a request: each is an object of the answer

// {"inputs": "text" or ["text", …], "add_special_tokens", "prompt_name", "model"}: the tokens of each text, with its prompt. Places in the
// text are not known.
Result<std::string> tokens_of(const Exchange& exchange) {
  TRY_ASSIGN(const auto body, JsonObject::parse(exchange.body(), exchange.parts().json_limits()));
  TRY(body.only({"inputs", "model", "add_special_tokens", "prompt_name"}));
  TRY_ASSIGN(const auto name, body.string_or("model", ""));
  TRY_ASSIGN(const bool special, body.boolean_or("add_special_tokens", true));
  TRY_ASSIGN(const auto inputs, body.need("inputs"));
  TRY_ASSIGN(const auto texts, read_texts(inputs));
  std::optional<std::string> prompt_name;
  if (const auto field = body.find("prompt_name")) {
    TRY_ASSIGN(prompt_name, field->string());
  }
  TRY_ASSIGN(const auto model, lease_any(exchange, name));
  const auto* tokenizer = model->tokenizer;
  if (tokenizer == nullptr) return fail(Error(kFieldRange, "the model has no tokenizer").with_field("model"));
  TRY_ASSIGN(const auto prompt, inference::embedding_prompt(*model, prompt_name));
  JsonWriter json;
  json.array();
  std::size_t left = kTokensAnsweredMax;
  for (const auto& text : texts) {
    const auto* string = std::get_if<std::string>(&text);
    if (string == nullptr) return fail(Error(kFieldType, "'inputs' must be a string or strings").with_field("inputs"));
    TRY_ASSIGN(const auto tokens,
               tokenizer->encode(prompt + *string, {.add_special = special, .tokens_max = left, .cancel = &exchange.cancel()}));
    left -= tokens.size();
    json.array();
    for (const auto token : tokens) {
      const auto plain = tokenizer->piece(token, false);
      json.object().field("id", token).field("text", plain.empty() ? tokenizer->piece(token, true) : plain).field("special", plain.empty());
      json.key("start").null().key("stop").null().end();
    }
    json.end();
  }
  json.end();
  return json.take();
}

void write_kind(JsonWriter& json, const models::ServedModel& model) {
  const auto& description = model.description;
  json.key("model_type").object();
  if (description.task == formats::Task::kEmbedding) {
    json.key("embedding").object().field("pooling", description.text ? description.text->pooling : "").end();
  } else {
    json.key(description.task == formats::Task::kClassification ? "classifier" : "reranker").object().key("id2label").object();
    for (std::size_t i = 0; i < description.labels.size(); ++i) json.field(std::to_string(i), description.labels[i]);
    json.end().end();
  }
  json.end();
}

Result<std::string> information(const Exchange& exchange) {
  TRY_ASSIGN(const auto lease, lease_any(exchange, {}));
  const auto& model = *lease;
  if (!model.embedding) return fail(Error(kFieldRange, "the model neither embeds nor scores texts").with_field("model"));
  JsonWriter json;
  json.object().field("model_id", model.name).field("model_sha", model.version).field("model_dtype", "float32");
  write_kind(json, model);
  json.field("max_input_length", model.sequence_tokens_max)
      .field("max_client_batch_size", model.embedding->request_texts_max())
      .field("auto_truncate", true);
  json.field("version", exchange.parts().context.version).end();
  return json.take();
}

}  // namespace

void tokenize(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(auto tokens, tokens_of(*exchange));
    exchange->answer_json(std::move(tokens));
    return {};
  });
}

void info(const ExchangePtr& exchange) {
  auto told = information(*exchange);
  if (!told) return exchange->refuse(told.error());
  exchange->answer_json(*std::move(told));
}

}  // namespace forebay::http::tei

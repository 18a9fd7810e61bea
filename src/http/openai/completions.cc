#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/ids.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/openai/answers.h"
#include "http/openai/completions_request.h"
#include "http/openai/handlers.h"
#include "models/served_model.h"

namespace forebay::http::openai {

namespace {

struct Frame {
  std::string id;
  std::int64_t created;
  std::string model;
  std::uint32_t choices;  // of each prompt
  std::uint32_t best_of;
  bool stream_usage;
  bool asked_for_logprobs;
  std::vector<std::string> echoes;  // of each prompt, empty without echo
};

void open_frame(JsonWriter& json, const Frame& frame) {
  json.object().field("id", frame.id).field("object", "text_completion").field("created", frame.created).field("model", frame.model);
  json.field("system_fingerprint", "forebay").key("choices").array();
}

// The legacy shape: four lists of one length; offsets are in characters of the text.
void write_logprobs(JsonWriter& json, const std::vector<Choice::Piece>& pieces, std::size_t offset) {
  const auto characters = [](std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  };
  json.object().key("tokens").array();
  for (const auto& piece : pieces) json.value(piece.logprob ? piece.logprob->bytes : "");
  json.end().key("token_logprobs").array();
  for (const auto& piece : pieces) {
    if (piece.logprob)
      json.value(piece.logprob->logprob);
    else
      json.null();
  }
  json.end().key("top_logprobs").array();
  for (const auto& piece : pieces) {
    json.object();
    std::vector<std::string_view> written;  // two tokens may have the same text
    for (const auto& other : piece.alternatives) {
      if (std::ranges::find(written, other.bytes) != written.end()) continue;
      written.push_back(other.bytes);
      json.field(other.bytes, other.logprob);
    }
    json.end();
  }
  json.end().key("text_offset").array();
  for (const auto& piece : pieces) {
    json.value(offset);
    offset += characters(piece.text);
  }
  json.end().end();
}

void write_choice(JsonWriter& json, std::size_t index, std::string_view text, const std::vector<Choice::Piece>* pieces,
                  std::optional<scheduling::FinishReason> finish) {
  json.object().field("text", text).field("index", index).key("logprobs");
  if (pieces == nullptr)
    json.null();
  else
    write_logprobs(json, *pieces, 0);
  write_finish(json, finish);
  json.end();
}

double mean_logprob(const Choice& choice) {
  double sum = 0;
  for (const auto& piece : choice.pieces) sum += piece.logprob ? piece.logprob->logprob : 0;
  return choice.pieces.empty() ? 0 : sum / static_cast<double>(choice.pieces.size());
}

// The likeliest `choices` of each prompt's `best_of`, likeliest first.
std::vector<const Choice*> best(const Frame& frame, const std::vector<Choice>& choices) {
  std::vector<const Choice*> kept;
  for (std::size_t first = 0; first < choices.size(); first += frame.best_of) {
    std::vector<const Choice*> candidates;
    for (std::size_t i = 0; i < frame.best_of; ++i) candidates.push_back(&choices[first + i]);
    if (frame.best_of > frame.choices) {
      std::ranges::stable_sort(candidates, [](const Choice* a, const Choice* b) { return mean_logprob(*a) > mean_logprob(*b); });
    }
    kept.insert(kept.end(), candidates.begin(), candidates.begin() + frame.choices);
  }
  return kept;
}

std::string whole_answer(const Frame& frame, const std::vector<Choice>& choices) {
  JsonWriter json;
  open_frame(json, frame);
  const auto kept = best(frame, choices);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const std::string text = frame.echoes.empty() ? kept[i]->text : frame.echoes[i / frame.choices] + kept[i]->text;
    write_choice(json, i, text, frame.asked_for_logprobs ? &kept[i]->pieces : nullptr, kept[i]->finish_reason);
  }
  json.end().key("usage");
  write_usage(json, total_usage(choices, frame.best_of));
  json.end();
  return json.take();
}

std::string chunk(const Frame& frame, std::size_t index, std::string_view text, const std::vector<Choice::Piece>* pieces,
                  std::optional<scheduling::FinishReason> finish) {
  JsonWriter json;
  open_frame(json, frame);
  write_choice(json, index, text, pieces, finish);
  json.end();
  if (frame.stream_usage) json.key("usage").null();
  json.end();
  return json.take();
}

StreamShape stream_shape(const Frame& frame) {
  StreamShape shape;
  shape.opening = [frame](std::size_t sequence) -> std::optional<std::string> {
    if (frame.echoes.empty()) return std::nullopt;
    return chunk(frame, sequence, frame.echoes[sequence / frame.choices], nullptr, std::nullopt);
  };
  shape.token = [frame](std::size_t sequence, const scheduling::TokenEvent& event) {
    const std::vector<Choice::Piece> pieces{{event.text, event.logprob, event.alternatives}};
    return chunk(frame, sequence, event.text, event.logprob ? &pieces : nullptr, std::nullopt);
  };
  shape.finished = [frame](const Choice& choice) { return chunk(frame, choice.sequence, "", nullptr, choice.finish_reason); };
  shape.closing = [frame](const std::vector<Choice>& choices) -> std::optional<std::string> {
    if (!frame.stream_usage) return std::nullopt;
    JsonWriter json;
    open_frame(json, frame);
    json.end().key("usage");
    write_usage(json, total_usage(choices, frame.choices));
    json.end();
    return json.take();
  };
  shape.ends_with_done = true;
  return shape;
}

Result<std::vector<Token>> prompt_tokens(const models::ServedModel& model, const std::variant<std::string, std::vector<Token>>& prompt) {
  if (const auto* text = std::get_if<std::string>(&prompt)) return plain_prompt(model, *text);
  const auto& tokens = std::get<std::vector<Token>>(prompt);
  TRY(check_tokens(model, tokens, "prompt"));
  return tokens;
}

std::string text_of(const models::ServedModel& model, const std::variant<std::string, std::vector<Token>>& prompt) {
  if (const auto* text = std::get_if<std::string>(&prompt)) return *text;
  std::string text;
  for (const Token token : std::get<std::vector<Token>>(prompt)) text += model.tokenizer->piece(token, false);
  return text;
}

Result<> prepare(const ExchangePtr& exchange, CompletionsRequest request) {
  const auto most = exchange->parts().options.batch_items_max;
  if (request.prompts.size() * request.best_of > most) {
    return fail(
        Error(kTooManyItems, fmt::format("{} prompts times {} make more than {} sequences", request.prompts.size(), request.best_of, most))
            .with_field("prompt"));
  }
  TRY(exchange->set_urgency(request.urgency, request.settings.partial_at_deadline));
  TRY_ASSIGN(auto model, lease_for(*exchange, request.model, formats::Task::kTextGeneration));
  TRY(check_bias(*model, request.settings));
  Frame frame{make_id("cmpl"),      unix_seconds(*exchange),         model->name, request.choices, request.best_of,
              request.stream_usage, request.settings.wants_logprobs, {}};
  if (request.best_of > request.choices) request.settings.wants_logprobs = true;  // to rank them by
  GenerationOrder order{.model = model, .prompts = {}, .settings = std::move(request.settings), .sequences_per_prompt = request.best_of};
  for (const auto& prompt : request.prompts) {
    TRY_ASSIGN(auto tokens, prompt_tokens(*model, prompt));
    order.prompts.push_back(std::move(tokens));
    if (request.echo) frame.echoes.push_back(text_of(*model, prompt));
  }
  if (request.stream)
    generate_stream(exchange, std::move(order), stream_shape(frame));
  else
    generate(exchange, std::move(order), [frame](const std::vector<Choice>& choices) { return whole_answer(frame, choices); });
  return {};
}

}  // namespace

void completions(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(auto request, read_completions_request(exchange->body(), limits_of(exchange->parts().options)));
    return prepare(exchange, std::move(request));
  });
}

}  // namespace forebay::http::openai

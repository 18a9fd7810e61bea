#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/ids.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/leases.h"
#include "http/openai/answers.h"
#include "http/openai/completions_request.h"
#include "http/openai/handlers.h"
#include "inference/prompts.h"
#include "models/served_model.h"
#include "text/stream_text.h"

namespace forebay::http::openai {

namespace {

struct Frame {
  std::string id;
  std::int64_t created;
  std::string model;
  StreamFields stream;
  std::uint32_t best_of;
  bool asked_for_logprobs;
  std::vector<std::string> echoes;  // of each prompt, empty without echo
  std::vector<std::uint32_t> prompt_tokens = {};
};

void open_frame(JsonWriter& json, const Frame& frame) {
  json.object().field("id", frame.id).field("object", "text_completion").field("created", frame.created).field("model", frame.model);
  json.field("system_fingerprint", "forebay").key("choices").array();
}

// A token as the legacy shape has it: with a mark before bytes that are no text.
std::string legacy_text(std::string_view bytes) { return text::is_valid_utf8(bytes) ? std::string(bytes) : "bytes:" + token_text(bytes); }

// The likeliest tokens and the sampled one, by their texts. Of two tokens with one text the sampled one counts, else the likelier.
void write_top(JsonWriter& json, const Choice::Piece& piece) {
  json.object();
  std::vector<std::string> written;
  const auto write = [&](const scheduling::TokenLogprob& token) {
    auto text = legacy_text(token.bytes);
    if (std::ranges::find(written, text) != written.end()) return;
    json.field(text, piece.logprob && legacy_text(piece.logprob->bytes) == text ? piece.logprob->logprob : token.logprob);
    written.push_back(std::move(text));
  };
  for (const auto& other : piece.alternatives) write(other);
  if (piece.logprob) write(*piece.logprob);
  json.end();
}

// The legacy shape: four lists of one length; offsets are in characters of the text.
void write_logprobs(JsonWriter& json, const std::vector<Choice::Piece>& pieces) {
  json.object().key("tokens").array();
  for (const auto& piece : pieces) json.value(piece.logprob ? legacy_text(piece.logprob->bytes) : "");
  json.end().key("token_logprobs").array();
  for (const auto& piece : pieces) {
    if (piece.logprob)
      json.value(piece.logprob->logprob);
    else
      json.null();
  }
  json.end().key("top_logprobs").array();
  for (const auto& piece : pieces) write_top(json, piece);
  json.end().key("text_offset").array();
  for (const auto& piece : pieces) json.value(piece.text_offset);
  json.end().end();
}

void write_choice(JsonWriter& json, std::size_t index, std::string_view text, const std::vector<Choice::Piece>* pieces,
                  std::optional<scheduling::FinishReason> finish) {
  json.object().field("text", text).field("index", index).key("logprobs");
  if (pieces == nullptr)
    json.null();
  else
    write_logprobs(json, *pieces);
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
    if (frame.best_of > frame.stream.choices) {
      std::ranges::stable_sort(candidates, [](const Choice* a, const Choice* b) { return mean_logprob(*a) > mean_logprob(*b); });
    }
    kept.insert(kept.end(), candidates.begin(), candidates.begin() + frame.stream.choices);
  }
  return kept;
}

std::string whole_answer(const Frame& frame, const std::vector<Choice>& choices) {
  JsonWriter json;
  open_frame(json, frame);
  const auto kept = best(frame, choices);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const std::string text = frame.echoes.empty() ? kept[i]->text : frame.echoes[i / frame.stream.choices] + kept[i]->text;
    write_choice(json, i, text, frame.asked_for_logprobs ? &kept[i]->pieces : nullptr, kept[i]->finish_reason);
  }
  json.end().key("usage");
  write_usage(json, total_usage(choices, frame.best_of));
  json.end();
  return json.take();
}

std::string chunk(const Frame& frame, std::size_t index, std::string_view text, const std::vector<Choice::Piece>* pieces,
                  std::optional<scheduling::FinishReason> finish, const scheduling::GenerationUsage& usage) {
  JsonWriter json;
  open_frame(json, frame);
  write_choice(json, index, text, pieces, finish);
  json.end();
  write_chunk_usage(json, frame.stream, usage);
  json.end();
  return json.take();
}

StreamShape stream_shape(const Frame& frame) {
  StreamShape shape;
  shape.opening = [frame](std::size_t sequence) -> std::optional<std::string> {
    if (frame.echoes.empty()) return std::nullopt;
    const std::size_t prompt = sequence / frame.stream.choices;
    return chunk(frame, sequence, frame.echoes[prompt], nullptr, std::nullopt, {.prompt_tokens = frame.prompt_tokens[prompt]});
  };
  shape.token = [frame](std::size_t sequence, const scheduling::TokenEvent& event) {
    const std::vector<Choice::Piece> pieces{{event.text, event.text_offset, event.logprob, event.alternatives}};
    return chunk(frame, sequence, event.text, event.logprob ? &pieces : nullptr, std::nullopt, event.usage);
  };
  shape.finished = [frame](const Choice& choice) { return chunk(frame, choice.sequence, "", nullptr, choice.finish_reason, choice.usage); };
  shape.closing = [frame](const std::vector<Choice>& choices) -> std::optional<std::string> {
    if (!frame.stream.usage) return std::nullopt;
    JsonWriter json;
    open_frame(json, frame);
    json.end().key("usage");
    write_usage(json, total_usage(choices, frame.stream.choices));
    json.end();
    return json.take();
  };
  shape.ends_with_done = true;
  return shape;
}

Result<std::vector<Token>> prompt_tokens(const models::ServedModel& model, const std::variant<std::string, std::vector<Token>>& prompt,
                                         const inference::PromptRules& rules) {
  if (const auto* text = std::get_if<std::string>(&prompt)) return inference::plain_prompt(model, *text, rules);
  const auto& tokens = std::get<std::vector<Token>>(prompt);
  TRY(inference::check_tokens(model, tokens, "prompt"));
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
  TRY(inference::check_settings(*model, request.settings));
  Frame frame{make_id("cmpl"), unix_seconds(*exchange), model->name, request.stream, request.best_of, request.settings.wants_logprobs, {}};
  if (request.best_of > request.stream.choices) request.settings.wants_logprobs = true;  // to rank them by
  GenerationOrder order{.model = model, .params = {.settings = std::move(request.settings), .sequences_per_prompt = request.best_of}};
  const inference::PromptRules rules{
      .overflow = order.params.settings.overflow, .cancel = &exchange->cancel(), .add_special = request.adds_special_tokens};
  for (const auto& prompt : request.prompts) {
    TRY_ASSIGN(auto tokens, prompt_tokens(*model, prompt, rules));
    frame.prompt_tokens.push_back(static_cast<std::uint32_t>(tokens.size()));
    order.params.prompts.push_back(std::move(tokens));
    if (request.echo) frame.echoes.push_back(text_of(*model, prompt));
  }
  if (request.stream.stream)
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

#include "http/tei/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "http/embedding_run.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/leases.h"
#include "http/tei/handlers.h"
#include "inference/prompts.h"
#include "models/served_model.h"

namespace forebay::http::tei {

namespace {

constexpr std::string_view kMetaspace = "\u2581";  // where a word begins
constexpr std::string_view kContinues = "##";      // a piece of WordPiece that is no beginning of a word

enum class Joined : std::uint8_t { kAsTheyAre, kByMetaspace, kBySpaces };

Result<Joined> joined_by(const text::Tokenizer& tokenizer) {
  TRY_ASSIGN(const auto tokens, tokenizer.encode("a b", {.add_special = false}));
  std::string text;
  for (const auto token : tokens) text += tokenizer.piece(token, false);
  if (text.contains(kMetaspace)) return Joined::kByMetaspace;
  return text.contains(' ') ? Joined::kAsTheyAre : Joined::kBySpaces;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
}

// A piece with a space before it where English has none, as WordPiece's clean-up says.
bool stands_close(std::string_view piece) {
  constexpr std::array<std::string_view, 9> kClose = {".", "?", "!", ",", "n't", "'m", "'s", "'ve", "'re"};
  return std::ranges::any_of(kClose, [&](std::string_view close) { return piece.starts_with(close); });
}

//   {"ids": [1, 2] or [[1, 2], …], "skip_special_tokens", "model"}
Result<std::string> texts_of(const Exchange& exchange) {
  TRY_ASSIGN(const auto body, JsonObject::parse(exchange.body(), exchange.parts().json_limits()));
  TRY(body.only({"ids", "skip_special_tokens", "model"}));
  TRY_ASSIGN(const auto name, body.string_or("model", ""));
  TRY_ASSIGN(const bool skip_special, body.boolean_or("skip_special_tokens", true));
  TRY_ASSIGN(const auto ids, body.need("ids"));
  TRY_ASSIGN(const auto all, read_texts(ids));
  TRY_ASSIGN(const auto model, lease_any(exchange, name));
  if (model->tokenizer == nullptr) return fail(Error(kFieldRange, "the model has no tokenizer").with_field("model"));
  JsonWriter json;
  json.array();
  for (const auto& one : all) {
    const auto* tokens = std::get_if<std::vector<text::Token>>(&one);
    if (tokens == nullptr) return fail(Error(kFieldType, "'ids' must be tokens, or arrays of tokens").with_field("ids"));
    TRY(inference::check_tokens(*model, *tokens, "ids"));
    TRY_ASSIGN(const auto text, decoded(*model->tokenizer, *tokens, skip_special));
    json.value(text);
  }
  json.end();
  return json.take();
}

}  // namespace

Result<std::string> decoded(const text::Tokenizer& tokenizer, std::span<const text::Token> tokens, bool skip_special) {
  TRY_ASSIGN(const auto joined, joined_by(tokenizer));
  std::string text;
  for (const auto token : tokens) {
    std::string piece = tokenizer.piece(token, !skip_special);
    if (piece.empty()) continue;
    if (joined == Joined::kBySpaces && piece.starts_with(kContinues) && !text.empty())
      piece.erase(0, kContinues.size());
    else if (joined == Joined::kBySpaces && !text.empty() && !stands_close(piece))
      text += ' ';
    text += piece;
  }
  if (joined == Joined::kByMetaspace) replace_all(text, kMetaspace, " ");
  if (joined != Joined::kBySpaces && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

void decode(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(auto texts, texts_of(*exchange));
    exchange->answer_json(std::move(texts));
    return {};
  });
}

}  // namespace forebay::http::tei

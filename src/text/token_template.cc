#include "text/token_template.h"

#include <fmt/format.h>

#include <limits>

#include "text/errors.h"

namespace forebay::text {

namespace {
constexpr std::size_t kPiecesMax = 64;
constexpr std::size_t kSpecialTokensMax = 256;

Result<Token> checked(std::int64_t id) {
  if (id < 0 || id > std::numeric_limits<Token>::max()) return fail(kTokenizerInvalid, fmt::format("a special token has the id {}", id));
  return static_cast<Token>(id);
}
}  // namespace

Result<std::vector<TokenTemplate::Piece>> TokenTemplate::read(const std::vector<TemplatePiece>& pieces, const PostProcessorPart& part) {
  if (pieces.size() > kPiecesMax)
    return fail(kTokenizerLimit, fmt::format("the template has {} pieces, at most {} are taken", pieces.size(), kPiecesMax));
  std::vector<Piece> made;
  for (const TemplatePiece& piece : pieces) {
    if (piece.sequence) {
      made.push_back({piece.sequence->id == "B" ? Kind::kSecond : Kind::kFirst, {}, piece.sequence->type_id});
      continue;
    }
    if (!piece.special) return fail(kTokenizerInvalid, "a piece of the template is neither a special token nor a sequence");
    const auto found = part.special_tokens ? part.special_tokens->find(piece.special->id)
                                           : std::map<std::string, PostProcessorPart::Special>::const_iterator();
    if (!part.special_tokens || found == part.special_tokens->end())
      return fail(kTokenizerInvalid, fmt::format("the template's '{}' is not among its special tokens", piece.special->id.substr(0, 64)));
    if (found->second.ids.size() > kSpecialTokensMax) return fail(kTokenizerLimit, "a special token of the template has too many ids");
    Piece special{Kind::kSpecial, {}, piece.special->type_id};
    for (const auto id : found->second.ids) {
      TRY_ASSIGN(const auto token, checked(id));
      special.tokens.push_back(token);
    }
    made.push_back(std::move(special));
  }
  return made;
}

Result<> TokenTemplate::take_bert(const PostProcessorPart& part) {
  if (!part.sep || !part.cls) return fail(kTokenizerInvalid, fmt::format("the post-processor '{}' has no 'sep' or no 'cls'", part.type));
  TRY_ASSIGN(const auto sep, checked(std::get<1>(*part.sep)));
  TRY_ASSIGN(const auto cls, checked(std::get<1>(*part.cls)));
  const bool roberta = part.type == "RobertaProcessing";
  const std::int64_t second = roberta ? 0 : 1;
  single_ = {{Kind::kSpecial, {cls}, 0}, {Kind::kFirst, {}, 0}, {Kind::kSpecial, {sep}, 0}};
  pair_ = single_;
  if (roberta) pair_.push_back({Kind::kSpecial, {sep}, 0});
  pair_.push_back({Kind::kSecond, {}, second});
  pair_.push_back({Kind::kSpecial, {sep}, second});
  return {};
}

Result<> TokenTemplate::take(const PostProcessorPart& part) {
  if (part.type == "Sequence") {
    for (const auto& inner : part.processors.value_or(std::vector<PostProcessorPart>())) TRY(take(inner));
    return {};
  }
  if (part.type == "ByteLevel") return {};  // It only moves offsets.
  if (std::exchange(adds_, true)) return fail(kTokenizerUnsupported, "two post-processors that both add tokens are not supported");
  if (part.type == "BertProcessing" || part.type == "RobertaProcessing") return take_bert(part);
  if (part.type != "TemplateProcessing")
    return fail(kTokenizerUnsupported, fmt::format("the post-processor '{}' is not supported", part.type.substr(0, 64)));
  if (part.single) {
    TRY_ASSIGN(single_, read(*part.single, part));
  }
  if (part.pair) {
    TRY_ASSIGN(pair_, read(*part.pair, part));
  }
  return {};
}

Result<TokenTemplate> TokenTemplate::make(const PostProcessorPart* part) {
  TokenTemplate made;
  if (part != nullptr) TRY(made.take(*part));
  return made;
}

std::size_t TokenTemplate::added_to(const std::vector<Piece>& pieces) {
  std::size_t count = 0;
  for (const Piece& piece : pieces) count += piece.tokens.size();
  return count;
}

std::vector<Token> TokenTemplate::single(const std::vector<Token>& text) const {
  std::vector<Token> tokens;
  tokens.reserve(text.size() + added_to_single());
  for (const Piece& piece : single_) {
    const auto& from = piece.kind == Kind::kSpecial ? piece.tokens : text;
    tokens.insert(tokens.end(), from.begin(), from.end());
  }
  return tokens;
}

TokenPair TokenTemplate::pair(const std::vector<Token>& first, const std::vector<Token>& second) const {
  TokenPair made;
  bool typed = false;
  for (const Piece& piece : pair_) {
    if (piece.type != 0 && !typed) {
      made.second_from = made.tokens.size();
      typed = true;
    }
    const auto& from = piece.kind == Kind::kSpecial ? piece.tokens : piece.kind == Kind::kFirst ? first : second;
    made.tokens.insert(made.tokens.end(), from.begin(), from.end());
  }
  if (!typed) made.second_from = made.tokens.size();
  return made;
}

}  // namespace forebay::text

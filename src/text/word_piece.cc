#include <fmt/format.h>

#include "text/errors.h"
#include "text/prefix_trie.h"
#include "text/subword_model.h"
#include "text/unicode_text.h"
#include "text/vocabulary.h"

namespace forebay::text {

namespace {

class WordPiece final : public SubwordModel {
 public:
  WordPiece(const ModelPart& part, Token unknown) : unknown_(unknown), characters_max_(part.word_characters_max) {
    const std::string prefix = part.continuing_subword_prefix.value_or("##");
    std::vector<std::pair<std::string, std::uint32_t>> inner;
    for (const auto& [token, id] : part.vocabulary) {
      if (token.starts_with(prefix)) inner.emplace_back(token.substr(prefix.size()), id);
    }
    first_ = PrefixTrie(part.vocabulary);
    inner_ = PrefixTrie(std::move(inner));
  }

  Result<> append_tokens(std::string_view piece, std::vector<Token>& into) const override {
    const std::size_t begin = into.size();
    if (piece.size() <= characters_max_ || unicode::count(piece) <= characters_max_) {
      std::size_t at = 0;
      while (at < piece.size()) {
        const auto found = (at == 0 ? first_ : inner_).longest_prefix(piece.substr(at));
        if (!found) break;
        into.push_back(static_cast<Token>(found->value));
        at += found->bytes;
      }
      if (at == piece.size()) return {};
    }
    into.resize(begin);
    into.push_back(unknown_);
    return {};
  }

 private:
  Token unknown_;
  std::size_t characters_max_;
  PrefixTrie first_;
  PrefixTrie inner_;
};

class WordLevel final : public SubwordModel {
 public:
  WordLevel(const ModelPart& part, std::optional<Token> unknown) : words_(part.vocabulary), unknown_(unknown) {}
  Result<> append_tokens(std::string_view piece, std::vector<Token>& into) const override {
    const auto token = words_.find(piece);
    if (!token && !unknown_) return fail(kTokenizerInvalid, "a word is not in the vocabulary, which has no token for unknown words");
    into.push_back(token ? *token : *unknown_);
    return {};
  }

 private:
  Vocabulary words_;
  std::optional<Token> unknown_;
};

std::optional<Token> unknown_token(const ModelPart& part, const std::string& name) {
  for (const auto& [token, id] : part.vocabulary) {
    if (token == name) return static_cast<Token>(id);
  }
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<SubwordModel>> make_word_piece(const ModelPart& part) {
  const std::string name = part.unk_token.value_or("[UNK]");
  const auto unknown = unknown_token(part, name);
  if (!unknown) return fail(kTokenizerInvalid, fmt::format("the vocabulary has no '{}', the token for unknown words", name.substr(0, 64)));
  return std::make_unique<WordPiece>(part, *unknown);
}

Result<std::unique_ptr<SubwordModel>> make_word_level(const ModelPart& part) {
  return std::make_unique<WordLevel>(part, unknown_token(part, part.unk_token.value_or("<unk>")));
}

Result<std::unique_ptr<SubwordModel>> make_subword_model(const ModelPart& part) {
  if (part.type == "WordPiece") return make_word_piece(part);
  if (part.type == "BPE") return make_byte_pair(part);
  if (part.type == "Unigram") return make_unigram(part);
  return make_word_level(part);
}

}  // namespace forebay::text

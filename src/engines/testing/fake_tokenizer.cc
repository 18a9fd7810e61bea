#include "engines/testing/fake_tokenizer.h"

#include <optional>
#include <utility>

#include "text/errors.h"
#include "text/stream_text.h"

namespace forebay::engines {

namespace {
constexpr std::string_view kSpecials[] = {"<s>", "</s>", "<|user|>", "<|assistant|>"};

// The special token that `text` begins with.
std::optional<std::size_t> special_at(std::string_view text) {
  for (std::size_t i = 0; i < std::size(kSpecials); ++i) {
    if (text.starts_with(kSpecials[i])) return i;
  }
  return std::nullopt;
}
}  // namespace

Result<std::vector<text::Token>> FakeTokenizer::encode(std::string_view text, const text::EncodeOptions& options) const {
  if (!text::is_valid_utf8(text)) return fail(text::kInvalidUtf8, "the text is not valid UTF-8");
  std::vector<text::Token> tokens;
  if (options.add_special) tokens.push_back(kFakeBos);
  while (!text.empty()) {
    const auto special = options.parse_special ? special_at(text) : std::nullopt;
    tokens.push_back(special ? kFakeBos + static_cast<text::Token>(*special) : static_cast<unsigned char>(text.front()));
    text.remove_prefix(special ? kSpecials[*special].size() : 1);
  }
  if (options.truncate_to > 0 && tokens.size() > options.truncate_to) tokens.resize(options.truncate_to);
  if (tokens.size() > options.tokens_max) return fail(text::kTextTooLong, "the text has more tokens than allowed");
  return tokens;
}

Result<text::TokenPair> FakeTokenizer::encode_pair(std::string_view first, std::string_view second,
                                                   const text::EncodeOptions& options) const {
  TRY_ASSIGN(auto tokens, encode(first, {.truncate_to = 0}));
  TRY_ASSIGN(auto document, encode(second, {.add_special = false}));
  tokens.push_back(kFakeEnd);
  if (options.truncate_to > 0) text::fit_pair(tokens, document, options.truncate_to, 0);
  const std::size_t second_from = tokens.size();
  tokens.insert(tokens.end(), document.begin(), document.end());
  return text::TokenPair{std::move(tokens), second_from};
}

std::string FakeTokenizer::piece(text::Token token, bool show_control) const {
  if (token >= 0 && token < kFakeBos) return std::string(1, static_cast<char>(token));
  if (token >= kFakeBos && token < kFakeVocabularySize && show_control) return std::string(kSpecials[token - kFakeBos]);
  return "";
}

std::vector<text::Token> fake_tokens(std::string_view text) {
  std::vector<text::Token> tokens;
  for (const char byte : text) tokens.push_back(static_cast<unsigned char>(byte));
  return tokens;
}

std::string fake_text(std::span<const text::Token> tokens) {
  std::string text;
  for (const text::Token token : tokens) text += FakeTokenizer().piece(token, false);
  return text;
}

}  // namespace forebay::engines

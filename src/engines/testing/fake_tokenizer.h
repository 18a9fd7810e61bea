// A vocabulary of the 256 bytes and four special tokens: text of n bytes is n tokens.
// Threads: immutable. Owner: the test, or a FakeModel.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace forebay::engines {

inline constexpr text::Token kFakeBos = 256;
inline constexpr text::Token kFakeEnd = 257;
inline constexpr text::Token kFakeUser = 258;  // "<|user|>"
inline constexpr text::Token kFakeTurn = 259;  // "<|assistant|>": what follows is the model's
inline constexpr std::int32_t kFakeVocabularySize = 260;

class FakeTokenizer final : public text::Tokenizer {
 public:
  Result<std::vector<text::Token>> encode(std::string_view text, const text::EncodeOptions& options) const override;
  Result<text::TokenPair> encode_pair(std::string_view first, std::string_view second, const text::EncodeOptions& options) const override;
  std::string piece(text::Token token, bool show_control) const override;
  std::int32_t vocabulary_size() const override { return kFakeVocabularySize; }
  bool ends_generation(text::Token token) const override { return token == kFakeEnd; }
  std::string bos_text() const override { return "<s>"; }
  std::string eos_text() const override { return "</s>"; }
};

// The tokens of these bytes, without specials; and the bytes of these tokens.
std::vector<text::Token> fake_tokens(std::string_view text);
std::string fake_text(std::span<const text::Token> tokens);

}  // namespace forebay::engines

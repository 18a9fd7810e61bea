#include "text/vocabulary.h"

#include <fmt/format.h>

namespace forebay::text {

ByteTokens::ByteTokens(const Vocabulary& vocabulary) {
  for (unsigned byte = 0; byte < 256; ++byte) tokens_.push_back(vocabulary.find(fmt::format("<0x{:02X}>", byte)).value_or(-1));
}

std::optional<std::vector<Token>> ByteTokens::of(std::string_view text) const {
  if (tokens_.empty()) return std::nullopt;
  std::vector<Token> tokens;
  for (const char byte : text) {
    const Token token = tokens_[static_cast<unsigned char>(byte)];
    if (token < 0) return std::nullopt;
    tokens.push_back(token);
  }
  return tokens;
}

}  // namespace forebay::text

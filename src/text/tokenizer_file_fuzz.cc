// Any bytes as a tokenizer.json, and any text through what was read: it must end, with tokens of the vocabulary or a code. The text is
// what follows the first zero byte.
#include <cstdint>
#include <string_view>

#include "text/subword_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace forebay::text;
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const auto end = input.find('\0');
  const TokenizerLimits limits{.file_bytes_max = 1 << 16, .vocabulary_max = 1 << 16, .text_bytes_max = 1 << 12};
  const auto tokenizer = SubwordTokenizer::read(input.substr(0, end), limits);
  if (!tokenizer) return 0;
  const std::string_view text = end == std::string_view::npos ? "Grüße, \tworld 12!" : input.substr(end + 1);
  const auto tokens = (*tokenizer)->encode(text, {.parse_special = true});
  if (!tokens) return 0;
  for (const Token token : *tokens) {
    if (token < 0 || token >= (*tokenizer)->vocabulary_size()) __builtin_trap();
    (void)(*tokenizer)->piece(token, true);
  }
  const auto pair = (*tokenizer)->encode_pair(text, "b", {.truncate_to = 8});
  if (pair && pair->second_from > pair->tokens.size()) __builtin_trap();
  return 0;
}

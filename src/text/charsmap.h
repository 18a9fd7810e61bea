// SentencePiece's precompiled character map: a double array trie of byte sequences, each with the text that replaces it.
// Source of the layout: SentencePiece's darts-clone (the unit of a double array) and the "Precompiled" normalizer of tokenizer.json.
// Threads: immutable. Owner: its normalizer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace forebay::text {

class Charsmap {
 public:
  // `base64` as in the file. kTokenizerInvalid when the sizes do not fit together.
  static Result<Charsmap> read(std::string_view base64);
  // The text with every mapped character or short grapheme cluster replaced.
  std::string apply(std::string_view text) const;

 private:
  // What replaces the text's shortest mapped beginning. Offsets that lead outside the array end the search.
  std::optional<std::string_view> replacement(std::string_view text) const;
  std::vector<std::uint32_t> units_;
  std::string replacements_;  // each ends with a zero byte
};

}  // namespace forebay::text

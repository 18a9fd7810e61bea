// Puts special tokens around the tokens of one text, or of two.
// Threads: immutable after construction. Owner: the tokenizer.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"
#include "text/tokenizer_file.h"

namespace forebay::text {

class TokenTemplate {
 public:
  // Without a part nothing is added. kTokenizerUnsupported names the type.
  static Result<TokenTemplate> make(const PostProcessorPart* part);

  std::size_t added_to_single() const { return added_to(single_); }
  std::size_t added_to_pair() const { return added_to(pair_); }
  std::vector<Token> single(const std::vector<Token>& text) const;
  TokenPair pair(const std::vector<Token>& first, const std::vector<Token>& second) const;

 private:
  enum class Kind : std::uint8_t { kSpecial, kFirst, kSecond };
  struct Piece {
    Kind kind;
    std::vector<Token> tokens;  // of kSpecial
    std::int64_t type = 0;
  };
  static Result<std::vector<Piece>> read(const std::vector<TemplatePiece>& pieces, const PostProcessorPart& part);
  static std::size_t added_to(const std::vector<Piece>& pieces);
  Result<> take(const PostProcessorPart& part);
  Result<> take_bert(const PostProcessorPart& part);

  std::vector<Piece> single_{{Kind::kFirst, {}, 0}};
  std::vector<Piece> pair_{{Kind::kFirst, {}, 0}, {Kind::kSecond, {}, 1}};
  bool adds_ = false;
};

}  // namespace forebay::text

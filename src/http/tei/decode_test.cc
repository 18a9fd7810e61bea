#include "http/tei/decode.h"

#include <gtest/gtest.h>

namespace forebay::http::tei {
namespace {

// Tokens are the places of pieces in a list; the first is special. Encodes "a b" to the pieces that the list has for it.
class PiecesTokenizer final : public text::Tokenizer {
 public:
  PiecesTokenizer(std::vector<std::string> pieces, std::vector<text::Token> of_two_words)
      : pieces_(std::move(pieces)), of_two_words_(std::move(of_two_words)) {}
  Result<std::vector<text::Token>> encode(std::string_view, const text::EncodeOptions&) const override { return of_two_words_; }
  Result<text::TokenPair> encode_pair(std::string_view, std::string_view, const text::EncodeOptions&) const override {
    return text::TokenPair();
  }
  std::string piece(text::Token token, bool show_control) const override {
    return token == 0 && !show_control ? "" : pieces_.at(static_cast<std::size_t>(token));
  }
  std::int32_t vocabulary_size() const override { return static_cast<std::int32_t>(pieces_.size()); }
  bool ends_generation(text::Token) const override { return false; }
  std::string bos_text() const override { return ""; }
  std::string eos_text() const override { return ""; }

 private:
  std::vector<std::string> pieces_;
  std::vector<text::Token> of_two_words_;
};

std::string text_of(const text::Tokenizer& tokenizer, const std::vector<text::Token>& tokens, bool skip_special = true) {
  return decoded(tokenizer, tokens, skip_special).value();
}

TEST(TeiDecode, PutsWordPiecesTogether) {
  const PiecesTokenizer tokenizer({"[CLS]", "a", "b", "##c", "don", "'", "t", "."}, {1, 2});
  EXPECT_EQ(text_of(tokenizer, {0, 1, 2, 3, 7}), "a bc.");
  EXPECT_EQ(text_of(tokenizer, {0, 1}, false), "[CLS] a");
  EXPECT_EQ(text_of(tokenizer, {4, 5, 6}), "don ' t") << "as the library does";
  EXPECT_EQ(text_of(tokenizer, {3, 1}), "##c a") << "nothing is before it";
  EXPECT_EQ(text_of(tokenizer, {0}), "");
}

TEST(TeiDecode, TakesTheSpacesOfTheOtherKindsFromTheirPieces) {
  const PiecesTokenizer metaspace({"<s>", "\u2581a", "\u2581b", "c"}, {1, 2});
  EXPECT_EQ(text_of(metaspace, {0, 1, 2, 3}), "a bc");
  const PiecesTokenizer bytes({"<s>", "a", " b", "##"}, {1, 2});
  EXPECT_EQ(text_of(bytes, {1, 2, 3}), "a b##");
}

}  // namespace
}  // namespace forebay::http::tei

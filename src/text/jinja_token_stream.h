// Reads tokens one by one for the parser, and says where it stopped when they make no sense.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja_ast.h"
#include "text/jinja_lexer.h"

namespace forebay::text::jinja {

class TokenStream {
 public:
  TokenStream(std::vector<Token> tokens, std::uint32_t depth_max) : tokens_(std::move(tokens)), depth_max_(depth_max) {}

  const Token& now() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token next();
  bool at(TokenKind kind) const { return now().kind == kind; }
  bool at_operator(std::string_view text) const { return at(TokenKind::kOperator) && now().text == text; }
  bool at_name(std::string_view text) const { return at(TokenKind::kName) && now().text == text; }
  bool take_operator(std::string_view text);
  bool take_name(std::string_view text);
  Result<> expect_operator(std::string_view text);
  Result<> expect_name(std::string_view text);
  Result<> expect(TokenKind kind);
  Result<std::string_view> expect_identifier();

  NodePtr node(NodeKind kind, std::string_view text = {}) const;
  // Notes the height of the finished node; refuses one that is too high to be walked safely.
  Result<NodePtr> finish(NodePtr node) const;

  std::unexpected<Error> error(std::string message) const;
  // Says what stands here instead.
  std::unexpected<Error> unexpected_token() const;

  // Nesting of the parser itself, for constructs that nest before they have a node.
  class Descent {
   public:
    explicit Descent(TokenStream& stream) : stream_(stream) { ++stream_.depth_; }
    ~Descent() { --stream_.depth_; }
    Descent(const Descent&) = delete;
    Descent& operator=(const Descent&) = delete;
    bool too_deep() const { return stream_.depth_ > stream_.depth_max_; }

   private:
    TokenStream& stream_;
  };
  std::unexpected<Error> too_deep() const;

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::uint32_t depth_ = 0;
  std::uint32_t depth_max_;
};

}  // namespace forebay::text::jinja

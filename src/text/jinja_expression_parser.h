// The expressions of a template, by recursive descent.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja_ast.h"
#include "text/jinja_token_stream.h"

namespace forebay::text::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens) : tokens_(tokens) {}

  struct TupleRules {
    bool conditional = true;       // may an item be `a if b`
    bool parenthesized = false;    // "()" is an empty tuple
    std::string_view ends_before;  // a name that ends it: "recursive"
  };
  Result<NodePtr> expression();
  Result<NodePtr> tuple(const TupleRules& rules);
  // What `for` and `set` assign to: a name, names with commas; `set` (with `members`) also to ns.name and to the name `loop`.
  Result<NodePtr> target(bool members);
  // A chain of filters over `subject`. With `inline_start` the first one has no "|" before it.
  Result<NodePtr> filters(NodePtr subject, bool inline_start);
  Result<> call_arguments(Nodes& arguments);
  Result<NodePtr> primary();

  // Special names of macros that were read since the caller last reset this: MacroWants.
  std::uint8_t wants = 0;

 private:
  Result<NodePtr> conditional();
  Result<NodePtr> either();
  Result<NodePtr> both();
  Result<NodePtr> negation();
  Result<NodePtr> comparison();
  Result<NodePtr> arithmetic(int level);
  Result<NodePtr> concatenation();
  Result<NodePtr> sign(bool with_filters);
  Result<NodePtr> postfix(NodePtr subject);
  Result<NodePtr> filters_and_tests(NodePtr subject);
  Result<NodePtr> test(NodePtr subject);
  Result<NodePtr> subscript(NodePtr subject);
  Result<NodePtr> subscript_argument();
  Result<NodePtr> call(NodePtr callee);
  Result<NodePtr> name_or_constant();
  Result<NodePtr> number();
  Result<NodePtr> list();
  Result<NodePtr> dict();
  Result<NodePtr> binary(NodeKind kind, std::string_view operation, NodePtr left, NodePtr right);
  bool at_tuple_end(const TupleRules& rules) const;

  TokenStream& tokens_;
};

}  // namespace forebay::text::jinja

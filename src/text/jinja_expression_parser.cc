#include "text/jinja_expression_parser.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

#include "text/errors.h"

namespace forebay::text::jinja {

Result<NodePtr> ExpressionParser::binary(NodeKind kind, std::string_view operation, NodePtr left, NodePtr right) {
  NodePtr node = tokens_.node(kind, operation);
  node->line = left->line;
  node->parts.push_back(std::move(left));
  node->parts.push_back(std::move(right));
  return tokens_.finish(std::move(node));
}

Result<NodePtr> ExpressionParser::expression() { return conditional(); }

Result<NodePtr> ExpressionParser::conditional() {
  const TokenStream::Descent descent(tokens_);
  if (descent.too_deep()) return tokens_.too_deep();
  TRY_ASSIGN(NodePtr value, either());
  while (tokens_.take_name("if")) {
    NodePtr node = tokens_.node(NodeKind::kConditional);
    TRY_ASSIGN(NodePtr condition, either());
    node->parts.push_back(std::move(condition));
    node->parts.push_back(std::move(value));
    node->parts.push_back(nullptr);
    if (tokens_.take_name("else")) {
      TRY_ASSIGN(node->parts[2], conditional());
    }
    TRY_ASSIGN(value, tokens_.finish(std::move(node)));
  }
  return value;
}

Result<NodePtr> ExpressionParser::either() {
  TRY_ASSIGN(NodePtr left, both());
  while (tokens_.take_name("or")) {
    TRY_ASSIGN(NodePtr right, both());
    TRY_ASSIGN(left, binary(NodeKind::kOr, "or", std::move(left), std::move(right)));
  }
  return left;
}

Result<NodePtr> ExpressionParser::both() {
  TRY_ASSIGN(NodePtr left, negation());
  while (tokens_.take_name("and")) {
    TRY_ASSIGN(NodePtr right, negation());
    TRY_ASSIGN(left, binary(NodeKind::kAnd, "and", std::move(left), std::move(right)));
  }
  return left;
}

Result<NodePtr> ExpressionParser::negation() {
  if (!tokens_.at_name("not")) return comparison();
  const TokenStream::Descent descent(tokens_);
  if (descent.too_deep()) return tokens_.too_deep();
  NodePtr node = tokens_.node(NodeKind::kNot);
  tokens_.next();
  TRY_ASSIGN(NodePtr operand, negation());
  node->parts.push_back(std::move(operand));
  return tokens_.finish(std::move(node));
}

Result<NodePtr> ExpressionParser::comparison() {
  TRY_ASSIGN(NodePtr left, arithmetic(0));
  NodePtr chain;
  while (true) {
    std::string_view operation;
    if (tokens_.at(TokenKind::kOperator)) {
      for (const std::string_view known : {"==", "!=", "<", "<=", ">", ">="}) {
        if (tokens_.now().text == known) operation = known;
      }
    } else if (tokens_.at_name("in")) {
      operation = "in";
    } else if (tokens_.at_name("not") && tokens_.ahead().kind == TokenKind::kName && tokens_.ahead().text == "in") {
      operation = "not in";
      tokens_.next();
    }
    if (operation.empty()) break;
    if (chain == nullptr) {
      chain = tokens_.node(NodeKind::kCompare);
      chain->parts.push_back(std::move(left));
    }
    NodePtr operand = tokens_.node(NodeKind::kOperand, operation);
    tokens_.next();
    TRY_ASSIGN(NodePtr right, arithmetic(0));
    operand->parts.push_back(std::move(right));
    TRY_ASSIGN(operand, tokens_.finish(std::move(operand)));
    chain->parts.push_back(std::move(operand));
  }
  if (chain == nullptr) return left;
  return tokens_.finish(std::move(chain));
}

// From loosest to tightest: + -, then ~ (which takes any number), then * / // %, then **.
Result<NodePtr> ExpressionParser::arithmetic(int level) {
  constexpr std::string_view kOperators[][4] = {{"+", "-"}, {}, {"*", "/", "//", "%"}, {"**"}};
  if (level == 1) return concatenation();
  if (level == 4) return sign(true);
  TRY_ASSIGN(NodePtr left, arithmetic(level + 1));
  while (tokens_.at(TokenKind::kOperator)) {
    std::string_view operation;
    for (const std::string_view known : kOperators[level]) {
      if (!known.empty() && tokens_.now().text == known) operation = known;
    }
    if (operation.empty()) break;
    tokens_.next();
    TRY_ASSIGN(NodePtr right, arithmetic(level + 1));
    TRY_ASSIGN(left, binary(NodeKind::kBinary, operation, std::move(left), std::move(right)));
  }
  return left;
}

Result<NodePtr> ExpressionParser::concatenation() {
  TRY_ASSIGN(NodePtr first, arithmetic(2));
  if (!tokens_.at_operator("~")) return first;
  NodePtr node = tokens_.node(NodeKind::kConcat);
  node->parts.push_back(std::move(first));
  while (tokens_.take_operator("~")) {
    TRY_ASSIGN(NodePtr part, arithmetic(2));
    node->parts.push_back(std::move(part));
  }
  return tokens_.finish(std::move(node));
}

Result<NodePtr> ExpressionParser::sign(bool with_filters) {
  NodePtr node;
  if (tokens_.at_operator("-") || tokens_.at_operator("+")) {
    const TokenStream::Descent descent(tokens_);
    if (descent.too_deep()) return tokens_.too_deep();
    node = tokens_.node(NodeKind::kSign, tokens_.now().text);
    tokens_.next();
    TRY_ASSIGN(NodePtr operand, sign(false));
    node->parts.push_back(std::move(operand));
    TRY_ASSIGN(node, tokens_.finish(std::move(node)));
  } else {
    TRY_ASSIGN(node, primary());
  }
  TRY_ASSIGN(node, postfix(std::move(node)));
  if (!with_filters) return node;
  return filters_and_tests(std::move(node));
}

Result<NodePtr> ExpressionParser::postfix(NodePtr subject) {
  while (true) {
    if (tokens_.at_operator(".")) {
      NodePtr node = tokens_.node(NodeKind::kAttribute);
      tokens_.next();
      if (tokens_.at(TokenKind::kInteger)) {  // a.0 is a[0]
        node->kind = NodeKind::kSubscript;
        TRY_ASSIGN(NodePtr index, number());
        node->parts.push_back(std::move(subject));
        node->parts.push_back(std::move(index));
      } else {
        TRY_ASSIGN(node->text, tokens_.expect_identifier());
        node->parts.push_back(std::move(subject));
      }
      TRY_ASSIGN(subject, tokens_.finish(std::move(node)));
    } else if (tokens_.at_operator("[")) {
      TRY_ASSIGN(subject, subscript(std::move(subject)));
    } else if (tokens_.at_operator("(")) {
      TRY_ASSIGN(subject, call(std::move(subject)));
    } else {
      return subject;
    }
  }
}

Result<NodePtr> ExpressionParser::filters_and_tests(NodePtr subject) {
  while (true) {
    if (tokens_.at_operator("|")) {
      TRY_ASSIGN(subject, filters(std::move(subject), false));
    } else if (tokens_.at_name("is")) {
      TRY_ASSIGN(subject, test(std::move(subject)));
    } else if (tokens_.at_operator("(")) {
      TRY_ASSIGN(subject, call(std::move(subject)));
    } else {
      return subject;
    }
  }
}

Result<NodePtr> ExpressionParser::filters(NodePtr subject, bool inline_start) {
  while (inline_start || tokens_.take_operator("|")) {
    inline_start = false;
    NodePtr node = tokens_.node(NodeKind::kFilter);
    TRY_ASSIGN(node->text, tokens_.expect_identifier());
    node->parts.push_back(std::move(subject));
    if (tokens_.at_operator("(")) TRY(call_arguments(node->parts));
    TRY_ASSIGN(subject, tokens_.finish(std::move(node)));
  }
  return subject;
}

Result<NodePtr> ExpressionParser::test(NodePtr subject) {
  tokens_.next();
  const bool negated = tokens_.take_name("not");
  NodePtr node = tokens_.node(NodeKind::kTest);
  TRY_ASSIGN(node->text, tokens_.expect_identifier());
  node->parts.push_back(std::move(subject));
  const Token& token = tokens_.now();
  const bool literal = token.kind == TokenKind::kName || token.kind == TokenKind::kString || token.kind == TokenKind::kInteger ||
                       token.kind == TokenKind::kFloat || tokens_.at_operator("[") || tokens_.at_operator("{");
  if (tokens_.at_operator("(")) {
    TRY(call_arguments(node->parts));
  } else if (literal && !tokens_.at_name("else") && !tokens_.at_name("or") && !tokens_.at_name("and")) {
    if (tokens_.at_name("is")) return tokens_.error("tests cannot be chained with 'is'");
    TRY_ASSIGN(NodePtr argument, primary());
    TRY_ASSIGN(argument, postfix(std::move(argument)));
    node->parts.push_back(std::move(argument));
  }
  TRY_ASSIGN(node, tokens_.finish(std::move(node)));
  if (!negated) return node;
  NodePtr inverse = tokens_.node(NodeKind::kNot);
  inverse->parts.push_back(std::move(node));
  return tokens_.finish(std::move(inverse));
}

Result<NodePtr> ExpressionParser::subscript(NodePtr subject) {
  NodePtr node = tokens_.node(NodeKind::kSubscript);
  tokens_.next();
  Nodes keys;
  do {
    if (tokens_.at_operator("]") && !keys.empty()) break;
    TRY_ASSIGN(NodePtr key, subscript_argument());
    keys.push_back(std::move(key));
  } while (tokens_.take_operator(","));
  TRY(tokens_.expect_operator("]"));
  if (keys.size() == 1 && keys[0]->kind == NodeKind::kSlice) {
    keys[0]->parts[0] = std::move(subject);
    return tokens_.finish(std::move(keys[0]));
  }
  for (const NodePtr& key : keys) {
    if (key->kind == NodeKind::kSlice) return tokens_.error("a slice must be alone in its brackets");
  }
  node->parts.push_back(std::move(subject));
  if (keys.size() == 1) {
    node->parts.push_back(std::move(keys[0]));
  } else {
    NodePtr key = tokens_.node(NodeKind::kTuple);
    key->parts = std::move(keys);
    TRY_ASSIGN(key, tokens_.finish(std::move(key)));
    node->parts.push_back(std::move(key));
  }
  return tokens_.finish(std::move(node));
}

// An expression, or a slice whose subject is filled in by the caller.
Result<NodePtr> ExpressionParser::subscript_argument() {
  NodePtr slice = tokens_.node(NodeKind::kSlice);
  slice->parts.resize(4);
  const auto at_end = [this] { return tokens_.at_operator("]") || tokens_.at_operator(",") || tokens_.at_operator(":"); };
  if (!tokens_.at_operator(":")) {
    TRY_ASSIGN(slice->parts[1], expression());
    if (!tokens_.at_operator(":")) return std::move(slice->parts[1]);
  }
  tokens_.next();
  if (!at_end()) {
    TRY_ASSIGN(slice->parts[2], expression());
  }
  if (tokens_.take_operator(":") && !at_end()) {
    TRY_ASSIGN(slice->parts[3], expression());
  }
  return tokens_.finish(std::move(slice));
}

Result<NodePtr> ExpressionParser::call(NodePtr callee) {
  NodePtr node = tokens_.node(NodeKind::kCall);
  node->parts.push_back(std::move(callee));
  TRY(call_arguments(node->parts));
  return tokens_.finish(std::move(node));
}

Result<> ExpressionParser::call_arguments(Nodes& arguments) {
  TRY(tokens_.expect_operator("("));
  bool named_seen = false;
  for (bool first = true; !tokens_.at_operator(")"); first = false) {
    if (!first) {
      TRY(tokens_.expect_operator(","));
      if (tokens_.at_operator(")")) break;
    }
    NodePtr argument = tokens_.node(NodeKind::kNamedArgument);
    if (tokens_.take_operator("*")) {
      argument->kind = NodeKind::kStarArgument;
    } else if (tokens_.take_operator("**")) {
      argument->kind = NodeKind::kMapArgument;
      named_seen = true;
    } else if (tokens_.at(TokenKind::kName) && tokens_.ahead().kind == TokenKind::kOperator && tokens_.ahead().text == "=") {
      argument->text = tokens_.next().text;
      tokens_.next();
      named_seen = true;
    } else {
      if (named_seen) return tokens_.error("an argument without a name follows one with a name");
      argument = nullptr;
    }
    TRY_ASSIGN(NodePtr value, expression());
    if (argument == nullptr) {
      arguments.push_back(std::move(value));
      continue;
    }
    argument->parts.push_back(std::move(value));
    TRY_ASSIGN(argument, tokens_.finish(std::move(argument)));
    arguments.push_back(std::move(argument));
  }
  return tokens_.expect_operator(")");
}

Result<NodePtr> ExpressionParser::primary() {
  switch (tokens_.now().kind) {
    case TokenKind::kName:
      return name_or_constant();
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return number();
    case TokenKind::kString: {
      NodePtr node = tokens_.node(NodeKind::kConstant);
      node->value = Value::string(tokens_.next().text);
      if (!tokens_.at(TokenKind::kString)) return node;
      NodePtr joined = tokens_.node(NodeKind::kConcat);  // Neighbours are one string, as in Python.
      joined->parts.push_back(std::move(node));
      while (tokens_.at(TokenKind::kString)) {
        NodePtr part = tokens_.node(NodeKind::kConstant);
        part->value = Value::string(tokens_.next().text);
        joined->parts.push_back(std::move(part));
      }
      return tokens_.finish(std::move(joined));
    }
    default:
      break;
  }
  if (tokens_.at_operator("(")) {
    tokens_.next();
    TRY_ASSIGN(NodePtr node, tuple({.parenthesized = true}));
    TRY(tokens_.expect_operator(")"));
    return node;
  }
  if (tokens_.at_operator("[")) return list();
  if (tokens_.at_operator("{")) return dict();
  return tokens_.unexpected_token();
}

Result<NodePtr> ExpressionParser::name_or_constant() {
  NodePtr node = tokens_.node(NodeKind::kConstant);
  const std::string_view name = tokens_.next().text;
  if (name == "true" || name == "True") {
    node->value = Value::boolean(true);
  } else if (name == "false" || name == "False") {
    node->value = Value::boolean(false);
  } else if (name == "none" || name == "None") {
    node->value = Value::none();
  } else {
    node->kind = NodeKind::kName;
    node->text = name;
    if (name == "caller") wants |= kWantsCaller;
    if (name == "varargs") wants |= kWantsPositional;
    if (name == "kwargs") wants |= kWantsNamed;
  }
  return node;
}

Result<NodePtr> ExpressionParser::number() {
  NodePtr node = tokens_.node(NodeKind::kConstant);
  std::string digits;
  for (const char c : tokens_.now().text) {
    if (c != '_') digits += c;
  }
  if (tokens_.next().kind == TokenKind::kFloat) {
    double value = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (problem == std::errc::result_out_of_range) value = std::strtod(digits.c_str(), nullptr);  // Infinity or zero, as in Python.
    node->value = Value::number(value);
    return node;
  }
  int base = 10;
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] | 0x20) >= 'a') {
    base = (digits[1] | 0x20) == 'x' ? 16 : (digits[1] | 0x20) == 'o' ? 8 : 2;
    digits.erase(0, 2);
  }
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (problem != std::errc()) return tokens_.error("an integer does not fit 64 bits");
  node->value = Value::integer(value);
  return node;
}

Result<NodePtr> ExpressionParser::list() {
  NodePtr node = tokens_.node(NodeKind::kList);
  tokens_.next();
  while (!tokens_.at_operator("]")) {
    if (!node->parts.empty()) {
      TRY(tokens_.expect_operator(","));
      if (tokens_.at_operator("]")) break;
    }
    TRY_ASSIGN(NodePtr item, expression());
    node->parts.push_back(std::move(item));
  }
  TRY(tokens_.expect_operator("]"));
  return tokens_.finish(std::move(node));
}

Result<NodePtr> ExpressionParser::dict() {
  NodePtr node = tokens_.node(NodeKind::kDict);
  tokens_.next();
  while (!tokens_.at_operator("}")) {
    if (!node->parts.empty()) {
      TRY(tokens_.expect_operator(","));
      if (tokens_.at_operator("}")) break;
    }
    TRY_ASSIGN(NodePtr key, expression());
    TRY(tokens_.expect_operator(":"));
    TRY_ASSIGN(NodePtr value, expression());
    node->parts.push_back(std::move(key));
    node->parts.push_back(std::move(value));
  }
  TRY(tokens_.expect_operator("}"));
  return tokens_.finish(std::move(node));
}

bool ExpressionParser::at_tuple_end(const TupleRules& rules) const {
  return tokens_.at(TokenKind::kVariableEnd) || tokens_.at(TokenKind::kBlockEnd) || tokens_.at_operator(")") ||
         (!rules.ends_before.empty() && tokens_.at_name(rules.ends_before));
}

Result<NodePtr> ExpressionParser::tuple(const TupleRules& rules) {
  NodePtr node = tokens_.node(NodeKind::kTuple);
  bool has_comma = false;
  while (true) {
    if (!node->parts.empty()) {
      if (!tokens_.take_operator(",")) break;
      has_comma = true;
    }
    if (at_tuple_end(rules)) break;
    TRY_ASSIGN(NodePtr item, rules.conditional ? conditional() : either());
    node->parts.push_back(std::move(item));
  }
  if (node->parts.empty() && !rules.parenthesized) return tokens_.error("expected an expression");
  if (node->parts.size() == 1 && !has_comma) return std::move(node->parts[0]);
  return tokens_.finish(std::move(node));
}

Result<NodePtr> ExpressionParser::target(bool members) {
  const TokenStream::Descent descent(tokens_);
  if (descent.too_deep()) return tokens_.too_deep();
  NodePtr node = tokens_.node(NodeKind::kTuple);
  bool has_comma = false;
  while (true) {
    if (!node->parts.empty()) {
      if (!tokens_.take_operator(",")) break;
      has_comma = true;
      if (tokens_.at_name("in") || tokens_.at_operator("=") || tokens_.at_operator(")") || tokens_.at(TokenKind::kBlockEnd)) break;
    }
    NodePtr item;
    if (tokens_.take_operator("(")) {
      TRY_ASSIGN(item, target(members));
      TRY(tokens_.expect_operator(")"));
    } else {
      item = tokens_.node(NodeKind::kName);
      TRY_ASSIGN(item->text, tokens_.expect_identifier());
      for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
        if (item->text == constant) return tokens_.error(fmt::format("cannot assign to '{}'", constant));
      }
      if (!members && item->text == "loop") return tokens_.error("a loop's variable cannot be named 'loop'");
      if (members && tokens_.take_operator(".")) {
        NodePtr member = tokens_.node(NodeKind::kMember);
        TRY_ASSIGN(member->text, tokens_.expect_identifier());
        member->parts.push_back(std::move(item));
        TRY_ASSIGN(item, tokens_.finish(std::move(member)));
      }
    }
    node->parts.push_back(std::move(item));
  }
  if (node->parts.size() == 1 && !has_comma) return std::move(node->parts[0]);
  return tokens_.finish(std::move(node));
}

}  // namespace forebay::text::jinja

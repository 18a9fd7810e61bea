#include "text/jinja_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "text/errors.h"
#include "text/jinja_expression_parser.h"
#include "text/jinja_lexer.h"
#include "text/jinja_token_stream.h"

namespace forebay::text::jinja {

namespace {

using Names = std::initializer_list<std::string_view>;

class StatementParser {
 public:
  explicit StatementParser(TokenStream& tokens) : tokens_(tokens), expressions_(tokens) {}

  // Up to a tag whose name is in `ends`, which stays the current token; without any, up to the end of the template.
  Result<Nodes> body(Names ends) {
    const TokenStream::Descent descent(tokens_);
    if (descent.too_deep()) return tokens_.too_deep();
    Nodes nodes;
    while (!tokens_.at(TokenKind::kEnd)) {
      NodePtr node;
      if (tokens_.at(TokenKind::kText)) {
        node = tokens_.node(NodeKind::kText, tokens_.now().text);
        tokens_.next();
      } else if (tokens_.at(TokenKind::kVariableBegin)) {
        tokens_.next();
        TRY_ASSIGN(node, output());
        TRY(tokens_.expect(TokenKind::kVariableEnd));
      } else {
        TRY(tokens_.expect(TokenKind::kBlockBegin));
        if (std::ranges::any_of(ends, [this](std::string_view end) { return tokens_.at_name(end); })) return nodes;
        TRY_ASSIGN(node, statement());
        TRY(tokens_.expect(TokenKind::kBlockEnd));
      }
      nodes.push_back(std::move(node));
    }
    if (ends.size() > 0) return tokens_.error(fmt::format("expected '{}'", *ends.begin()));
    return nodes;
  }

 private:
  // The body of a tag and its end: "%} … {% endname".
  Result<Nodes> body_until(std::string_view end) {
    TRY(tokens_.expect(TokenKind::kBlockEnd));
    TRY_ASSIGN(Nodes nodes, body({end}));
    tokens_.next();
    return nodes;
  }

  Result<NodePtr> output() {
    NodePtr node = tokens_.node(NodeKind::kOutput);
    TRY_ASSIGN(NodePtr value, expressions_.tuple({}));
    node->parts.push_back(std::move(value));
    return tokens_.finish(std::move(node));
  }

  Result<NodePtr> statement() {
    if (!tokens_.at(TokenKind::kName)) return tokens_.error("a tag must begin with a name");
    NodePtr node = tokens_.node(NodeKind::kBlock);
    const std::string_view name = tokens_.now().text;
    if (name == "break" || name == "continue") {
      if (loops_ == 0) return tokens_.error(fmt::format("'{}' outside of a loop", name));
      node->kind = name == "break" ? NodeKind::kBreak : NodeKind::kContinue;
      tokens_.next();
      return node;
    }
    using Parse = Result<NodePtr> (StatementParser::*)(NodePtr);
    static constexpr std::pair<std::string_view, Parse> kTags[] = {
        {"if", &StatementParser::if_},      {"for", &StatementParser::for_},    {"set", &StatementParser::set},
        {"macro", &StatementParser::macro}, {"call", &StatementParser::call},   {"filter", &StatementParser::filter},
        {"with", &StatementParser::with},   {"print", &StatementParser::print}, {"generation", &StatementParser::generation},
    };
    for (const auto& [tag, parse] : kTags) {
      if (name != tag) continue;
      tokens_.next();
      TRY_ASSIGN(node, (this->*parse)(std::move(node)));
      return tokens_.finish(std::move(node));
    }
    return tokens_.error("unknown tag");
  }

  Result<NodePtr> if_(NodePtr node) {
    TRY(condition_and_body(*node));
    while (tokens_.at_name("elif")) {
      NodePtr branch = tokens_.node(NodeKind::kIf);
      tokens_.next();
      TRY(condition_and_body(*branch));
      TRY_ASSIGN(branch, tokens_.finish(std::move(branch)));
      node->parts.push_back(std::move(branch));
    }
    if (tokens_.take_name("else")) {
      TRY_ASSIGN(node->otherwise, body_until("endif"));
    } else {
      TRY(tokens_.expect_name("endif"));
    }
    return node;
  }

  Result<> condition_and_body(Node& node) {
    node.kind = NodeKind::kIf;
    TRY_ASSIGN(NodePtr condition, expressions_.tuple({.conditional = false}));
    node.parts.push_back(std::move(condition));
    TRY(tokens_.expect(TokenKind::kBlockEnd));
    TRY_ASSIGN(node.body, body({"endif", "elif", "else"}));
    return {};
  }

  Result<NodePtr> for_(NodePtr node) {
    node->kind = NodeKind::kFor;
    node->parts.resize(3);
    TRY_ASSIGN(node->parts[0], expressions_.target(false));
    TRY(tokens_.expect_name("in"));
    TRY_ASSIGN(node->parts[1], expressions_.tuple({.conditional = false, .ends_before = "recursive"}));
    if (tokens_.take_name("if")) {
      TRY_ASSIGN(node->parts[2], expressions_.expression());
    }
    node->recursive = tokens_.take_name("recursive");
    TRY(tokens_.expect(TokenKind::kBlockEnd));
    ++loops_;
    TRY_ASSIGN(node->body, body({"endfor", "else"}));
    --loops_;
    if (tokens_.take_name("else")) {
      TRY_ASSIGN(node->otherwise, body_until("endfor"));
    } else {
      TRY(tokens_.expect_name("endfor"));
    }
    return node;
  }

  Result<NodePtr> set(NodePtr node) {
    TRY_ASSIGN(NodePtr target, expressions_.target(true));
    node->parts.push_back(std::move(target));
    if (tokens_.take_operator("=")) {
      node->kind = NodeKind::kSet;
      TRY_ASSIGN(NodePtr value, expressions_.tuple({}));
      node->parts.push_back(std::move(value));
      return node;
    }
    node->kind = NodeKind::kSetBlock;
    TRY_ASSIGN(NodePtr filters, expressions_.filters(tokens_.node(NodeKind::kCaptured), false));
    node->parts.push_back(std::move(filters));
    TRY_ASSIGN(node->body, body_outside_loops("endset"));
    return node;
  }

  // break and continue cannot leave what is captured as text.
  Result<Nodes> body_outside_loops(std::string_view end) {
    const int loops = std::exchange(loops_, 0);
    TRY_ASSIGN(Nodes nodes, body_until(end));
    loops_ = loops;
    return nodes;
  }

  Result<> parameters(Node& node) {
    TRY(tokens_.expect_operator("("));
    bool defaults_seen = false;
    for (bool first = true; !tokens_.at_operator(")"); first = false) {
      if (!first) TRY(tokens_.expect_operator(","));
      NodePtr parameter = tokens_.node(NodeKind::kParameter);
      TRY_ASSIGN(parameter->text, tokens_.expect_identifier());
      if (tokens_.take_operator("=")) {
        defaults_seen = true;
        TRY_ASSIGN(NodePtr value, expressions_.expression());
        parameter->parts.push_back(std::move(value));
      } else if (defaults_seen) {
        return tokens_.error("a parameter without a default follows one with a default");
      }
      TRY_ASSIGN(parameter, tokens_.finish(std::move(parameter)));
      node.parts.push_back(std::move(parameter));
    }
    return tokens_.expect_operator(")");
  }

  // The rest of a macro or call block, noting which special names it reads.
  Result<NodePtr> macro_body(NodePtr node, std::string_view end) {
    const std::uint8_t outer = std::exchange(expressions_.wants, 0);
    TRY_ASSIGN(node->body, body_outside_loops(end));
    node->wants = expressions_.wants;
    expressions_.wants = outer;
    return node;
  }

  Result<NodePtr> macro(NodePtr node) {
    node->kind = NodeKind::kMacro;
    TRY_ASSIGN(node->text, tokens_.expect_identifier());
    TRY(parameters(*node));
    return macro_body(std::move(node), "endmacro");
  }

  Result<NodePtr> call(NodePtr node) {
    node->kind = NodeKind::kCallBlock;
    node->text = "caller";
    node->parts.emplace_back();
    if (tokens_.at_operator("(")) TRY(parameters(*node));
    TRY_ASSIGN(node->parts[0], expressions_.expression());
    if (node->parts[0]->kind != NodeKind::kCall) return tokens_.error("a call block needs a call");
    return macro_body(std::move(node), "endcall");
  }

  Result<NodePtr> filter(NodePtr node) {
    node->kind = NodeKind::kFilterBlock;
    TRY_ASSIGN(NodePtr filters, expressions_.filters(tokens_.node(NodeKind::kCaptured), true));
    node->parts.push_back(std::move(filters));
    TRY_ASSIGN(node->body, body_outside_loops("endfilter"));
    return node;
  }

  Result<NodePtr> with(NodePtr node) {
    node->kind = NodeKind::kWith;
    while (!tokens_.at(TokenKind::kBlockEnd)) {
      if (!node->parts.empty()) TRY(tokens_.expect_operator(","));
      NodePtr target = tokens_.node(NodeKind::kName);
      TRY_ASSIGN(target->text, tokens_.expect_identifier());
      TRY(tokens_.expect_operator("="));
      TRY_ASSIGN(NodePtr value, expressions_.expression());
      node->parts.push_back(std::move(target));
      node->parts.push_back(std::move(value));
    }
    TRY_ASSIGN(node->body, body_until("endwith"));
    return node;
  }

  Result<NodePtr> print(NodePtr node) {
    node->kind = NodeKind::kOutput;
    while (!tokens_.at(TokenKind::kBlockEnd)) {
      if (!node->parts.empty()) TRY(tokens_.expect_operator(","));
      TRY_ASSIGN(NodePtr value, expressions_.expression());
      node->parts.push_back(std::move(value));
    }
    return node;
  }

  // Marks the assistant's words for training; here its body just runs.
  Result<NodePtr> generation(NodePtr node) {
    TRY_ASSIGN(node->body, body_outside_loops("endgeneration"));
    return node;
  }

  TokenStream& tokens_;
  ExpressionParser expressions_;
  int loops_ = 0;
};

}  // namespace

Result<std::unique_ptr<const Template>> parse_template(std::string_view source, const TemplateLimits& limits) {
  if (source.size() > limits.source_bytes_max) {
    return fail(kTemplateTooLarge, fmt::format("the chat template has {} bytes, {} are allowed", source.size(), limits.source_bytes_max));
  }
  auto parsed = std::make_unique<Template>();
  parsed->source = normalize_newlines(source);
  TRY_ASSIGN(std::vector<Token> found, tokenize(parsed->source, parsed->literals));
  TokenStream tokens(std::move(found), limits.depth_max);
  TRY_ASSIGN(parsed->body, StatementParser(tokens).body({}));
  return parsed;
}

}  // namespace forebay::text::jinja

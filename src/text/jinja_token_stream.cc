#include "text/jinja_token_stream.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/errors.h"

namespace forebay::text::jinja {

Token TokenStream::next() {
  const Token token = now();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool TokenStream::take_operator(std::string_view text) {
  if (!at_operator(text)) return false;
  next();
  return true;
}

bool TokenStream::take_name(std::string_view text) {
  if (!at_name(text)) return false;
  next();
  return true;
}

Result<> TokenStream::expect_operator(std::string_view text) {
  if (take_operator(text)) return {};
  return error(fmt::format("expected '{}'", text));
}

Result<> TokenStream::expect_name(std::string_view text) {
  if (take_name(text)) return {};
  return error(fmt::format("expected '{}'", text));
}

Result<> TokenStream::expect(TokenKind kind) {
  if (!at(kind)) return unexpected_token();
  next();
  return {};
}

Result<std::string_view> TokenStream::expect_identifier() {
  if (!at(TokenKind::kName)) return unexpected_token();
  return next().text;
}

NodePtr TokenStream::node(NodeKind kind, std::string_view text) const {
  auto made = std::make_unique<Node>();
  made->kind = kind;
  made->line = now().line;
  made->text = text;
  return made;
}

Result<NodePtr> TokenStream::finish(NodePtr node) const {
  std::uint32_t height = 0;
  for (const Nodes* children : {&node->parts, &node->body, &node->otherwise}) {
    for (const NodePtr& child : *children) height = std::max<std::uint32_t>(height, child == nullptr ? 0 : child->height);
  }
  if (height >= depth_max_ || height >= UINT16_MAX) return too_deep();
  node->height = static_cast<std::uint16_t>(height + 1);
  return node;
}

std::unexpected<Error> TokenStream::error(std::string message) const {
  if (at(TokenKind::kEnd)) return fail(kTemplateSyntax, fmt::format("line {}: {}, but the template ends", now().line, message));
  return fail(kTemplateSyntax, fmt::format("line {}: {} near '{}'", now().line, message, now().text.substr(0, 40)));
}

std::unexpected<Error> TokenStream::unexpected_token() const { return error("unexpected token"); }

std::unexpected<Error> TokenStream::too_deep() const {
  return fail(kTemplateLimit, fmt::format("line {}: the template nests deeper than {}", now().line, depth_max_));
}

}  // namespace forebay::text::jinja

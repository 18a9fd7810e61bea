// Cuts a template into tokens as Jinja 3.1 does with trim_blocks and lstrip_blocks.
// Source: jinja.palletsprojects.com/en/stable/templates (whitespace control, literals).
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace forebay::text::jinja {

enum class TokenKind : std::uint8_t {
  kText,
  kBlockBegin,
  kBlockEnd,
  kVariableBegin,
  kVariableEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::uint32_t line = 1;
  std::string_view text;  // of a string: its value
};

// "\r\n" and "\r" become "\n", and one newline at the end goes.
std::string normalize_newlines(std::string_view source);

// `source` must be normalised and outlive the tokens, as must `literals`, which receives the strings that had escapes. kTemplateSyntax.
Result<std::vector<Token>> tokenize(std::string_view source, std::deque<std::string>& literals);

}  // namespace forebay::text::jinja

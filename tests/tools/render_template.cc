// Reads one JSON object a line, {"source": …, "variables": {…}, "date": "2026-11-21"}, and writes one a line: {"ok": text} or
// {"error": code, "message": text}. Only for tests.
#include <cstdio>
#include <glaze/json.hpp>
#include <iostream>
#include <optional>
#include <string>

#include "text/chat_template.h"

// Outside the unnamed namespace, because glaze looks at their linkage.
struct Question {
  std::string source;
  glz::raw_json variables;
  std::string date;
};

struct Answer {
  std::optional<std::string> ok;
  std::optional<std::string> error;
  std::optional<std::string> message;
};

namespace {

Answer answer(const std::string& line) {
  Question question;
  if (glz::read_json(question, line)) return {.error = "unreadable"};
  const auto compiled = forebay::text::ChatTemplate::compile(question.source);
  if (!compiled) return {.error = std::string(compiled.error().code().name), .message = compiled.error().message()};
  const auto text = compiled->render({.extra_json = question.variables.str, .date_string = question.date});
  if (!text) return {.error = std::string(text.error().code().name), .message = text.error().message()};
  return {.ok = *text};
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const std::string written = glz::write_json(answer(line)).value_or("{}");
    std::fwrite(written.data(), 1, written.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
  }
  return 0;
}

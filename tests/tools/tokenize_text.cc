// tokenize_text TOKENIZER_JSON: reads one JSON object a line, {"text": …, "pair"?, "special"?, "parse"?, "truncate"?}, and writes one a
// line: {"ids": […], "second": n} or {"error": code, "message": text}. Only for tests.
#include <cstdio>
#include <glaze/json.hpp>
#include <iostream>
#include <optional>
#include <string>

#include "text/subword_tokenizer.h"

// Outside the unnamed namespace, because glaze looks at their linkage.
struct Question {
  std::string text;
  std::optional<std::string> pair;
  bool special = true;
  bool parse = true;
  std::size_t truncate = 0;
};

struct Answer {
  std::optional<std::vector<forebay::text::Token>> ids;
  std::optional<std::size_t> second;
  std::optional<std::string> error;
  std::optional<std::string> message;
};

namespace {

Answer refusal(const forebay::Error& error) { return {.error = std::string(error.code().name), .message = error.message()}; }

Answer answer(const forebay::text::SubwordTokenizer& tokenizer, const std::string& line) {
  Question question;
  if (glz::read_json(question, line)) return {.error = "unreadable"};
  const forebay::text::EncodeOptions options{
      .add_special = question.special, .parse_special = question.parse, .truncate_to = question.truncate};
  if (!question.pair) {
    auto ids = tokenizer.encode(question.text, options);
    return ids ? Answer{.ids = *std::move(ids)} : refusal(ids.error());
  }
  auto pair = tokenizer.encode_pair(question.text, *question.pair, options);
  return pair ? Answer{.ids = std::move(pair->tokens), .second = pair->second_from} : refusal(pair.error());
}

void write(const Answer& answer) {
  const std::string written = glz::write_json(answer).value_or("{}");
  std::fwrite(written.data(), 1, written.size(), stdout);
  std::fputc('\n', stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  const auto tokenizer = forebay::text::SubwordTokenizer::open(argv[1]);
  if (!tokenizer) write(refusal(tokenizer.error()));
  if (!tokenizer) return 65;
  for (std::string line; std::getline(std::cin, line);) write(answer(**tokenizer, line));
  return 0;
}

#include "engines/library_message.h"

#include <algorithm>
#include <array>

namespace forebay::engines {

namespace {
constexpr std::size_t kMessageBytesMax = 300;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return static_cast<unsigned char>(c) <= ' '; }

bool takes(std::string_view& text, std::string_view start) {
  if (!text.starts_with(start)) return false;
  text.remove_prefix(start.size());
  return true;
}

void skip_spaces(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
}

std::string_view first_word(std::string_view text) {
  return text.substr(0, static_cast<std::size_t>(std::ranges::find_if(text, is_space) - text.begin()));
}

// "core/model.cc:12", also with a colon behind it.
bool is_source_location(std::string_view word) {
  constexpr std::array<std::string_view, 7> kEndings = {".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp"};
  if (word.ends_with(':')) word.remove_suffix(1);
  const auto colon = word.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == word.size() || !std::ranges::all_of(word.substr(colon + 1), is_digit)) return false;
  return std::ranges::any_of(kEndings, [&](auto ending) { return word.substr(0, colon).ends_with(ending); });
}

// Past what `open` opens, which is the first character, and all that is opened inside.
void skip_balanced(std::string_view& text, char open, char close) {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == open) ++depth;
    if (text[i] == close && --depth == 0) return text.remove_prefix(i + 1);
  }
  text = {};
}

// "virtual int ns::Type::function(int) const [with T = float] ", or "function ".
void skip_function(std::string_view& text) {
  const auto open = text.find('(');
  const auto before = text.substr(0, std::min(open, text.size()));
  if (open == std::string_view::npos || !before.contains("::") || before.contains(". ")) return text.remove_prefix(first_word(text).size());
  text.remove_prefix(open);
  skip_balanced(text, '(', ')');
  for (bool more = true; more;) {
    more = takes(text, " const");
    if (text.starts_with(" [with ")) {
      text.remove_prefix(1);
      skip_balanced(text, '[', ']');
      more = true;
    }
    if (text.starts_with("::<lambda")) {
      text.remove_prefix(2);
      skip_balanced(text, '<', '>');
      more = true;
    }
  }
}

// "a <= b was false. ", the condition that an assertion prints.
void skip_condition(std::string_view& text) {
  constexpr std::string_view kFalse = " was false.";
  const auto at = text.find(kFalse);
  if (at != std::string_view::npos && !text.substr(0, at).contains(". ")) text.remove_prefix(at + kFalse.size());
}

// Without file names of source code and what comes with them: functions, conditions, assertions.
std::string without_source(std::string_view text) {
  std::string kept;
  while (!text.empty()) {
    const std::string_view word = first_word(text);
    text.remove_prefix(word.size());
    if (!is_source_location(word)) {
      kept += word;
      while (!text.empty() && is_space(text.front())) {
        kept += text.front();
        text.remove_prefix(1);
      }
      continue;
    }
    skip_spaces(text);
    if (text.starts_with("GGML_ASSERT(")) {
      kept += "an assertion failed";
      text = {};
    }
    if (word.ends_with(':')) continue;
    skip_function(text);
    skip_spaces(text);
    skip_condition(text);
    skip_spaces(text);
  }
  return kept;
}

// "Non-zero status code returned while running Add node. Name:'sum' Status Message: …": which operator, and what it says.
std::string without_status(std::string_view text) {
  const std::string_view all = text;
  if (!takes(text, "Non-zero status code returned while running ")) return without_source(all);
  const auto op = text.substr(0, text.find(" node. Name:'"));
  const auto name_at = op.size() + std::string_view(" node. Name:'").size();
  const auto message_at = text.find("' Status Message: ");
  if (op.size() == text.size() || message_at == std::string_view::npos || message_at < name_at) return without_source(all);
  std::string clean = "the operator " + std::string(op);
  if (message_at > name_at) clean += " (node '" + std::string(text.substr(name_at, message_at - name_at)) + "')";
  const std::string why = without_source(text.substr(message_at + std::string_view("' Status Message: ").size()));
  return clean + (std::ranges::all_of(why, is_space) ? " cannot compute with these inputs" : ": " + why);
}

bool ends_path(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\'' || c == '"' || c == ')' || c == '(' || c == ',' || c == ':' || c == ';';
}

// The file name at the end of the absolute path that starts at `at`, whose end is stored.
std::string_view file_name_at(std::string_view text, std::size_t at, std::size_t& end) {
  end = at;
  while (end < text.size() && !ends_path(text[end])) ++end;
  const std::string_view path = text.substr(at, end - at);
  return path.substr(path.rfind('/') + 1);
}
}  // namespace

std::string cleaned_library_message(std::string_view text) {
  const std::string message = without_status(text);
  std::string clean;
  for (std::size_t i = 0; i < message.size();) {
    const bool starts_word = i == 0 || ends_path(message[i - 1]) || message[i - 1] == '[';
    std::size_t end = i;
    if (message[i] == '/' && starts_word && i + 1 < message.size() && !ends_path(message[i + 1])) {
      clean += file_name_at(message, i, end);
      i = end;
      continue;
    }
    const char c = message[i++];
    if (!is_space(c))
      clean += c;
    else if (!clean.empty() && clean.back() != ' ')
      clean += ' ';
  }
  while (!clean.empty() && clean.back() == ' ') clean.pop_back();
  if (clean.empty() && !text.empty()) return "a check of the library failed";
  if (clean.size() <= kMessageBytesMax) return clean;
  std::size_t cut = kMessageBytesMax;
  while (cut > 0 && (static_cast<unsigned char>(clean[cut]) & 0xC0U) == 0x80U) --cut;  // not inside a UTF-8 character
  return clean.substr(0, cut) + "…";
}

}  // namespace forebay::engines

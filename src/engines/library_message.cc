#include "engines/library_message.h"

namespace forebay::engines {

namespace {
constexpr std::size_t kMessageBytesMax = 300;

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

std::string cleaned_library_message(std::string_view message) {
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
    const bool is_space = static_cast<unsigned char>(c) <= ' ';
    if (!is_space)
      clean += c;
    else if (!clean.empty() && clean.back() != ' ')
      clean += ' ';
  }
  while (!clean.empty() && clean.back() == ' ') clean.pop_back();
  if (clean.size() <= kMessageBytesMax) return clean;
  std::size_t cut = kMessageBytesMax;
  while (cut > 0 && (static_cast<unsigned char>(clean[cut]) & 0xC0U) == 0x80U) --cut;  // not inside a UTF-8 character
  return clean.substr(0, cut) + "…";
}

}  // namespace forebay::engines

#include "http/media_type.h"

#include <algorithm>

namespace forebay::http {

namespace {
std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}
}  // namespace

MediaType read_media_type(std::string_view content_type) {
  std::string lowered(content_type);
  std::ranges::transform(lowered, lowered.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const auto semicolon = lowered.find(';');
  MediaType media{.type = std::string(trimmed(std::string_view(lowered).substr(0, semicolon))), .charset = {}};
  if (media.type == "application/x-www-form-urlencoded") media.type.clear();
  const std::string_view rest = semicolon == std::string::npos ? std::string_view() : std::string_view(lowered).substr(semicolon);
  if (const auto at = rest.find("charset="); at != std::string_view::npos) {
    media.charset = rest.substr(at + 8, rest.find(';', at) - at - 8);
    std::erase(media.charset, '"');
    media.charset = trimmed(std::string(media.charset));
  }
  return media;
}

}  // namespace forebay::http

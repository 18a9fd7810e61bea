// Content-Type: "application/json; charset=UTF-8" as its type and charset, both lower case (RFC 9110, section 8.3).
// Threads: immutable.
#pragma once

#include <string>
#include <string_view>

namespace forebay::http {

struct MediaType {
  std::string type;
  std::string charset;
  bool is_json() const { return type == "application/json" || type.ends_with("+json"); }
};
// The type that curl sends with -d, whatever the body is, is read as none.
MediaType read_media_type(std::string_view content_type);

}  // namespace forebay::http

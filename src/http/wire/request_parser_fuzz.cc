// Reads the bytes at once and cut in two: what is found must not depend on where a socket cuts.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/wire/request_parser.h"

namespace {

using forebay::http::wire::RequestParser;

// The methods, paths and bodies of what was read, and whether it ended with an error.
std::string read_all(std::string_view bytes, std::size_t cut) {
  RequestParser parser({.head_bytes_max = 4096, .body_bytes_max = 1 << 20});
  std::string found_text;
  std::string pending(bytes.substr(0, cut));
  for (bool last = false;; last = true) {
    while (true) {
      auto found = parser.read(pending);
      if (!found) return found_text + "!";
      if (*found == RequestParser::Found::kHead) found_text.append(parser.head()->method()).append(parser.head()->path());
      if (*found == RequestParser::Found::kBody) found_text.append(parser.body());
      pending.erase(0, parser.consumed());
      if (*found == RequestParser::Found::kEnd) {
        parser.next();
        found_text += ';';
      }
      if (*found == RequestParser::Found::kNothing) break;
    }
    if (last) return found_text;
    pending += bytes.substr(cut);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = bytes.size() * data[0] / 256;
  if (read_all(bytes, bytes.size()) != read_all(bytes, cut)) std::abort();
  return 0;
}

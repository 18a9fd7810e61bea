// A response as the layers above state it, and its head as bytes.
// Threads: immutable.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace forebay::http::wire {

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> fields;  // without those that frame the body
  std::string body;
};

enum class Framing : std::uint8_t { kNoBody, kLength, kChunked, kUntilClose };

// Appends status line and fields, with Date, the fields of the framing, and Connection where it is not the version's default. Characters
// that could end a field early are left out of values.
void append_head(std::string& out, const Response& response, Framing framing, int minor_version, bool keep_alive,
                 std::chrono::sys_seconds now);
std::string_view reason_of(int status);

}  // namespace forebay::http::wire

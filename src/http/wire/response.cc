#include "http/wire/response.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/beast/http/status.hpp>
#include <iterator>

namespace forebay::http::wire {

namespace {

// Formatting a date costs more than the rest of a head: once a second is enough.
std::string_view date_of(std::chrono::sys_seconds now) {
  thread_local std::chrono::sys_seconds formatted_for{std::chrono::seconds(-1)};
  thread_local std::string text;
  if (formatted_for != now) {
    text = fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", now);
    formatted_for = now;
  }
  return text;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (const char c : value) {
    if (c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7f)) out += c;
  }
  out.append("\r\n");
}

}  // namespace

std::string_view reason_of(int status) {
  if (status == 499) return "Client Closed Request";
  const auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  return {reason.data(), reason.size()};
}

void append_head(std::string& out, const Response& response, Framing framing, int minor_version, bool keep_alive,
                 std::chrono::sys_seconds now) {
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status, reason_of(response.status));
  append_field(out, "Date", date_of(now));
  for (const auto& [name, value] : response.fields) append_field(out, name, value);
  if (framing == Framing::kLength) fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", response.body.size());
  if (framing == Framing::kChunked) out.append("Transfer-Encoding: chunked\r\n");
  if (!keep_alive) out.append("Connection: close\r\n");
  if (keep_alive && minor_version == 0) out.append("Connection: keep-alive\r\n");
  out.append("\r\n");
}

}  // namespace forebay::http::wire

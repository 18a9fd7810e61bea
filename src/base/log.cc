#include "base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <atomic>

namespace forebay::log {

namespace {
std::atomic<Format> format_now{Format::kConsole};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

spdlog::logger& logger() {
  static const auto kLogger = [] {
    auto made = std::make_shared<spdlog::logger>("forebay", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%H:%M:%S.%e %^%-7l%$ %v");
    made->flush_on(spdlog::level::warn);
    return made;
  }();
  return *kLogger;
}

// The last word of the key decides, however it is written: api_key, X-Api-Key, Authorization.
bool is_credential(std::string_view key) {
  constexpr std::array<std::string_view, 6> kMasked = {"key", "token", "secret", "password", "authorization", "cookie"};
  const std::size_t separator = key.find_last_of("_-. ");
  const std::string_view word = separator == std::string_view::npos ? key : key.substr(separator + 1);
  return std::ranges::any_of(kMasked, [&](std::string_view masked) {
    return std::ranges::equal(word, masked, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
  });
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// A line end or an escape sequence from outside must not look like a line or a colour of ours.
void append_escaped(std::string& out, char c) {
  if (c == '\n')
    out += "\\n";
  else if (is_control(c))
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
  else
    out += c;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    append_escaped(out, c);
  }
  out += '"';
}
}  // namespace

std::string render(Format format, std::string_view level, std::string_view message, Fields fields) {
  std::string line;
  if (format == Format::kJson) {
    line = fmt::format("{{\"time\":\"{:%FT%TZ}\",\"level\":\"{}\",\"message\":",
                       std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()), level);
    append_json_string(line, message);
  } else {
    for (const char c : message) append_escaped(line, c);
  }
  for (const auto& [key, value] : fields) {
    const std::string_view shown = is_credential(key) ? std::string_view("***") : std::string_view(value);
    if (format == Format::kJson) {
      line += ',';
      append_json_string(line, key);
      line += ':';
      append_json_string(line, shown);
    } else {
      line += fmt::format("  {}=", key);
      const bool plain = std::ranges::none_of(shown, [](char c) { return c == ' ' || c == '"' || is_control(c); });
      if (plain && !shown.empty())
        line += shown;
      else
        append_json_string(line, shown);
    }
  }
  if (format == Format::kJson) line += '}';
  return line;
}

void configure(const LogOptions& options) {
  format_now = options.format;
  logger().set_pattern(options.format == Format::kJson ? "%v" : "%H:%M:%S.%e %^%-7l%$ %v");
  set_level(options.level);
}

void set_level(Level level) { logger().set_level(to_spdlog(level)); }

Level level() {
  switch (logger().level()) {
    case spdlog::level::debug:
      return Level::kDebug;
    case spdlog::level::info:
      return Level::kInfo;
    case spdlog::level::warn:
      return Level::kWarning;
    case spdlog::level::err:
      return Level::kError;
    default:
      return Level::kOff;
  }
}

void write(Level level, std::string_view message, Fields fields) {
  const auto wanted = to_spdlog(level);
  if (!logger().should_log(wanted)) return;
  constexpr std::array<std::string_view, 5> kNames = {"debug", "info", "warning", "error", "off"};
  logger().log(wanted, "{}", render(format_now, kNames[static_cast<std::size_t>(level)], message, fields));
}

}  // namespace forebay::log

// The log: levelled lines with fields, as JSON or for people, to standard error. Only the top of a call chain logs an error.
//   log::info("model loaded", {{"model", name}, {"seconds", "0.4"}});
// Values of keys that look like credentials are masked.
// Threads: shared; configured once by cli before other threads start.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace forebay::log {

enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError, kOff };
enum class Format : std::uint8_t { kConsole, kJson };

struct LogOptions {
  Level level = Level::kInfo;
  Format format = Format::kConsole;
};
void configure(const LogOptions& options);
void set_level(Level level);
Level level();

using Field = std::pair<std::string_view, std::string>;
using Fields = std::initializer_list<Field>;

void write(Level level, std::string_view message, Fields fields);
inline void debug(std::string_view message, Fields fields = {}) { write(Level::kDebug, message, fields); }
inline void info(std::string_view message, Fields fields = {}) { write(Level::kInfo, message, fields); }
inline void warning(std::string_view message, Fields fields = {}) { write(Level::kWarning, message, fields); }
inline void error(std::string_view message, Fields fields = {}) { write(Level::kError, message, fields); }

// One line as it would be written, for tests: control characters escaped, credential fields masked.
std::string render(Format format, std::string_view level, std::string_view message, Fields fields);

}  // namespace forebay::log

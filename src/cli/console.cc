#include "cli/console.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>

#include "cli/error_catalogue.h"
#include "cli/json_text.h"

namespace forebay::cli {

namespace {
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

template <std::size_t kCount>
std::string scaled(std::uint64_t number, double step, const std::array<std::string_view, kCount>& units) {
  auto value = static_cast<double>(number);
  std::size_t unit = 0;
  for (; value >= step && unit + 1 < kCount; ++unit) value /= step;
  return unit == 0 ? fmt::format("{}{}", number, units[0])
                   : fmt::format("{:.{}f}{}", value,
                                 value < 10    ? 2
                                 : value < 100 ? 1
                                               : 0,
                                 units[unit]);
}
// A pipe or a socket whose other end is closed has an error to report at once.
bool reader_of_output_is_gone() {
  pollfd output{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}
}  // namespace

Console process_console() {
  const char* no_color = std::getenv("NO_COLOR");
  const bool err_is_terminal = ::isatty(STDERR_FILENO) == 1;
  return {.out = std::cout,
          .err = std::cerr,
          .in = std::cin,
          .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
          .err_is_terminal = err_is_terminal,
          .in_is_terminal = ::isatty(STDIN_FILENO) == 1,
          .colour = err_is_terminal && (no_color == nullptr || *no_color == '\0'),
          .out_reader_gone = reader_of_output_is_gone};
}

void print_error(Console& console, const Error& error) {
  if (console.json_errors) {
    console.err << fmt::format(R"({{"error": {{"code": "{}", "name": "{}", "message": {}, "hint": {}, "exit_status": {}}}}})",
                               error.code().id(), error.code().name, json_string(error.message()), json_string(error.hint()),
                               exit_status_of(error.code()))
                << std::endl;
    return;
  }
  const std::string label = console.colour ? "\033[1;31merror:\033[0m" : "error:";
  std::string message;
  for (const char c : error.message()) message += c == '\n' ? std::string("\n") : harmless(std::string_view(&c, 1));
  console.err << fmt::format("{} {}\n  code: {} {}\n", label, message, error.code().id(), error.code().name);
  if (!error.hint().empty()) console.err << fmt::format("  hint: {}\n", error.hint());
  console.err.flush();
}

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], characters(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - characters(row[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string harmless(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return out;
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {" bytes", " KiB", " MiB", " GiB", " TiB"};
  return scaled(bytes, 1024, kUnits);
}

std::string human_count(std::uint64_t count) {
  static constexpr std::array<std::string_view, 5> kUnits = {"", " K", " M", " B", " T"};
  return scaled(count, 1000, kUnits);
}

}  // namespace forebay::cli

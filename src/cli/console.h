// Where a command writes: standard output for answers, standard error for everything about them.
// Threads: confined to the main thread, except print_error. Owner: main.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace forebay::cli {

struct Console {
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool in_is_terminal = false;
  bool colour = false;                         // of standard error; never with NO_COLOR
  bool json_errors = false;                    // one JSON object a line instead of text
  std::function<bool()> out_reader_gone = {};  // whether nothing reads `out` any more; absent: it is no pipe
};

// The process's own streams.
Console process_console();

// "error: message", "  code: FB…", "  hint: …"; or a JSON object.
void print_error(Console& console, const Error& error);

// Columns under each other, two spaces apart; the last one is not padded. Width counts UTF-8 characters.
std::string aligned(const std::vector<std::vector<std::string>>& rows);
// Text of strangers for a terminal: control characters become '?' so that a file cannot move the cursor.
std::string harmless(std::string_view text);
// "1.2 MiB", "260 K": for people.
std::string human_bytes(std::uint64_t bytes);
std::string human_count(std::uint64_t count);

}  // namespace forebay::cli

// Where `forebay run` puts an answer: standard output, or a file that appears whole.
// Threads: confined to the main thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/console.h"

namespace forebay::cli {

enum class AnswerKind : std::uint8_t { kText, kBinary };

// kOutputFormat for bytes that would go to a terminal, kFileNotWritable.
Result<> write_answer(Console& console, const std::string& out_file, std::string_view answer, AnswerKind kind);

}  // namespace forebay::cli

// A string as JSON writes it, read and written.
// Threads: immutable. Owner: array_json; nobody above includes it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace forebay::tensors {

// "byte 7: what is wrong there".
Error error_at_byte(const ErrorCode& code, std::size_t at, std::string_view what);

// Reads the string that starts with the quote at json[at] into `out`; the position after the closing quote.
// kArrayJsonSyntax for control characters, unknown escapes, lone surrogates, bytes that are no UTF-8, no end; kTensorTooLarge.
Result<std::size_t> read_json_string(std::string_view json, std::size_t at, std::size_t bytes_max, std::string& out);

// Quoted and escaped; bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace forebay::tensors

// Names for requests: made here, or taken from the client when they are harmless.
// Threads: shared.
#pragma once

#include <string>
#include <string_view>

namespace forebay {

// "prefix-" and 24 random characters [0-9a-z], from the system's random source.
std::string make_id(std::string_view prefix);
// True for 1 to 128 characters of [A-Za-z0-9._:-] that are not "." or "..": safe in a header, a log line and a file name.
bool is_harmless_id(std::string_view id);

// The trace a request belongs to, from its traceparent header (w3.org/TR/trace-context, section 3.2): 32 lower-case hexadecimal digits, not
// all zero; empty when the header says none or is malformed.
std::string_view trace_id_of(std::string_view traceparent);

}  // namespace forebay

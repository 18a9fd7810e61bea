// What a body that is not JSON looks like, so that the refusal can say what was sent and what to send.
// Threads: immutable.
#pragma once

#include <string_view>

#include "base/error.h"

namespace forebay::http {

// True of errors of reading a body as JSON that are about no field of it. They come from where the body is read, so it may be looked at.
bool is_about_body(const Error& error);
// An error of reading `body` as JSON. If the body is empty or plainly something else, the message also has the Content-Type that was sent
// and what the bytes look like, and the hint what to send. Every other error is returned as it is.
Error with_what_was_sent(const Error& error, std::string_view body, std::string_view content_type);

}  // namespace forebay::http

// The one place where an Error becomes bytes of an answer.
// Threads: immutable.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "http/json_writer.h"
#include "http/routes.h"

namespace forebay::http {

// kContentType: the type that was sent, and what is taken.
Error refused_type(std::string_view sent, std::string_view taken);

struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// The status of an answer in this dialect. OpenAI's clients expect 400 for texts that are too long or too many; there, 413 is for the
// message alone.
int status_of(const Error& error, Dialect dialect);
// The error's JSON as a value:
//   kOpenAi        {"error": {"message", "type", "param", "code": "field_range", "forebay_code": "FB7007", "hint", "request_id"}}
//   kOip, kPlain   {"error": "message", "code": "FB7007", "name": "field_range", "field", "hint", "request_id"}
// `param` and `field` are null when the error is about no field. A prompt or text that is too long for the model has OpenAI's own code,
// "context_length_exceeded", which its clients act on.
void write_error(JsonWriter& json, const Error& error, Dialect dialect, std::string_view request_id);
// The whole answer, with Retry-After (whole seconds, at least 1) on 429 and 503 and WWW-Authenticate on 401.
Reply error_reply(const Error& error, Dialect dialect, std::string_view request_id);

}  // namespace forebay::http

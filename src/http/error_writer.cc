#include "http/error_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "http/errors.h"
#include "scheduling/errors.h"
#include "text/errors.h"

namespace forebay::http {

namespace {
std::string_view openai_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

bool is_too_long(const ErrorCode& code) {
  const ErrorCode* const too_long[] = {&scheduling::kPromptTooLong, &scheduling::kContextFull, &scheduling::kTextTooLongToEmbed,
                                       &text::kTextTooLong};
  return std::ranges::any_of(too_long, [&](const ErrorCode* one) { return *one == code; });
}

// What clients of OpenAI look for to shorten a conversation and try again: in the code, or in the words of the message where their library
// shows no more than it.
std::string_view openai_code(const ErrorCode& code) { return is_too_long(code) ? "context_length_exceeded" : code.name; }
std::string openai_message(const Error& error) {
  if (!is_too_long(error.code())) return error.message();
  return error.message() + (error.message().ends_with('.') ? "" : ".") +
         " The request exceeds the context window (context_length_exceeded).";
}

void field_or_null(JsonWriter& json, std::string_view key, const std::string& text) {
  json.key(key);
  if (text.empty())
    json.null();
  else
    json.value(text);
}
}  // namespace

Error refused_type(std::string_view sent, std::string_view taken) {
  return Error(kContentType, fmt::format("Content-Type {} is not taken here: {}", sent.substr(0, 80), taken));
}

int status_of(const Error& error, Dialect dialect) {
  if (error.code() == kBodyStalled) return 408;
  const int status = mapping_of(error.kind()).http_status;
  if (dialect != Dialect::kOpenAi) return status;
  if (error.code() == scheduling::kContextFull) return 400;
  const bool is_message = error.code() == kBodyTooLarge || error.code() == kHeaderTooLarge;
  return status == 413 && !is_message ? 400 : status;
}

void write_error(JsonWriter& json, const Error& error, Dialect dialect, std::string_view request_id) {
  json.object();
  if (dialect == Dialect::kOpenAi) {
    json.key("error").object().field("message", openai_message(error));
    json.field("type", openai_type(status_of(error, dialect)));
    field_or_null(json, "param", error.field());
    json.field("code", openai_code(error.code())).field("forebay_code", error.code().id());
    json.field("hint", error.hint()).field("request_id", request_id).end();
  } else {
    json.field("error", error.message()).field("code", error.code().id()).field("name", error.code().name);
    field_or_null(json, "field", error.field());
    json.field("hint", error.hint()).field("request_id", request_id);
  }
  json.end();
}

Reply error_reply(const Error& error, Dialect dialect, std::string_view request_id) {
  Reply reply{.status = status_of(error, dialect)};
  JsonWriter json;
  write_error(json, error, dialect, request_id);
  reply.body = json.take();
  if (reply.status == 503 || reply.status == 429) {
    const auto wait = error.retry_after().value_or(std::chrono::seconds(1));
    reply.headers.emplace_back("Retry-After", std::to_string(std::max<long>(1, std::chrono::ceil<std::chrono::seconds>(wait).count())));
  }
  if (reply.status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
  return reply;
}

}  // namespace forebay::http

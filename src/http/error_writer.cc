#include "http/error_writer.h"

#include <algorithm>

#include "base/errors.h"

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

void field_or_null(JsonWriter& json, std::string_view key, const std::string& text) {
  json.key(key);
  if (text.empty())
    json.null();
  else
    json.value(text);
}
}  // namespace

Error about(Error error, const std::string& field) { return error.field().empty() ? std::move(error).with_field(field) : error; }

void write_error(JsonWriter& json, const Error& error, Dialect dialect, std::string_view request_id) {
  json.object();
  if (dialect == Dialect::kOpenAi) {
    json.key("error").object().field("message", error.message());
    json.field("type", openai_type(mapping_of(error.kind()).http_status));
    field_or_null(json, "param", error.field());
    json.field("code", error.code().name).field("forebay_code", error.code().id());
    json.field("hint", error.hint()).field("request_id", request_id).end();
  } else {
    json.field("error", error.message()).field("code", error.code().id()).field("name", error.code().name);
    field_or_null(json, "field", error.field());
    json.field("hint", error.hint()).field("request_id", request_id);
  }
  json.end();
}

Reply error_reply(const Error& error, Dialect dialect, std::string_view request_id) {
  Reply reply{.status = mapping_of(error.kind()).http_status};
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

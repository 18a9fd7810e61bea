#include "http/predict/text_request.h"

#include "http/errors.h"
#include "http/generation_fields.h"

namespace forebay::http::predict {

namespace {

Result<JsonObject> read_object(std::string_view text, const openai::RequestLimits& limits, std::initializer_list<std::string_view> own) {
  TRY_ASSIGN(auto body, JsonObject::parse(text, limits.json));
  TRY(refuse_unsupported(body));
  auto names = generation_field_names();
  names.insert(names.end(), own);
  TRY(body.only(names));
  return body;
}

Result<TextRequest> read_settings(const JsonObject& body) {
  TextRequest request;
  TRY_ASSIGN(request.model, body.string_or("model", ""));
  TRY_ASSIGN(request.stream, body.boolean_or("stream", false));
  TRY_ASSIGN(request.settings, read_generation_fields(body, {.max_tokens_names = {"max_tokens"}, .takes_no_tokens = true}));
  TRY_ASSIGN(request.urgency, read_urgency(body));
  return request;
}

}  // namespace

Result<TextRequest> read_generate(std::string_view text, const openai::RequestLimits& limits) {
  TRY_ASSIGN(const auto body, read_object(text, limits, {"model", "prompt", "stream"}));
  TRY_ASSIGN(auto request, read_settings(body));
  TRY_ASSIGN(const auto prompt, body.need("prompt"));
  TRY_ASSIGN(request.prompt, prompt.string());
  if (request.prompt.empty()) return fail(Error(kFieldRange, "'prompt' must not be empty").with_field("prompt"));
  return request;
}

Result<TextRequest> read_chat(std::string_view text, const openai::RequestLimits& limits) {
  TRY_ASSIGN(const auto body, read_object(text, limits, {"model", "message", "system", "messages", "stream"}));
  TRY_ASSIGN(auto request, read_settings(body));
  const auto message = body.find("message");
  const auto messages = body.find("messages");
  if (message && messages) return fail(Error(kFieldConflict, "both 'message' and 'messages' are given").with_field("message"));
  if (messages) {
    if (body.find("system"))
      return fail(Error(kFieldConflict, "'system' belongs to 'message'; in 'messages' it is a message of that role").with_field("system"));
    TRY_ASSIGN(request.messages, openai::read_messages(*messages, limits.messages_max));
    return request;
  }
  TRY_ASSIGN(const auto system, body.string_or("system", ""));
  if (!system.empty()) request.messages.push_back({.role = "system", .content = system});
  TRY_ASSIGN(const auto field, body.need("message"));
  TRY_ASSIGN(auto content, field.string());
  request.messages.push_back({.role = "user", .content = std::move(content)});
  return request;
}

}  // namespace forebay::http::predict

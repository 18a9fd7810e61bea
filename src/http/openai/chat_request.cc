#include "http/openai/chat_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "http/errors.h"
#include "http/generation_fields.h"

namespace forebay::http::openai {

namespace {

constexpr std::size_t kPartsMax = 1024;
constexpr std::size_t kToolCallsMax = 128;

Result<std::string> read_content(const JsonValue& content) {
  if (content.type() == JsonType::kString) return content.string();
  if (content.type() != JsonType::kArray) {
    return fail(
        Error(kFieldType, fmt::format("'{}' must be a string or an array of parts, and is {}", content.path(), name_of(content.type())))
            .with_field(content.path()));
  }
  TRY_ASSIGN(const auto parts, content.items(kPartsMax));
  std::string text;
  for (const auto& item : parts) {
    TRY_ASSIGN(const auto part, JsonObject::of(item));
    TRY_ASSIGN(const auto type_field, part.need("type"));
    TRY_ASSIGN(const auto type, type_field.string());
    if (type != "text" && type != "refusal") {
      return fail(Error(kFieldNotSupported, fmt::format("content of type '{}' is not supported yet", type.substr(0, 60)))
                      .with_field(type_field.path()));
    }
    TRY_ASSIGN(const auto text_field, part.need(type));
    TRY_ASSIGN(const auto piece, text_field.string());
    if (!text.empty()) text += '\n';
    text += piece;
  }
  return text;
}

Result<std::vector<text::ToolCall>> read_tool_calls(const JsonValue& field) {
  std::vector<text::ToolCall> calls;
  TRY_ASSIGN(const auto items, field.items(kToolCallsMax));
  for (const auto& item : items) {
    TRY_ASSIGN(const auto call, JsonObject::of(item));
    TRY(call.only({"id", "type", "function", "index"}));
    TRY_ASSIGN(const auto function_field, call.need("function"));
    TRY_ASSIGN(const auto function, JsonObject::of(function_field));
    TRY(function.only({"name", "arguments", "parsed_arguments"}));
    text::ToolCall native;
    TRY_ASSIGN(native.id, call.string_or("id", ""));
    TRY_ASSIGN(const auto name, function.need("name"));
    TRY_ASSIGN(native.name, name.string());
    TRY_ASSIGN(native.arguments_json, function.string_or("arguments", "{}"));
    calls.push_back(std::move(native));
  }
  return calls;
}

Result<text::Message> read_message(const JsonValue& item) {
  TRY_ASSIGN(const auto object, JsonObject::of(item));
  TRY(object.only({"role", "content", "name", "tool_call_id", "tool_calls", "refusal", "annotations", "reasoning_content", "function_call",
                   "audio", "parsed", "cache_control"}));
  text::Message message;
  TRY_ASSIGN(const auto role, object.need("role"));
  TRY_ASSIGN(message.role, role.string());
  constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool"};
  if (std::ranges::find(kRoles, message.role) == std::end(kRoles)) {
    return fail(
        Error(kFieldRange, fmt::format("the role '{}' is not one of system, developer, user, assistant, tool", message.role.substr(0, 60)))
            .with_field(role.path()));
  }
  if (message.role == "developer") message.role = "system";
  for (const auto* refused : {"function_call", "audio"}) {
    if (const auto field = object.find(refused))
      return fail(Error(kFieldNotSupported, fmt::format("'{}' is not supported", field->path())).with_field(field->path()));
  }
  TRY_ASSIGN(message.name, object.string_or("name", ""));
  TRY_ASSIGN(message.reasoning, object.string_or("reasoning_content", ""));
  TRY_ASSIGN(message.tool_call_id, object.string_or("tool_call_id", ""));
  if (const auto calls = object.find("tool_calls")) {
    TRY_ASSIGN(message.tool_calls, read_tool_calls(*calls));
  }
  if (const auto content = object.find("content")) {
    TRY_ASSIGN(message.content, read_content(*content));
  } else if (const auto refusal = object.find("refusal")) {
    TRY_ASSIGN(message.content, refusal->string());
  } else if (message.tool_calls.empty()) {
    TRY(object.need("content"));
  }
  return message;
}

Result<> read_logprobs(const JsonObject& body, scheduling::GenerationRequest& settings) {
  TRY_ASSIGN(settings.wants_logprobs, body.boolean_or("logprobs", false));
  TRY_ASSIGN(const auto top, body.integer_or("top_logprobs", 0, 0, 20));
  if (top > 0 && !settings.wants_logprobs)
    return fail(Error(kFieldConflict, "'top_logprobs' needs 'logprobs': true").with_field("top_logprobs"));
  settings.logprobs = static_cast<std::uint32_t>(top);
  return {};
}

}  // namespace

RequestLimits limits_of(const HttpOptions& options) {
  return {.json = {.depth_max = options.json_depth_max}, .choices_max = options.choices_max, .prompts_max = options.batch_items_max};
}

Result<std::vector<text::Message>> read_messages(const JsonValue& field, std::size_t messages_max) {
  TRY_ASSIGN(const auto items, field.items(messages_max));
  if (items.empty()) return fail(Error(kFieldRange, "'messages' must have at least one message").with_field(field.path()));
  std::vector<text::Message> messages;
  for (const auto& item : items) {
    TRY_ASSIGN(auto message, read_message(item));
    messages.push_back(std::move(message));
  }
  return messages;
}

Result<StreamFields> read_stream_fields(const JsonObject& body, const RequestLimits& limits) {
  StreamFields fields;
  TRY_ASSIGN(const auto choices, body.integer_or("n", 1, 1, limits.choices_max));
  fields.choices = static_cast<std::uint32_t>(choices);
  TRY_ASSIGN(fields.stream, body.boolean_or("stream", false));
  if (const auto options = body.find("stream_options")) {
    if (!fields.stream) return fail(Error(kFieldConflict, "'stream_options' needs 'stream': true").with_field("stream_options"));
    TRY_ASSIGN(const auto object, JsonObject::of(*options));
    TRY(object.only({"include_usage", "include_obfuscation", "continuous_usage_stats"}));
    TRY_ASSIGN(fields.usage, object.boolean_or("include_usage", false));
    TRY_ASSIGN(fields.usage_in_chunks, object.boolean_or("continuous_usage_stats", false));
    fields.usage |= fields.usage_in_chunks;
  }
  return fields;
}

Result<ChatRequest> read_chat_request(std::string_view text, const RequestLimits& limits) {
  TRY_ASSIGN(const auto body, JsonObject::parse(text, limits.json));
  TRY(check_openai_fields(body, {"model", "messages", "n", "stream", "stream_options", "logprobs", "top_logprobs", "max_completion_tokens",
                                 "chat_template_kwargs", "add_generation_prompt"}));
  ChatRequest request;
  TRY_ASSIGN(request.model, body.string_or("model", ""));
  TRY_ASSIGN(const auto messages, body.need("messages"));
  TRY_ASSIGN(request.messages, read_messages(messages, limits.messages_max));
  if (const auto variables = body.find("chat_template_kwargs")) {
    TRY(JsonObject::of(*variables));
    request.template_variables_json = variables->raw();
  }
  TRY_ASSIGN(request.adds_generation_prompt, body.boolean_or("add_generation_prompt", true));
  TRY_ASSIGN(request.settings, read_generation_fields(body, {.max_tokens_names = {"max_completion_tokens", "max_tokens"}}));
  TRY_ASSIGN(request.urgency, read_urgency(body));
  TRY(read_logprobs(body, request.settings));
  TRY_ASSIGN(request.stream, read_stream_fields(body, limits));
  return request;
}

}  // namespace forebay::http::openai

#include "text/chat_template.h"

#include <fmt/format.h>

#include "text/errors.h"
#include "text/jinja_evaluator.h"
#include "text/jinja_heap.h"
#include "text/jinja_json.h"
#include "text/jinja_parser.h"

namespace forebay::text {

using jinja::Dict;
using jinja::Heap;
using jinja::Value;

struct ChatTemplate::Compiled {
  std::unique_ptr<const jinja::Template> parsed;
  TemplateLimits limits;
};

namespace {

Result<> set_text(Heap& heap, Dict& dict, std::string_view name, std::string_view text) {
  return heap.set(dict, Value::string(name), Value::string(text));
}

// [{"type": "text", "text": …}, {"type": "image_url"}, …]
Result<Value> parts_value(Heap& heap, const std::vector<ContentPart>& parts) {
  std::vector<Value> items;
  for (const ContentPart& part : parts) {
    TRY_ASSIGN(Dict * dict, heap.dict());
    TRY(set_text(heap, *dict, "type", part.type));
    if (part.type == "text" || !part.text.empty()) TRY(set_text(heap, *dict, "text", part.text));
    items.push_back(Value::dict(dict));
  }
  return heap.list(std::move(items));
}

// [{"id": …, "type": "function", "function": {"name": …, "arguments": {…}}}]
Result<Value> tool_calls_value(Heap& heap, const std::vector<ToolCall>& calls) {
  std::vector<Value> items;
  for (const ToolCall& call : calls) {
    TRY_ASSIGN(Dict * function, heap.dict());
    TRY(set_text(heap, *function, "name", call.name));
    TRY_ASSIGN(const Value arguments, jinja::parse_json(heap, call.arguments_json.empty() ? "{}" : call.arguments_json),
               "reading the arguments of the call of " + call.name);
    TRY(heap.set(*function, Value::string("arguments"), arguments));
    TRY_ASSIGN(Dict * dict, heap.dict());
    if (!call.id.empty()) TRY(set_text(heap, *dict, "id", call.id));
    TRY(set_text(heap, *dict, "type", "function"));
    TRY(heap.set(*dict, Value::string("function"), Value::dict(function)));
    items.push_back(Value::dict(dict));
  }
  return heap.list(std::move(items));
}

Result<Value> message_value(Heap& heap, const Message& message) {
  TRY_ASSIGN(Dict * dict, heap.dict());
  TRY(set_text(heap, *dict, "role", message.role));
  Value content = Value::string(message.content);
  if (!message.parts.empty()) {
    TRY_ASSIGN(content, parts_value(heap, message.parts));
  }
  TRY(heap.set(*dict, Value::string("content"), content));
  if (!message.name.empty()) TRY(set_text(heap, *dict, "name", message.name));
  if (!message.reasoning.empty()) TRY(set_text(heap, *dict, "reasoning_content", message.reasoning));
  if (!message.tool_call_id.empty()) TRY(set_text(heap, *dict, "tool_call_id", message.tool_call_id));
  if (!message.tool_calls.empty()) {
    TRY_ASSIGN(const Value calls, tool_calls_value(heap, message.tool_calls));
    TRY(heap.set(*dict, Value::string("tool_calls"), calls));
  }
  return Value::dict(dict);
}

Result<> set_variables(Heap& heap, const TemplateInput& input, jinja::Scope& scope) {
  std::vector<Value> messages;
  for (const Message& message : input.messages) {
    TRY_ASSIGN(const Value value, message_value(heap, message));
    messages.push_back(value);
  }
  auto& variables = scope.variables;
  TRY_ASSIGN(variables["messages"], heap.list(std::move(messages)));
  // Templates ask both "tools is defined" and "tools is not none": what is missing is None, as where they were written for.
  variables["tools"] = Value::none();
  variables["documents"] = Value::none();
  if (!input.tools_json.empty()) {
    TRY_ASSIGN(const Value tools, jinja::parse_json(heap, input.tools_json), "reading the tools");
    if (!tools.is(jinja::Kind::kList)) return fail(kTemplateInput, "tools must be a JSON array");
    variables["tools"] = tools;
  }
  variables["add_generation_prompt"] = Value::boolean(input.add_generation_prompt);
  variables["bos_token"] = Value::string(input.bos_token);
  variables["eos_token"] = Value::string(input.eos_token);
  if (input.extra_json.empty()) return {};
  TRY_ASSIGN(const Value extra, jinja::parse_json(heap, input.extra_json), "reading the template's variables");
  if (!extra.is(jinja::Kind::kDict)) return fail(kTemplateInput, "the template's variables must be a JSON object");
  for (const auto& [name, value] : extra.dict().entries) variables[name.text()] = value;
  return {};
}

}  // namespace

ChatTemplate::ChatTemplate(std::unique_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Result<ChatTemplate> ChatTemplate::compile(std::string_view source, const TemplateLimits& limits) {
  TRY_ASSIGN(auto parsed, jinja::parse_template(source, limits));
  return ChatTemplate(std::unique_ptr<const Compiled>(new Compiled{std::move(parsed), limits}));
}

Result<std::string> ChatTemplate::render(const TemplateInput& input) const {
  Heap heap(compiled_->limits);
  TRY_ASSIGN(jinja::Scope * variables, heap.scope(nullptr));
  TRY(set_variables(heap, input, *variables));
  TRY_ASSIGN(jinja::Scope * top, heap.scope(variables));
  jinja::Evaluator evaluator(heap, input.date_string);
  Result<std::string> prompt = evaluator.render(*compiled_->parsed, *top);
  if (prompt || prompt.error().code() == kTemplateRefused) return prompt;
  return fail(prompt.error().code(), fmt::format("line {}: {}", evaluator.line(), prompt.error().message()));
}

std::string_view default_chat_template() {
  return "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor "
         "%}"
         "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
}

}  // namespace forebay::text

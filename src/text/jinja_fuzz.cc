// Any bytes as a template, rendered with small limits: it must end, and leave no fault.
#include <cstdint>
#include <string_view>

#include "text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace forebay::text;
  const TemplateLimits limits{
      .source_bytes_max = 1 << 14, .output_bytes_max = 1 << 16, .steps_max = 20'000, .memory_bytes_max = 1 << 20, .depth_max = 50};
  const auto compiled = ChatTemplate::compile(std::string_view(reinterpret_cast<const char*>(bytes), size), limits);
  if (!compiled) return 0;
  TemplateInput input{.bos_token = "<s>", .eos_token = "</s>", .date_string = "2026-11-21"};
  input.messages.push_back({.role = "system", .content = "Be brief."});
  input.messages.push_back({.role = "user", .parts = {{.type = "text", .text = "Grüße"}, {.type = "image_url"}}});
  input.messages.push_back(
      {.role = "assistant", .tool_calls = {{.id = "call_1", .name = "look", .arguments_json = R"({"a": [1, 2.5, null]})"}}});
  input.tools_json = R"([{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}])";
  const auto text = compiled->render(input);
  if (text && text->size() > limits.output_bytes_max) __builtin_trap();
  return 0;
}

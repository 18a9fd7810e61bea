// A model's own Jinja chat template, evaluated inside limits: messages in, one prompt out.
// Threads: immutable, shared. Owner: the served model.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace forebay::text {

struct TemplateLimits {
  std::size_t source_bytes_max = 256 << 10;
  std::size_t output_bytes_max = 4 << 20;
  std::uint64_t steps_max = 2'000'000;       // evaluated nodes, loop turns, list items, 64 bytes of text looked at
  std::size_t memory_bytes_max = 128 << 20;  // the sum of everything made on the way, freed or not
  std::uint32_t depth_max = 100;             // nested expressions and blocks in the source; while running (macros, data) four times that
};

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments_json;
};

struct ContentPart {
  std::string type;  // "text", "image_url", …
  std::string text;
};

struct Message {
  std::string role;                // "system", "user", "assistant", "tool", "developer"
  std::string content;             // when `parts` is empty
  std::vector<ContentPart> parts;  // multi-part content, as the template sees it
  std::string name;
  std::string reasoning;  // "reasoning_content" to the template
  std::string tool_call_id;
  std::vector<ToolCall> tool_calls;
};

struct TemplateInput {
  std::vector<Message> messages;
  std::string tools_json;  // a JSON array, or empty
  bool add_generation_prompt = true;
  std::string bos_token;
  std::string eos_token;
  std::string extra_json;   // a JSON object of further variables (chat_template_kwargs), or empty
  std::string date_string;  // what strftime_now gives is made from the injected wall clock: "2026-11-21"
};

class ChatTemplate {
 public:
  // kTemplateSyntax with line and reason; kTemplateTooLarge.
  static Result<ChatTemplate> compile(std::string_view source, const TemplateLimits& limits = {});
  // kTemplateRefused when the template itself raises (raise_exception), kTemplateLimit, kTemplateFailed.
  Result<std::string> render(const TemplateInput& input) const;
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

 private:
  struct Compiled;
  explicit ChatTemplate(std::unique_ptr<const Compiled> compiled);
  std::unique_ptr<const Compiled> compiled_;
};

// What is used for a model that brings no template: ChatML. Announced in its description as a warning.
std::string_view default_chat_template();

}  // namespace forebay::text

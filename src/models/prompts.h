// What a model is given for a chat and in front of a text to embed: the same for every caller.
// Threads: shared (no state).
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/served_model.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace forebay::models {

// A chat as the model reads it, and how it is tokenized.
struct ChatText {
  std::string text;
  text::EncodeOptions options;
};
// Renders the messages by the model's chat template (its own, or ChatML) with its first and last token and the date of `now`.
// Requires: model.chat_template. Errors: those of the template.
Result<ChatText> chat_text(const ServedModel& model, text::TemplateInput input, std::chrono::system_clock::time_point now);

// Returns what the model wants in front of every text to embed: the prompt of this name; without a name the first of `preferred` that the
// model has, else its default prompt, or "". Nothing if the model has no prompt of this name.
std::optional<std::string> embedding_prompt(const ServedModel& model, const std::optional<std::string>& name,
                                            std::span<const std::string> preferred = {});

// Scales the vector to length 1. A vector of zeros stays.
void to_unit_length(std::vector<float>& vector);

}  // namespace forebay::models

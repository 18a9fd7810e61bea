#include "models/prompts.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace forebay::models {

Result<ChatText> chat_text(const ServedModel& model, text::TemplateInput input, std::chrono::system_clock::time_point now) {
  input.bos_token = model.tokenizer->bos_text();
  input.eos_token = model.tokenizer->eos_text();
  input.date_string = fmt::format("{:%Y-%m-%d}", std::chrono::floor<std::chrono::days>(now));
  TRY_ASSIGN(std::string text, model.chat_template->render(input));
  // Templates that write the first token themselves must not get it twice.
  const bool has_start = !input.bos_token.empty() && text.starts_with(input.bos_token);
  return ChatText{.text = std::move(text), .options = {.add_special = !has_start, .parse_special = true}};
}

std::optional<std::string> embedding_prompt(const ServedModel& model, const std::optional<std::string>& name,
                                            std::span<const std::string> preferred) {
  const auto& text = model.description.text;
  if (!text) return name.value_or("").empty() ? std::optional<std::string>("") : std::nullopt;
  std::string wanted = name.value_or(text->default_prompt);
  if (!name) {
    const auto known = std::ranges::find_if(preferred, [&](const std::string& one) { return text->prompts.contains(one); });
    if (known != preferred.end()) wanted = *known;
  }
  if (wanted.empty()) return std::string();
  const auto found = text->prompts.find(wanted);
  if (found == text->prompts.end()) return std::nullopt;
  return found->second;
}

void to_unit_length(std::vector<float>& vector) {
  double sum = 0;
  for (const float value : vector) sum += static_cast<double>(value) * value;
  if (sum <= 0) return;
  const double scale = 1 / std::sqrt(sum);
  for (float& value : vector) value = static_cast<float>(value * scale);
}

}  // namespace forebay::models

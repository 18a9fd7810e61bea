#include "cli/serve_greeting.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "formats/read_model.h"

namespace forebay::cli {

namespace {
constexpr std::int64_t kValuesShownMax = 64;

// Zeros in the shape of the only input, as JSON; nothing when they would fill the screen.
std::optional<std::string> sample_input(const formats::ModelDescription& model) {
  if (model.inputs.size() != 1 || model.inputs[0].dtype == tensors::DType::kString) return std::nullopt;
  const auto& spec = model.inputs[0];
  std::int64_t count = 1;
  for (const auto dimension : spec.shape) {
    if (dimension == 0 || dimension > kValuesShownMax) return std::nullopt;
    count *= std::max<std::int64_t>(dimension, 1);
    if (count > kValuesShownMax) return std::nullopt;
  }
  std::string flat = spec.dtype == tensors::DType::kBool ? "false" : "0";
  const std::string one = flat;
  for (std::int64_t i = 1; i < count; ++i) flat += "," + one;
  return "[" + flat + "]";
}

struct Examples {
  std::string chat;  // a model's name
  std::string embedding;
  std::string predict;
  std::string predict_input;
};

Examples choose(std::span<const models::ModelSource> sources) {
  Examples examples;
  for (const auto& source : sources) {
    const auto model = formats::read_model(source.path);
    if (!model) continue;
    if (model->task == formats::Task::kTextGeneration && examples.chat.empty()) examples.chat = source.name;
    if (model->task == formats::Task::kEmbedding && examples.embedding.empty()) examples.embedding = source.name;
    if (model->task != formats::Task::kTensors) continue;
    if (auto input = sample_input(*model); input && (examples.predict.empty() || input->size() < examples.predict_input.size())) {
      examples.predict = source.name;
      examples.predict_input = *std::move(input);
    }
  }
  return examples;
}
}  // namespace

std::string url_of(const std::string& host, std::uint16_t port) {
  std::string shown = host;
  if (shown == "0.0.0.0") shown = "127.0.0.1";
  if (shown == "::") shown = "::1";
  if (shown.find(':') != std::string::npos && !shown.starts_with('[')) shown = "[" + shown + "]";
  return fmt::format("http://{}:{}", shown, port);
}

std::string things_to_try(std::span<const models::ModelSource> sources, const std::string& url, bool needs_key) {
  const Examples examples = choose(sources);
  const std::string key = needs_key ? " -H \"Authorization: Bearer $FOREBAY_KEY\"" : "";
  std::string out = "\nThings to try:\n\n";
  if (!examples.chat.empty()) {
    out += fmt::format(
        "  curl -N {}/v1/chat/completions{} -H 'Content-Type: application/json' \\\n"
        "    -d '{{\"model\": \"{}\", \"stream\": true, \"max_tokens\": 64, \"messages\": [{{\"role\": \"user\", \"content\": "
        "\"Hello\"}}]}}'\n\n",
        url, key, examples.chat);
  }
  if (!examples.embedding.empty()) {
    out += fmt::format("  curl {}/v1/embeddings{} -H 'Content-Type: application/json' -d '{{\"model\": \"{}\", \"input\": \"Hello\"}}'\n\n",
                       url, key, examples.embedding);
  }
  if (!examples.predict.empty()) {
    out += fmt::format("  curl {}/predict{} -H 'Content-Type: application/json' -d '{{\"model\": \"{}\", \"input\": {}}}'\n\n", url, key,
                       examples.predict, examples.predict_input);
  }
  if (!examples.chat.empty()) {
    out += fmt::format(
        "  python3 -c 'from openai import OpenAI; c = OpenAI(base_url=\"{}/v1\", api_key=\"{}\"); "
        "print(c.chat.completions.create(model=\"{}\", max_tokens=64, messages=[{{\"role\": \"user\", \"content\": "
        "\"Hello\"}}]).choices[0].message.content)'\n\n",
        url, needs_key ? "YOUR-KEY" : "none", examples.chat);
  }
  return out + fmt::format("  curl {}/v1/models{}\n\n", url, key);
}

}  // namespace forebay::cli

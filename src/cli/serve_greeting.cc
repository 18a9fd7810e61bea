#include "cli/serve_greeting.h"

#include <fmt/format.h>

#include <optional>
#include <ranges>
#include <utility>

#include "cli/json_text.h"
#include "formats/read_model.h"

namespace forebay::cli {

namespace {
constexpr std::int64_t kValuesShownMax = 64;

// Zeros in this shape as nested arrays, one for a free dimension; nothing when they would fill the screen.
std::optional<std::string> zeros(const tensors::Shape& shape, std::string_view zero) {
  std::string out(zero);
  std::int64_t count = 1;
  for (const auto dimension : shape | std::views::reverse) {
    const std::int64_t size = dimension < 0 ? 1 : dimension;
    if (size == 0 || size > kValuesShownMax) return std::nullopt;
    count *= size;
    if (count > kValuesShownMax) return std::nullopt;
    const std::string one = std::exchange(out, "[");
    for (std::int64_t i = 0; i < size; ++i) out += (i == 0 ? "" : ",") + one;
    out += ']';
  }
  return out;
}

// A value of the model's only input as JSON; nothing when there are several, or it is long.
std::optional<std::string> sample_input(const formats::ModelDescription& model) {
  if (model.inputs.size() != 1 || model.inputs[0].dtype == tensors::DType::kString) return std::nullopt;
  const auto& spec = model.inputs[0];
  return zeros(spec.shape, spec.dtype == tensors::DType::kBool ? "false" : "0");
}

// As one word of a shell.
std::string in_single_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
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

std::string url_of(const http::HttpOptions& options, std::uint16_t port) {
  std::string shown = options.host;
  if (shown == "0.0.0.0") shown = "127.0.0.1";
  if (shown == "::") shown = "::1";
  if (shown.find(':') != std::string::npos && !shown.starts_with('[')) shown = "[" + shown + "]";
  return fmt::format("{}://{}:{}", options.tls_certificate.empty() ? "http" : "https", shown, port);
}

std::string open_server_warning(const std::string& host) {
  return fmt::format(
      "this server listens on {} without an API key: everyone who can reach it may use it. Set --api-key-file, or "
      "listen on 127.0.0.1.",
      host);
}

std::string things_to_try(std::span<const models::ModelSource> sources, const std::string& url, bool needs_key) {
  const Examples examples = choose(sources);
  const std::string key = needs_key ? " -H \"Authorization: Bearer $FOREBAY_KEY\"" : "";
  std::string out = "\nThings to try:\n\n";
  if (needs_key) out = "\nThings to try, with a key in FOREBAY_KEY:\n\n";
  const auto post = [&](std::string_view options, std::string_view path, std::string_view separator, const std::string& body) {
    out += fmt::format("  curl {}{}{}{} -H 'Content-Type: application/json'{}-d {}\n\n", options, url, path, key, separator,
                       in_single_quotes(body));
  };
  if (!examples.chat.empty())
    post("-N ", "/v1/chat/completions", " \\\n    ",
         fmt::format(R"({{"model": {}, "stream": true, "max_tokens": 64, "messages": [{{"role": "user", "content": "Hello"}}]}})",
                     json_string(examples.chat)));
  if (!examples.embedding.empty())
    post("", "/v1/embeddings", " ", fmt::format(R"({{"model": {}, "input": "Hello"}})", json_string(examples.embedding)));
  if (!examples.predict.empty())
    post("", "/predict", " ", fmt::format(R"({{"model": {}, "input": {}}})", json_string(examples.predict), examples.predict_input));
  if (!examples.chat.empty()) {
    const std::string program = fmt::format(
        R"({}from openai import OpenAI; c = OpenAI(base_url="{}/v1", api_key={}); )"
        R"(print(c.chat.completions.create(model={}, max_tokens=64, messages=[{{"role": "user", "content": "Hello"}}]).choices[0].message.content))",
        needs_key ? "import os; " : "", url, needs_key ? R"(os.environ["FOREBAY_KEY"])" : R"("none")", json_string(examples.chat));
    out += fmt::format("  python3 -c {}\n\n", in_single_quotes(program));
  }
  return out + fmt::format("  curl {}/v1/models{}\n\n", url, key);
}

}  // namespace forebay::cli

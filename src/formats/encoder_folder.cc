#include "formats/encoder_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <glaze/json.hpp>
#include <optional>

#include "base/mapped_file.h"
#include "formats/display_text.h"

// Outside the unnamed namespace, because glaze looks at their linkage.
namespace forebay::formats::wire {

struct ModelConfig {  // config.json
  std::optional<std::string> model_type;
  std::optional<std::int64_t> hidden_size, max_position_embeddings, num_hidden_layers, num_attention_heads, vocab_size;
  std::optional<std::map<std::string, std::string>> id2label;
};

struct PoolingConfig {  // 1_Pooling/config.json
  std::optional<bool> pooling_mode_cls_token, pooling_mode_mean_tokens, pooling_mode_max_tokens, pooling_mode_lasttoken;
};

struct LengthConfig {  // sentence_bert_config.json
  std::optional<std::int64_t> max_seq_length;
};

struct PromptConfig {  // config_sentence_transformers.json
  std::optional<std::map<std::string, std::string>> prompts;
  std::optional<std::string> default_prompt_name;
};

}  // namespace forebay::formats::wire

namespace forebay::formats {

namespace {

namespace fs = std::filesystem;
constexpr std::size_t kSideFileBytesMax = 1 << 20;
constexpr std::int64_t kTextTokensDefault = 512;  // where neither the files nor the graph say
constexpr std::int64_t kTextTokensMost = 1 << 20;
constexpr std::size_t kLabelsMax = 10'000;
constexpr std::array<std::string_view, 3> kTokenInputs = {"input_ids", "attention_mask", "token_type_ids"};
constexpr std::array<std::string_view, 4> kPooledOutputs = {"sentence_embedding", "pooled_embedding", "sentence_embeddings", "embeddings"};

class Folder {
 public:
  Folder(fs::path path, ModelDescription& description) : path_(std::move(path)), description_(description) {}
  // The file's members; defaults when it is not there.
  template <class T>
  T read(const char* name) const {
    std::error_code problem;
    if (!fs::is_regular_file(path_ / name, problem)) return {};
    T values;
    const auto text = read_text_file(path_ / name, kSideFileBytesMax);
    constexpr glz::opts kOptions{.error_on_unknown_keys = false};
    if (text && !glz::read<kOptions>(values, *text)) return values;
    description_.warnings.push_back(
        {"side_file_unreadable", fmt::format("'{}' beside the model cannot be read; its defaults are taken", name)});
    return {};
  }

 private:
  fs::path path_;
  ModelDescription& description_;
};

// Where tokenizer.json lies: beside the model, or above a folder named onnx as exporters make it.
std::optional<std::string> tokenizer_beside(const fs::path& folder) {
  std::error_code problem;
  for (const char* name : {"tokenizer.json", "../tokenizer.json"}) {
    if (fs::is_regular_file(folder / name, problem)) return name;
  }
  return std::nullopt;
}

bool takes_tokens(const ModelDescription& description) {
  const auto is_token_input = [](const TensorSpec& input) {
    const bool integers = input.dtype == tensors::DType::kInt64 || input.dtype == tensors::DType::kInt32;
    return std::ranges::contains(kTokenInputs, input.name) && integers && input.shape.size() == 2;
  };
  return std::ranges::all_of(description.inputs, is_token_input) &&
         std::ranges::any_of(description.inputs, [](const TensorSpec& input) { return input.name == "input_ids"; });
}

const TensorSpec* output_of_rank(const ModelDescription& description, std::size_t rank, std::string_view name = "") {
  const auto found = std::ranges::find_if(description.outputs, [&](const TensorSpec& output) {
    return output.dtype == tensors::DType::kFloat32 && output.shape.size() == rank && (name.empty() || output.name == name);
  });
  return found == description.outputs.end() ? nullptr : &*found;
}

struct Head {
  const TensorSpec* output = nullptr;
  bool scores = false;
  bool pooled = false;
};

// The vectors of whole texts where the model has them, else those of its tokens, else the scores of a classifier.
Head head_of(const ModelDescription& description) {
  for (const auto name : kPooledOutputs) {
    if (const auto* output = output_of_rank(description, 2, name)) return {output, false, true};
  }
  if (const auto* logits = output_of_rank(description, 2, "logits")) return {logits, true, false};
  if (const auto* tokens = output_of_rank(description, 3, "last_hidden_state")) return {tokens, false, false};
  if (const auto* tokens = output_of_rank(description, 3)) return {tokens, false, false};
  return {};
}

std::string pooling_of(const wire::PoolingConfig& config) {
  if (config.pooling_mode_cls_token.value_or(false)) return "cls";
  if (config.pooling_mode_lasttoken.value_or(false)) return "last";
  return "mean";
}

std::vector<std::string> labels_of(const wire::ModelConfig& config) {
  std::vector<std::string> labels;
  if (!config.id2label || config.id2label->size() > kLabelsMax) return labels;
  for (std::size_t i = 0; i < config.id2label->size(); ++i) {
    const auto found = config.id2label->find(std::to_string(i));
    if (found == config.id2label->end()) return {};
    labels.push_back(as_utf8(found->second));
  }
  return labels;
}

// What the graph has room for: a fixed length of its input, and its table of positions.
std::int64_t tokens_of_graph(const ModelDescription& description) {
  std::int64_t most = description.positions > 0 ? description.positions : kTextTokensMost;
  for (const TensorSpec& input : description.inputs) {
    if (input.shape[1] > 0) most = std::min(most, input.shape[1]);
  }
  return most;
}

std::uint32_t text_tokens(const wire::ModelConfig& config, const wire::LengthConfig& length, const ModelDescription& description) {
  const std::int64_t unsaid = description.positions > 0 ? description.positions : kTextTokensDefault;
  std::int64_t most = config.max_position_embeddings.value_or(length.max_seq_length.value_or(unsaid));
  // RoBERTa's positions begin behind the number of its padding token, which takes two of them.
  const std::string type = config.model_type.value_or("");
  const bool shifted = type == "roberta" || type == "xlm-roberta" || type == "camembert" || type == "mpnet";
  if (config.max_position_embeddings && shifted) most -= 2;
  if (length.max_seq_length) most = std::min(most, *length.max_seq_length);
  most = std::min(most, tokens_of_graph(description));
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(most, 1, kTextTokensMost));
}

// The score of a pair is one number, or that of the second of two classes; with more it says nothing about how well they fit.
Task scoring_task(const TensorSpec& output, const std::vector<std::string>& labels) {
  const auto classes = output.shape.back() > 0 ? static_cast<std::size_t>(output.shape.back()) : labels.size();
  return classes > 2 ? Task::kClassification : Task::kReranking;
}

std::uint32_t count(const std::optional<std::int64_t>& value) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value.value_or(0), 0, 1 << 30));
}

}  // namespace

void describe_encoder(ModelDescription& description, const fs::path& model_file) {
  const fs::path beside = model_file.has_parent_path() ? model_file.parent_path() : fs::path(".");
  const auto tokenizer = tokenizer_beside(beside);
  const Head head = head_of(description);
  if (!tokenizer || head.output == nullptr || !takes_tokens(description)) return;
  const Folder folder(tokenizer->starts_with("../") ? beside / ".." : beside, description);
  const auto config = folder.read<wire::ModelConfig>("config.json");
  const auto prompts = folder.read<wire::PromptConfig>("config_sentence_transformers.json");
  TextSpec text;
  text.tokenizer = "tokenizer.json";
  text.tokenizer_file = *tokenizer;
  text.output = head.output->name;
  text.pooling = head.scores ? "rank" : head.pooled ? "none" : pooling_of(folder.read<wire::PoolingConfig>("1_Pooling/config.json"));
  text.context_length = text_tokens(config, folder.read<wire::LengthConfig>("sentence_bert_config.json"), description);
  const std::int64_t width = head.output->shape.back();
  text.embedding_length = width > 0 ? static_cast<std::uint32_t>(width) : count(config.hidden_size);
  text.layers = count(config.num_hidden_layers);
  text.head_count = count(config.num_attention_heads);
  text.vocabulary_size = count(config.vocab_size);
  for (const auto& [name, prompt] : prompts.prompts.value_or(std::map<std::string, std::string>()))
    text.prompts[as_utf8(name)] = as_utf8(prompt);
  text.default_prompt = prompts.default_prompt_name.value_or("");
  if (!text.prompts.contains(text.default_prompt)) text.default_prompt.clear();
  if (config.model_type) description.architecture = as_utf8(*config.model_type);
  if (head.scores && description.labels.empty()) description.labels = labels_of(config);
  description.task = head.scores ? scoring_task(*head.output, description.labels) : Task::kEmbedding;
  description.text = std::move(text);
}

}  // namespace forebay::formats

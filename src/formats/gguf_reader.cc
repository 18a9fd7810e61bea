#include "formats/gguf_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <unordered_set>

#include "formats/display_text.h"
#include "formats/errors.h"
#include "formats/gguf_architecture_check.h"
#include "formats/gguf_file.h"
#include "formats/gguf_hyperparameters.h"
#include "formats/gguf_split.h"

namespace forebay::formats {

namespace {
constexpr std::size_t kMetadataValueBytesMax = 1000;
constexpr std::size_t kTokenShownBytesMax = 60;
constexpr std::size_t kTemplatesMax = 64;
constexpr std::uint32_t kEstimatedContext = 4096;
constexpr std::uint32_t kEstimatedBatch = 512;
constexpr std::uint64_t kRuntimeBytes = std::uint64_t{16} << 20;

constexpr std::string_view kPoolings[] = {"none", "mean", "cls", "last", "rank"};
// Architectures that only encode: they answer with vectors whatever their metadata says about pooling.
constexpr std::string_view kEncoders[] = {"bert",         "modern-bert",  "nomic-bert", "nomic-bert-moe", "neo-bert",
                                          "jina-bert-v2", "jina-bert-v3", "eurobert",   "t5encoder",      "gemma-embedding"};

// Names that converters of image and video generators use; libllama has none of them.
constexpr std::string_view kPictureMakers[] = {"aura",  "chroma", "cosmos",  "flux",   "hidream", "hunyuan_video",
                                               "hyvid", "ltxv",   "lumina2", "pixart", "pig",     "qwen_image",
                                               "sd1",   "sd2",    "sd3",     "sdxl",   "wan"};
// Of libllama: these fill in a whole text step by step.
constexpr std::string_view kTextDiffusion[] = {"dream", "llada", "llada-moe", "rnd1"};

class Describer {
 public:
  Describer(const GgufFile& file, std::uint64_t file_bytes) : file_(file), file_bytes_(file_bytes) {}

  Result<ModelDescription> describe() {
    TRY(describe_general());
    TRY(refuse_companions());
    TRY(describe_vocabulary());
    TRY(describe_sizes());
    TRY(describe_templates());
    describe_tensors();
    describe_task();
    describe_metadata();
    return std::move(model_);
  }

 private:
  // The text at `key`; empty when absent. kGgufMetadataWrongType when it is no text.
  Result<std::string_view> text_at(std::string_view key) const {
    const auto* value = file_.find(key);
    if (value == nullptr) return std::string_view();
    const auto text = value->as_text();
    if (!text) return fail(kGgufMetadataWrongType, fmt::format("'{}' is of type {} where text is needed", key, name_of(value->type)));
    return *text;
  }

  // Text that is only shown: of another type counts as absent.
  std::string shown(std::string_view key) const { return shortened(text_at(key).value_or(std::string_view()), kMetadataValueBytesMax); }

  void warn(std::string code, std::string message) { model_.warnings.push_back({std::move(code), std::move(message)}); }

  Result<> describe_general() {
    model_.format = Format::kGguf;
    model_.format_version = file_.version;
    model_.file_bytes = file_bytes_;
    TRY_ASSIGN(const auto architecture, text_at("general.architecture"));
    architecture_ = architecture;
    model_.architecture = shortened(architecture, kMetadataValueBytesMax);
    model_.name = shown("general.name");
    model_.description = shown("general.description");
    model_.licence = shown("general.license");
    return {};
  }

  Result<> refuse_companions() {
    TRY_ASSIGN(const auto type, text_at("general.type"));
    if (type == "adapter" || file_.find("adapter.type") != nullptr)
      return fail(kGgufAdapterAlone, "the file is an adapter for another model");
    if (type == "mmproj" || architecture_ == "clip")
      return fail(kGgufProjectorAlone, "the file is a multimodal projector for another model");
    if (std::ranges::contains(kPictureMakers, architecture_)) {
      return fail(Error(kFormatNotSupported, fmt::format("the file is a '{}' model, which makes pictures by diffusion", architecture_))
                      .with_hint("no engine here runs it; GGUF files of language models and text encoders are served"));
    }
    if (std::ranges::contains(kTextDiffusion, architecture_))
      warn("diffusion_model",
           fmt::format("'{}' models write by diffusion and not token by token, which no engine here does", architecture_));
    if (file_.tensors.empty() && file_.find("tokenizer.ggml.tokens") == nullptr)
      return fail(kGgufNothingInside, "the file has neither tensors nor a vocabulary");
    if (architecture_.empty()) return fail(kGgufMetadataMissing, "the metadata lacks 'general.architecture'");
    return {};
  }

  Result<> describe_vocabulary() {
    TRY_ASSIGN(const auto tokenizer, text_at("tokenizer.ggml.model"));
    text_.tokenizer = shortened(tokenizer, kMetadataValueBytesMax);
    text_.has_tensors = !file_.tensors.empty();
    const auto* tokens = file_.find("tokenizer.ggml.tokens");
    if (tokens == nullptr) {
      if (is_checked_architecture(architecture_)) return fail(kGgufMetadataMissing, "the metadata lacks 'tokenizer.ggml.tokens'");
      warn("no_vocabulary", "the file has no vocabulary: text cannot be turned into tokens");
      return {};
    }
    if (!tokens->is_array_of(GgufType::kString)) return fail(kGgufMetadataWrongType, "'tokenizer.ggml.tokens' is no array of strings");
    if (tokens->elements == 0) return fail(kGgufVocabularyInconsistent, "the vocabulary is empty");
    if (tokens->elements > std::numeric_limits<std::int32_t>::max())
      return fail(kGgufVocabularyInconsistent, "the vocabulary has more tokens than ids");
    if (tokenizer.empty()) return fail(kGgufMetadataMissing, "the metadata lacks 'tokenizer.ggml.model'");
    text_.vocabulary_size = static_cast<std::uint32_t>(tokens->elements);
    TRY(check_tokens_differ(*tokens));
    TRY(check_companion("tokenizer.ggml.scores", GgufType::kFloat32));
    TRY(check_companion("tokenizer.ggml.token_type", GgufType::kInt32));
    if (const auto* merges = file_.find("tokenizer.ggml.merges"); merges != nullptr && !merges->is_array_of(GgufType::kString)) {
      return fail(kGgufMetadataWrongType, "'tokenizer.ggml.merges' is no array of strings");
    }
    return check_special_tokens();
  }

  // libllama aborts when two tokens have the same text. It gives empty ones a text of their own.
  static Result<> check_tokens_differ(const GgufValue& tokens) {
    std::unordered_set<std::string_view> seen;
    seen.reserve(tokens.elements);
    for (const auto token : tokens.texts(tokens.elements)) {
      if (!token.empty() && !seen.insert(token).second) {
        return fail(kGgufVocabularyInconsistent,
                    fmt::format("the token '{}' is in the vocabulary twice", shortened(token, kTokenShownBytesMax)));
      }
    }
    return {};
  }

  Result<> check_companion(std::string_view key, GgufType type) const {
    const auto* value = file_.find(key);
    if (value == nullptr) return {};
    if (!value->is_array_of(type)) return fail(kGgufMetadataWrongType, fmt::format("'{}' is no array of {}", key, name_of(type)));
    if (value->elements != text_.vocabulary_size) {
      return fail(kGgufVocabularyInconsistent,
                  fmt::format("'{}' has {} entries for {} tokens", key, value->elements, text_.vocabulary_size));
    }
    return {};
  }

  // Every "tokenizer.ggml.…_token_id" of the metadata must be in the vocabulary.
  Result<> check_special_tokens() {
    for (const auto& [key, value] : file_.metadata) {
      if (!key.starts_with("tokenizer.ggml.") || !key.ends_with("token_id")) continue;
      const auto id = value.as_integer();
      if (!id) return fail(kGgufMetadataWrongType, fmt::format("'{}' is of type {} where an integer is needed", key, name_of(value.type)));
      // Converters write -1 (also as 2^32 - 1) for "there is none".
      const bool is_none = *id == -1 || *id == std::numeric_limits<std::uint32_t>::max();
      if (!is_none && (*id < 0 || *id >= text_.vocabulary_size)) {
        return fail(kGgufTokenOutOfRange, fmt::format("'{}' is {}; the vocabulary has {} tokens", key, *id, text_.vocabulary_size));
      }
      if (key == "tokenizer.ggml.bos_token_id" && !is_none) text_.bos_token = *id;
      if (key == "tokenizer.ggml.eos_token_id" && !is_none) text_.eos_token = *id;
    }
    return {};
  }

  Result<> describe_sizes() {
    TRY_ASSIGN(sizes_, read_hyperparameters(file_, architecture_, text_.vocabulary_size));
    text_.context_length = sizes_.context_length;
    text_.embedding_length = sizes_.embedding_length;
    text_.layers = sizes_.layers;
    if (!sizes_.heads.empty()) text_.head_count = std::ranges::max(sizes_.heads);
    if (!sizes_.heads_kv.empty()) text_.head_count_kv = std::ranges::max(sizes_.heads_kv);
    if (!sizes_.feed_forward.empty()) text_.feed_forward_length = std::ranges::max(sizes_.feed_forward);
    if (!text_.has_tensors) {
      warn("vocabulary_only", "the file has a vocabulary and no weights: it can count tokens and nothing else");
      return {};
    }
    TRY(check_experts(architecture_, sizes_));
    if (!is_checked_architecture(architecture_)) {
      warn("unchecked_architecture", fmt::format("the tensors of '{}' models are not checked before loading", model_.architecture));
      return {};
    }
    TRY(check_hyperparameters(file_, architecture_, sizes_));
    return check_tensors(file_, architecture_, sizes_);
  }

  Result<> describe_templates() {
    constexpr std::string_view kKey = "tokenizer.chat_template";
    TRY_ASSIGN(const auto main_template, text_at(kKey));
    if (!main_template.empty()) text_.chat_templates["default"] = as_utf8(main_template);
    for (auto entry = file_.metadata.lower_bound(kKey); entry != file_.metadata.end() && entry->first.starts_with(kKey); ++entry) {
      if (entry->first.size() <= kKey.size() + 1 || entry->first[kKey.size()] != '.') continue;
      TRY_ASSIGN(const auto source, text_at(entry->first));
      if (text_.chat_templates.size() >= kTemplatesMax)
        return fail(kGgufLimitExceeded, fmt::format("the file has more than {} chat templates", kTemplatesMax));
      text_.chat_templates[as_utf8(entry->first.substr(kKey.size() + 1))] = as_utf8(source);
    }
    // "tokenizer.chat_templates" lists the names; one without its template is a promise not kept.
    if (const auto* names = file_.find("tokenizer.chat_templates")) {
      for (const auto name : names->texts(kTemplatesMax)) {
        if (text_.chat_templates.contains(as_utf8(name))) continue;
        warn("chat_template_missing",
             fmt::format("the chat template '{}' is named but not in the file", shortened(name, kMetadataValueBytesMax)));
      }
    }
    return {};
  }

  void describe_tensors() {
    std::map<std::string_view, std::uint64_t> elements_of_type;
    for (const auto& tensor : file_.tensors) {
      model_.parameters += tensor.elements;
      model_.weight_bytes += tensor.bytes;  // Tensors do not overlap, so the sum fits the file.
      elements_of_type[tensor.type->name] += tensor.elements;
    }
    const auto most = std::ranges::max_element(elements_of_type, {}, [](const auto& entry) { return entry.second; });
    if (most != elements_of_type.end()) model_.quantization = most->first;
    model_.memory_bytes = model_.weight_bytes + (text_.has_tensors ? cache_bytes() + compute_bytes() + kRuntimeBytes : 0);
  }

  // Keys and values of one full context in 16 bits, as llama.cpp keeps them by default.
  std::uint64_t cache_bytes() const {
    const std::uint64_t context = std::min(sizes_.context_length, kEstimatedContext);
    std::uint64_t bytes = 0;
    for (const auto heads : sizes_.heads_kv) bytes += context * heads * (std::uint64_t{sizes_.key_length} + sizes_.value_length) * 2;
    return bytes;
  }

  // Activations of one batch: the logits, and about eight copies of the residual stream and three of the feed-forward layer.
  std::uint64_t compute_bytes() const {
    const std::uint64_t batch = std::min(std::max(sizes_.context_length, 1U), kEstimatedBatch);
    const std::uint64_t widths =
        std::uint64_t{text_.vocabulary_size} + 8 * std::uint64_t{text_.embedding_length} + 3 * std::uint64_t{text_.feed_forward_length};
    return batch * widths * sizeof(float);
  }

  // The classes of a model that scores.
  void describe_labels() {
    constexpr std::size_t kLabelsMax = 10'000;
    const auto* value = file_.find(fmt::format("{}.classifier.output_labels", architecture_));
    if (value == nullptr || !value->is_array_of(GgufType::kString) || value->elements > kLabelsMax) return;
    for (const auto label : value->texts(kLabelsMax)) model_.labels.push_back(as_utf8(label));
  }

  void describe_task() {
    if (const auto* value = file_.find(fmt::format("{}.pooling_type", architecture_))) {
      const auto number = value->as_integer().value_or(-1);
      if (number >= 0 && number < std::ssize(kPoolings)) {
        text_.pooling = kPoolings[number];
      } else {
        warn("unknown_pooling", "the file asks for a pooling that does not exist; it is ignored");
      }
    }
    const bool encodes = std::ranges::contains(kEncoders, architecture_);
    const bool pools = !text_.pooling.empty() && text_.pooling != "none";
    describe_labels();
    // With more than two classes the scores of a pair say nothing about how well it fits.
    const auto scores = model_.labels.size() > 2 ? Task::kClassification : Task::kReranking;
    model_.task = text_.pooling == "rank" ? scores : encodes || pools ? Task::kEmbedding : Task::kTextGeneration;
    if (model_.task == Task::kTextGeneration && text_.has_tensors && text_.chat_templates.empty()) {
      warn("no_chat_template", "the file has no chat template: chat requests need one from the configuration");
    }
    model_.text = std::move(text_);
  }

  void describe_metadata() {
    for (const auto& [key, value] : file_.metadata) model_.metadata[as_utf8(key)] = shown_value(value);
  }

  static std::string shown_value(const GgufValue& value) {
    if (const auto text = value.as_text()) return shortened(*text, kMetadataValueBytesMax);
    if (value.type == GgufType::kBool) return value.as_integer() == 1 ? "true" : "false";
    if (value.type == GgufType::kArray) return fmt::format("[{} {}]", value.elements, name_of(value.element_type));
    if (const auto integer = value.as_integer()) return fmt::format("{}", *integer);
    return fmt::format("{}", value.as_number().value_or(0));
  }

  const GgufFile& file_;
  std::uint64_t file_bytes_;
  std::string_view architecture_;
  GgufHyperparameters sizes_;
  TextSpec text_;
  ModelDescription model_;
};
}  // namespace

Result<ModelDescription> read_gguf(std::span<const std::byte> bytes, const ReadLimits& limits, const std::filesystem::path& path) {
  TRY_ASSIGN(auto file, parse_gguf(bytes, limits));
  TRY_ASSIGN(auto parts, read_gguf_parts(file, path, limits));
  TRY_ASSIGN(auto model, Describer(file, bytes.size() + parts.bytes).describe());
  model.external_files = std::move(parts.names);
  return model;
}

}  // namespace forebay::formats

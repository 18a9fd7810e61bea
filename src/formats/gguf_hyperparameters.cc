#include "formats/gguf_hyperparameters.h"

#include <fmt/format.h>

#include "formats/errors.h"

namespace forebay::formats {

namespace {
constexpr std::int64_t kLayersMax = 512;  // llama.cpp's LLAMA_MAX_LAYERS: more abort the process
constexpr std::int64_t kLengthMax = std::int64_t{1} << 24;
constexpr std::int64_t kContextMax = std::int64_t{1} << 30;
constexpr std::int64_t kExpertsMax = 1024;

class SizeReader {
 public:
  SizeReader(const GgufFile& file, std::string_view architecture) : file_(file), architecture_(architecture) {}

  // Leaves `size` alone when the key is absent.
  Result<> read(std::string_view name, std::int64_t most, std::uint32_t& size) const {
    const auto key = fmt::format("{}.{}", architecture_, name);
    const auto* value = file_.find(key);
    if (value == nullptr) return {};
    const auto number = value->as_integer();
    if (!number)
      return fail(kGgufMetadataWrongType, fmt::format("'{}' is of type {} where an integer is needed", key, name_of(value->type)));
    return accept(key, *number, most, size);
  }

  // A number for all layers, or an array with one for each.
  Result<> read_per_layer(std::string_view name, std::uint32_t layers, std::vector<std::uint32_t>& sizes) const {
    const auto key = fmt::format("{}.{}", architecture_, name);
    const auto* value = file_.find(key);
    if (value == nullptr) return {};
    sizes.assign(layers, 0);
    if (value->type == GgufType::kArray && value->elements != layers) {
      return fail(kGgufHyperparameterInvalid, fmt::format("'{}' has {} entries for {} layers", key, value->elements, layers));
    }
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
      const auto number = value->type == GgufType::kArray ? value->integer_at(layer) : value->as_integer();
      if (!number)
        return fail(kGgufMetadataWrongType, fmt::format("'{}' is of type {} where integers are needed", key, name_of(value->type)));
      TRY(accept(key, *number, kLengthMax, sizes[layer]));
    }
    return {};
  }

 private:
  static Result<> accept(std::string_view key, std::int64_t number, std::int64_t most, std::uint32_t& size) {
    if (number < 0 || number > most)
      return fail(kGgufHyperparameterInvalid, fmt::format("'{}' is {}; 0 to {} are possible", key, number, most));
    size = static_cast<std::uint32_t>(number);
    return {};
  }

  const GgufFile& file_;
  std::string_view architecture_;
};
}  // namespace

Result<GgufHyperparameters> read_hyperparameters(const GgufFile& file, std::string_view architecture, std::uint32_t vocabulary_size) {
  const SizeReader reader(file, architecture);
  GgufHyperparameters sizes{.vocabulary_size = vocabulary_size};
  TRY(reader.read("block_count", kLayersMax, sizes.layers));
  TRY(reader.read("embedding_length", kLengthMax, sizes.embedding_length));
  TRY(reader.read("context_length", kContextMax, sizes.context_length));
  TRY(reader.read("expert_count", kExpertsMax, sizes.experts));
  TRY(reader.read("expert_used_count", kExpertsMax, sizes.experts_used));
  TRY(reader.read("rope.dimension_count", kLengthMax, sizes.rope_dimensions));
  TRY(reader.read_per_layer("attention.head_count", sizes.layers, sizes.heads));
  TRY(reader.read_per_layer("attention.head_count_kv", sizes.layers, sizes.heads_kv));
  TRY(reader.read_per_layer("feed_forward_length", sizes.layers, sizes.feed_forward));
  if (sizes.heads_kv.empty()) sizes.heads_kv = sizes.heads;
  if (!sizes.heads.empty() && sizes.heads[0] != 0) sizes.key_length = sizes.value_length = sizes.embedding_length / sizes.heads[0];
  TRY(reader.read("attention.key_length", kLengthMax, sizes.key_length));
  TRY(reader.read("attention.value_length", kLengthMax, sizes.value_length));
  TRY(SizeReader(file, "tokenizer.ggml").read("token_type_count", kLengthMax, sizes.token_types));
  return sizes;
}

}  // namespace forebay::formats

#include "formats/gguf_architecture_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>

#include "formats/errors.h"

namespace forebay::formats {

namespace {
// The extents a tensor can have, by what they count. kNone ends a shape; kAny is not checked.
enum class Extent : std::uint8_t {
  kNone,
  kAny,
  kEmbedding,
  kVocabulary,
  kContext,
  kTokenTypes,
  kQueries,
  kKeys,
  kValues,
  kHeads,
  kFused,
  kKeyHead,
  kFeedForward,
  kFeedForwardTwice,
  kExperts
};
using enum Extent;

enum class Need : std::uint8_t { kAlways, kUnlessFused, kUnlessExperts, kOptional };
using enum Need;

struct TensorRule {
  std::string_view name;  // of a block's tensor without "blk.N."
  std::array<Extent, 3> shape;
  Need need = kAlways;
  bool is_float32 = false;  // matrices that ggml adds rather than multiplies with; everything of rank 1 is float32 anyway
};

using Rules = std::span<const TensorRule>;

constexpr TensorRule kDecoderModel[] = {
    {"token_embd.weight", {kEmbedding, kVocabulary}},
    {"output_norm.weight", {kEmbedding}},
    {"output.weight", {kEmbedding, kVocabulary}, kOptional},
    {"output.bias", {kVocabulary}, kOptional},
    {"rope_freqs.weight", {kAny}, kOptional},
    {"rope_factors_long.weight", {kAny}, kOptional},
    {"rope_factors_short.weight", {kAny}, kOptional},
};
constexpr TensorRule kAttention[] = {
    {"attn_q.weight", {kEmbedding, kQueries}, kUnlessFused},
    {"attn_k.weight", {kEmbedding, kKeys}, kUnlessFused},
    {"attn_v.weight", {kEmbedding, kValues}, kUnlessFused},
    {"attn_qkv.weight", {kEmbedding, kFused}, kOptional},
    {"attn_output.weight", {kHeads, kEmbedding}},
    {"attn_q.bias", {kQueries}, kOptional},
    {"attn_k.bias", {kKeys}, kOptional},
    {"attn_v.bias", {kValues}, kOptional},
    {"attn_qkv.bias", {kFused}, kOptional},
    {"attn_output.bias", {kEmbedding}, kOptional},
};
constexpr TensorRule kGatedFeedForward[] = {
    {"attn_norm.weight", {kEmbedding}},
    {"ffn_norm.weight", {kEmbedding}},
    {"ffn_gate.weight", {kEmbedding, kFeedForward}, kUnlessExperts},
    {"ffn_up.weight", {kEmbedding, kFeedForward}, kUnlessExperts},
    {"ffn_down.weight", {kFeedForward, kEmbedding}, kUnlessExperts},
    {"ffn_gate.bias", {kFeedForward}, kOptional},
    {"ffn_up.bias", {kFeedForward}, kOptional},
    {"ffn_down.bias", {kEmbedding}, kOptional},
    {"ffn_gate_inp.weight", {kEmbedding, kExperts}, kOptional},
    {"ffn_gate_exps.weight", {kEmbedding, kFeedForward, kExperts}, kOptional},
    {"ffn_up_exps.weight", {kEmbedding, kFeedForward, kExperts}, kOptional},
    {"ffn_down_exps.weight", {kFeedForward, kEmbedding, kExperts}, kOptional},
};
constexpr TensorRule kHeadNorms[] = {{"attn_q_norm.weight", {kKeyHead}}, {"attn_k_norm.weight", {kKeyHead}}};
constexpr TensorRule kPostNorms[] = {{"post_attention_norm.weight", {kEmbedding}}, {"post_ffw_norm.weight", {kEmbedding}}};
constexpr TensorRule kFusedFeedForward[] = {
    {"attn_norm.weight", {kEmbedding}},
    {"ffn_norm.weight", {kEmbedding}},
    {"ffn_up.weight", {kEmbedding, kFeedForwardTwice}},
    {"ffn_down.weight", {kFeedForward, kEmbedding}},
};
constexpr TensorRule kGpt2Model[] = {
    {"token_embd.weight", {kEmbedding, kVocabulary}},
    {"position_embd.weight", {kEmbedding, kContext}},
    {"output_norm.weight", {kEmbedding}},
    {"output_norm.bias", {kEmbedding}},
    {"output.weight", {kEmbedding, kVocabulary}, kOptional},
};
constexpr TensorRule kGpt2Block[] = {
    {"attn_norm.weight", {kEmbedding}},
    {"attn_norm.bias", {kEmbedding}},
    {"ffn_norm.weight", {kEmbedding}},
    {"ffn_norm.bias", {kEmbedding}},
    {"ffn_up.weight", {kEmbedding, kFeedForward}},
    {"ffn_up.bias", {kFeedForward}},
    {"ffn_down.weight", {kFeedForward, kEmbedding}},
    {"ffn_down.bias", {kEmbedding}},
};
constexpr TensorRule kEncoderModel[] = {
    {"token_embd.weight", {kEmbedding, kVocabulary}},
    {"token_types.weight", {kEmbedding, kTokenTypes}, kOptional, true},
    {"token_embd_norm.weight", {kEmbedding}},
    {"token_embd_norm.bias", {kEmbedding}},
    {"cls.weight", {kEmbedding, kEmbedding}, kOptional},
    {"cls.bias", {kEmbedding}, kOptional},
    {"cls.output.weight", {kEmbedding, kAny}, kOptional},
    {"cls.output.bias", {kAny}, kOptional},
};
constexpr TensorRule kBertPositions[] = {{"position_embd.weight", {kEmbedding, kContext}}};
constexpr TensorRule kEncoderBlock[] = {
    {"attn_output_norm.weight", {kEmbedding}},       {"attn_output_norm.bias", {kEmbedding}},
    {"ffn_up.weight", {kEmbedding, kFeedForward}},   {"ffn_up.bias", {kFeedForward}, kOptional},
    {"ffn_down.weight", {kFeedForward, kEmbedding}}, {"ffn_down.bias", {kEmbedding}, kOptional},
    {"layer_output_norm.weight", {kEmbedding}},      {"layer_output_norm.bias", {kEmbedding}},
};
constexpr TensorRule kEncoderGate[] = {{"ffn_gate.weight", {kEmbedding, kFeedForward}}};

struct Family {
  std::string_view architecture;
  std::array<Rules, 2> model;
  std::array<Rules, 3> block;
};

constexpr Family kFamilies[] = {
    {"llama", {kDecoderModel}, {kAttention, kGatedFeedForward}},
    {"granite", {kDecoderModel}, {kAttention, kGatedFeedForward}},
    {"smollm3", {kDecoderModel}, {kAttention, kGatedFeedForward}},
    {"qwen2", {kDecoderModel}, {kAttention, kGatedFeedForward}},
    {"qwen3", {kDecoderModel}, {kAttention, kGatedFeedForward, kHeadNorms}},
    {"gemma", {kDecoderModel}, {kAttention, kGatedFeedForward}},
    {"gemma2", {kDecoderModel}, {kAttention, kGatedFeedForward, kPostNorms}},
    {"phi3", {kDecoderModel}, {kAttention, kFusedFeedForward}},
    {"gpt2", {kGpt2Model}, {kAttention, kGpt2Block}},
    {"bert", {kEncoderModel, kBertPositions}, {kAttention, kEncoderBlock}},
    {"nomic-bert", {kEncoderModel}, {kAttention, kEncoderBlock, kEncoderGate}},
};

const Family* family_of(std::string_view architecture) {
  const auto found = std::ranges::find(kFamilies, architecture, &Family::architecture);
  return found == std::end(kFamilies) ? nullptr : found;
}

// Checks the tensors of one model against the rules of its family.
class TensorCheck {
 public:
  TensorCheck(const GgufFile& file, const GgufHyperparameters& sizes) : file_(file), sizes_(sizes) {}

  Result<> check(std::string_view prefix, Rules rules, std::uint32_t layer) const {
    for (const auto& rule : rules) TRY(check(fmt::format("{}{}", prefix, rule.name), prefix, rule, layer));
    return {};
  }

 private:
  Result<> check(const std::string& name, std::string_view prefix, const TensorRule& rule, std::uint32_t layer) const {
    const auto* tensor = file_.tensor(name);
    if (tensor == nullptr) {
      if (!is_needed(rule.need, prefix)) return {};
      return fail(kGgufTensorMissing, fmt::format("the tensor '{}' is missing", name));
    }
    const auto rank = static_cast<std::size_t>(std::ranges::find(rule.shape, kNone) - rule.shape.begin());
    for (std::size_t i = 0; i < tensor->extents.size(); ++i) {
      if (i < rank && rule.shape[i] == kAny) continue;
      const std::uint64_t wanted = i < rank ? extent(rule.shape[i], layer) : 1;
      if (tensor->extents[i] != wanted) {
        return fail(kGgufTensorWrongShape, fmt::format("tensor '{}' has the shape {}; dimension {} must be {} by the metadata", name,
                                                       shape_text(*tensor), i, wanted));
      }
    }
    if (rank == 1 || rule.is_float32) {
      if (tensor->type->number != kGgufF32)
        return fail(kGgufTensorWrongType, fmt::format("tensor '{}' is {} where F32 is needed", name, tensor->type->name));
    } else if (!tensor->type->is_weight) {
      return fail(kGgufTensorWrongType, fmt::format("tensor '{}' is {}, which is no type of weights", name, tensor->type->name));
    }
    return {};
  }

  bool is_needed(Need need, std::string_view prefix) const {
    switch (need) {
      case kAlways:
        return true;
      case kUnlessFused:
        return file_.tensor(fmt::format("{}attn_qkv.weight", prefix)) == nullptr;
      case kUnlessExperts:
        return sizes_.experts == 0;
      case kOptional:
        return false;
    }
    return false;
  }

  std::uint64_t extent(Extent what, std::uint32_t layer) const {
    const std::uint64_t queries = std::uint64_t{sizes_.heads[layer]} * sizes_.key_length;
    const std::uint64_t keys = std::uint64_t{sizes_.heads_kv[layer]} * sizes_.key_length;
    const std::uint64_t values = std::uint64_t{sizes_.heads_kv[layer]} * sizes_.value_length;
    switch (what) {
      case kNone:
      case kAny:
        return 1;
      case kEmbedding:
        return sizes_.embedding_length;
      case kVocabulary:
        return sizes_.vocabulary_size;
      case kContext:
        return sizes_.context_length;
      case kTokenTypes:
        return sizes_.token_types;
      case kQueries:
        return queries;
      case kKeys:
        return keys;
      case kValues:
        return values;
      case kHeads:
        return std::uint64_t{sizes_.heads[layer]} * sizes_.value_length;
      case kFused:
        return queries + keys + values;
      case kKeyHead:
        return sizes_.key_length;
      case kFeedForward:
        return sizes_.feed_forward[layer];
      case kFeedForwardTwice:
        return std::uint64_t{sizes_.feed_forward[layer]} * 2;
      case kExperts:
        return sizes_.experts;
    }
    return 1;
  }

  const GgufFile& file_;
  const GgufHyperparameters& sizes_;
};

Result<> check_no_extra_block(const GgufFile& file, std::uint32_t layers) {
  for (const auto& tensor : file.tensors) {
    if (!tensor.name.starts_with("blk.")) continue;
    std::uint32_t block = 0;
    const auto [end, problem] = std::from_chars(tensor.name.data() + 4, tensor.name.data() + tensor.name.size(), block);
    if (problem != std::errc() || block >= layers) {
      return fail(kGgufHyperparameterInvalid,
                  fmt::format("the tensor '{}' belongs to none of the {} layers that the metadata states", tensor.name, layers));
    }
  }
  return {};
}

Result<> check_layer(std::string_view architecture, const GgufHyperparameters& sizes, std::uint32_t layer) {
  const auto heads = sizes.heads[layer];
  const auto heads_kv = sizes.heads_kv[layer];
  if (heads == 0 || heads_kv == 0 || heads % heads_kv != 0) {
    return fail(kGgufHyperparameterInvalid, fmt::format("layer {} of '{}' has {} heads over {} key-value heads, which does not divide",
                                                        layer, architecture, heads, heads_kv));
  }
  if (sizes.feed_forward[layer] == 0)
    return fail(kGgufHyperparameterInvalid, fmt::format("layer {} of '{}' has a feed-forward length of 0", layer, architecture));
  return {};
}

// Norm epsilons and rope bases are divided by or raised to powers: nothing infinite, nothing negative.
Result<> check_numbers(const GgufFile& file, std::string_view architecture) {
  for (const std::string_view name :
       {"attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon", "rope.freq_base", "rope.scaling.factor"}) {
    const auto key = fmt::format("{}.{}", architecture, name);
    const auto* value = file.find(key);
    if (value == nullptr) continue;
    const auto number = value->as_number();
    if (!number) return fail(kGgufMetadataWrongType, fmt::format("'{}' is of type {} where a number is needed", key, name_of(value->type)));
    if (!std::isfinite(*number) || *number < 0) return fail(kGgufHyperparameterInvalid, fmt::format("'{}' is {}", key, *number));
  }
  return {};
}
}  // namespace

bool is_checked_architecture(std::string_view architecture) { return family_of(architecture) != nullptr; }

Result<> check_experts(std::string_view architecture, const GgufHyperparameters& sizes) {
  const bool is_mixture = architecture.contains("moe");
  if (sizes.experts_used > sizes.experts || ((sizes.experts > 0 || is_mixture) && sizes.experts_used == 0)) {
    return fail(kGgufHyperparameterInvalid, fmt::format("{} of {} experts are to be used", sizes.experts_used, sizes.experts));
  }
  return {};
}

Result<> check_hyperparameters(const GgufFile& file, std::string_view architecture, const GgufHyperparameters& sizes) {
  const auto require = [&](std::string_view name, std::uint64_t size) -> Result<> {
    if (size != 0) return {};
    const auto key = fmt::format("{}.{}", architecture, name);
    if (file.find(key) == nullptr) return fail(kGgufMetadataMissing, fmt::format("the metadata lacks '{}'", key));
    return fail(kGgufHyperparameterInvalid, fmt::format("'{}' is 0", key));
  };
  TRY(require("block_count", sizes.layers));
  TRY(require("embedding_length", sizes.embedding_length));
  TRY(require("context_length", sizes.context_length));
  TRY(require("attention.head_count", sizes.heads.size()));
  TRY(require("feed_forward_length", sizes.feed_forward.size()));
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) TRY(check_layer(architecture, sizes, layer));
  const bool states_key_length = file.find(fmt::format("{}.attention.key_length", architecture)) != nullptr;
  if (!states_key_length && sizes.embedding_length % sizes.heads[0] != 0) {
    return fail(kGgufHyperparameterInvalid,
                fmt::format("the embedding length {} does not divide into {} heads", sizes.embedding_length, sizes.heads[0]));
  }
  TRY(require("attention.key_length", sizes.key_length));
  TRY(require("attention.value_length", sizes.value_length));
  if (sizes.rope_dimensions > sizes.key_length || sizes.rope_dimensions % 2 != 0) {
    return fail(kGgufHyperparameterInvalid,
                fmt::format("rotary embeddings over {} of a head's {} dimensions are impossible", sizes.rope_dimensions, sizes.key_length));
  }
  return check_numbers(file, architecture);
}

Result<> check_tensors(const GgufFile& file, std::string_view architecture, const GgufHyperparameters& sizes) {
  const auto* family = family_of(architecture);
  if (family == nullptr) return {};
  TRY(check_no_extra_block(file, sizes.layers));
  const TensorCheck tensors(file, sizes);
  for (const auto rules : family->model) TRY(tensors.check("", rules, 0));
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) {
    const auto prefix = fmt::format("blk.{}.", layer);
    for (const auto rules : family->block) TRY(tensors.check(prefix, rules, layer));
  }
  return {};
}

}  // namespace forebay::formats

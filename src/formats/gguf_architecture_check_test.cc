#include "formats/gguf_architecture_check.h"

#include <gtest/gtest.h>

#include <limits>

#include "formats/errors.h"
#include "formats/gguf_reader.h"
#include "formats/testing/gguf_writer.h"

namespace forebay::formats {
namespace {

std::string verdict(const GgufWriter& file) {
  const auto bytes = file.bytes();
  const auto description = read_gguf(std::as_bytes(std::span(bytes)), {});
  return description ? "accepted" : std::string(description.error().code().name);
}

GgufWriter llama_with(std::string_view key, std::uint32_t value) { return tiny_llama().without(key).uint32(key, value); }

GgufWriter renamed(std::string_view architecture) {
  return tiny_llama().without("general.architecture").text("general.architecture", architecture);
}

TEST(GgufArchitectureCheck, NeedsEveryTensorOfItsArchitecture) {
  for (const std::string_view name : {"token_embd.weight", "output_norm.weight", "blk.0.attn_norm.weight", "blk.0.attn_q.weight",
                                      "blk.1.attn_k.weight", "blk.1.attn_v.weight", "blk.0.attn_output.weight", "blk.0.ffn_norm.weight",
                                      "blk.0.ffn_gate.weight", "blk.1.ffn_up.weight", "blk.1.ffn_down.weight"}) {
    EXPECT_EQ(verdict(tiny_llama().without_tensor(name)), "gguf_tensor_missing") << name;
  }
  EXPECT_EQ(verdict(tiny_llama().without_tensor("output.weight")), "accepted");  // Tied to the embedding.
  EXPECT_EQ(verdict(tiny_bert().without_tensor("position_embd.weight")), "gguf_tensor_missing");
  EXPECT_EQ(verdict(tiny_gpt2().without_tensor("blk.0.attn_qkv.weight")), "gguf_tensor_missing");
}

TEST(GgufArchitectureCheck, RefusesShapesThatContradictTheMetadata) {
  EXPECT_EQ(verdict(tiny_llama().reshaped("token_embd.weight", {6, 8})), "gguf_tensor_wrong_shape");
  EXPECT_EQ(verdict(tiny_llama().reshaped("blk.0.attn_q.weight", {64})), "gguf_tensor_wrong_shape");
  EXPECT_EQ(verdict(tiny_llama().reshaped("blk.0.attn_k.weight", {4, 8})), "gguf_tensor_wrong_shape");
  EXPECT_EQ(verdict(tiny_llama().reshaped("blk.1.ffn_down.weight", {8, 16})), "gguf_tensor_wrong_shape");
  EXPECT_EQ(verdict(tiny_llama().reshaped("output_norm.weight", {2, 4})), "gguf_tensor_wrong_shape");
  EXPECT_EQ(verdict(tiny_llama().reshaped("output_norm.weight", {8, 1})), "accepted");
  EXPECT_EQ(verdict(tiny_bert().reshaped("position_embd.weight", {8, 16})), "gguf_tensor_wrong_shape");
}

TEST(GgufArchitectureCheck, RefusesTypesThatTheEngineCannotComputeWith) {
  EXPECT_EQ(verdict(tiny_llama().retyped("output_norm.weight", kGgufF16)), "gguf_tensor_wrong_type");
  EXPECT_EQ(verdict(tiny_llama().retyped("blk.0.attn_q.weight", kGgufF16)), "accepted");
  for (const std::uint32_t integer : {24U, 25U, 26U})
    EXPECT_EQ(verdict(tiny_llama().retyped("blk.0.attn_q.weight", integer)), "gguf_tensor_wrong_type") << integer;
  EXPECT_EQ(verdict(tiny_bert().retyped("token_types.weight", kGgufF16)), "gguf_tensor_wrong_type");
}

TEST(GgufArchitectureCheck, RefusesSizesThatContradictEachOther) {
  EXPECT_EQ(verdict(llama_with("llama.attention.head_count", 0)), "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(llama_with("llama.attention.head_count_kv", 0)), "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(llama_with("llama.attention.head_count", 3)), "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(llama_with("llama.attention.head_count_kv", 3)), "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(llama_with("llama.embedding_length", 0)), "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(llama_with("llama.context_length", 0)), "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(llama_with("llama.feed_forward_length", 0)), "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(llama_with("llama.rope.dimension_count", 5)), "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(llama_with("llama.rope.dimension_count", 6)), "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(llama_with("llama.attention.key_length", 0)), "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(llama_with("llama.expert_used_count", 2)), "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(renamed("falcon").uint32("falcon.expert_used_count", 127)), "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(renamed("llada-moe")), "gguf_hyperparameter_invalid");
}

TEST(GgufArchitectureCheck, RefusesAnotherNumberOfLayersThanThereAre) {
  EXPECT_EQ(verdict(llama_with("llama.block_count", 0)), "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(llama_with("llama.block_count", 1)), "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(llama_with("llama.block_count", 3)), "gguf_tensor_missing");
  EXPECT_EQ(verdict(llama_with("llama.block_count", 512)), "gguf_tensor_missing");
  EXPECT_EQ(verdict(llama_with("llama.block_count", 513)), "gguf_hyperparameter_invalid");
}

TEST(GgufArchitectureCheck, NeedsTheSizesOfItsArchitecture) {
  for (const std::string_view key :
       {"llama.block_count", "llama.embedding_length", "llama.context_length", "llama.attention.head_count", "llama.feed_forward_length"}) {
    EXPECT_EQ(verdict(tiny_llama().without(key)), "gguf_metadata_missing") << key;
    EXPECT_EQ(verdict(tiny_llama().without(key).text(key, "8")), "gguf_metadata_wrong_type") << key;
    EXPECT_EQ(verdict(tiny_llama().without(key).int32(key, -8)), "gguf_hyperparameter_invalid") << key;
  }
}

TEST(GgufArchitectureCheck, TakesSizesForEachLayer) {
  EXPECT_EQ(verdict(tiny_llama().without("llama.attention.head_count_kv").int32s("llama.attention.head_count_kv", {1, 1})), "accepted");
  EXPECT_EQ(verdict(tiny_llama().without("llama.attention.head_count_kv").int32s("llama.attention.head_count_kv", {1, 2})),
            "gguf_tensor_wrong_shape");
  EXPECT_EQ(verdict(tiny_llama().without("llama.attention.head_count_kv").int32s("llama.attention.head_count_kv", {1})),
            "gguf_hyperparameter_invalid");
  EXPECT_EQ(verdict(tiny_llama().without("llama.attention.head_count_kv").float32s("llama.attention.head_count_kv", {1, 1})),
            "gguf_metadata_wrong_type");
}

TEST(GgufArchitectureCheck, RefusesNumbersThatAreNone) {
  const std::string_view key = "llama.attention.layer_norm_rms_epsilon";
  for (const float number : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -1.0F}) {
    EXPECT_EQ(verdict(tiny_llama().without(key).float32(key, number)), "gguf_hyperparameter_invalid") << number;
  }
  EXPECT_EQ(verdict(tiny_llama().without(key).text(key, "small")), "gguf_metadata_wrong_type");
}

TEST(GgufArchitectureCheck, ChecksOnlyWhatItKnows) {
  for (const std::string_view known : {"llama", "qwen2", "qwen3", "gemma", "gemma2", "phi3", "gpt2", "bert", "nomic-bert"})
    EXPECT_TRUE(is_checked_architecture(known)) << known;
  EXPECT_FALSE(is_checked_architecture("mamba"));
  EXPECT_FALSE(is_checked_architecture(""));
}

}  // namespace
}  // namespace forebay::formats

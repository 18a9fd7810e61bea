#include "formats/testing/gguf_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace forebay::formats {

namespace {
template <class T>
std::string little_endian(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string text_bytes(std::string_view text) { return little_endian<std::uint64_t>(text.size()) + std::string(text); }

// Blocks of the types that tests use (ggml.h); any other is taken for bytes.
struct Block {
  std::uint64_t elements;
  std::uint64_t bytes;
};
Block block_of(std::uint32_t type) {
  switch (type) {
    case 0:
      return {1, 4};
    case 1:
      return {1, 2};
    case 2:
      return {32, 18};
    case 8:
      return {32, 34};
    case 12:
      return {256, 144};
    default:
      return {1, 1};
  }
}

void add_vocabulary(GgufWriter& file, std::string_view model) {
  file.text("tokenizer.ggml.model", model)
      .texts("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "a", "b", "c"})
      .float32s("tokenizer.ggml.scores", {0, 0, 0, -1, -2, -3})
      .int32s("tokenizer.ggml.token_type", {2, 3, 3, 1, 1, 1})
      .uint32("tokenizer.ggml.bos_token_id", 1)
      .uint32("tokenizer.ggml.eos_token_id", 2);
}

GgufWriter with_sizes(std::string_view architecture, std::string_view tokenizer) {
  GgufWriter file;
  const auto key = [&](std::string_view name) { return fmt::format("{}.{}", architecture, name); };
  file.text("general.architecture", architecture).text("general.name", fmt::format("tiny {}", architecture));
  file.uint32(key("block_count"), 2)
      .uint32(key("embedding_length"), 8)
      .uint32(key("context_length"), 32)
      .uint32(key("feed_forward_length"), 16);
  file.uint32(key("attention.head_count"), 2);
  add_vocabulary(file, tokenizer);
  return file;
}
}  // namespace

GgufWriter& GgufWriter::raw(std::string_view key, std::uint32_t type, std::string_view bytes) {
  entries_.push_back({std::string(key), little_endian(type) + std::string(bytes)});
  return *this;
}

GgufWriter& GgufWriter::text(std::string_view key, std::string_view value) { return raw(key, kString, text_bytes(value)); }
GgufWriter& GgufWriter::uint32(std::string_view key, std::uint32_t value) { return raw(key, kUint32, little_endian(value)); }
GgufWriter& GgufWriter::int32(std::string_view key, std::int32_t value) { return raw(key, kInt32, little_endian(value)); }
GgufWriter& GgufWriter::float32(std::string_view key, float value) { return raw(key, kFloat32, little_endian(value)); }
GgufWriter& GgufWriter::boolean(std::string_view key, std::uint8_t value) { return raw(key, kBool, little_endian(value)); }

GgufWriter& GgufWriter::texts(std::string_view key, const std::vector<std::string>& values) {
  auto bytes = little_endian<std::uint32_t>(kString) + little_endian<std::uint64_t>(values.size());
  for (const auto& value : values) bytes += text_bytes(value);
  return raw(key, kArray, bytes);
}

GgufWriter& GgufWriter::float32s(std::string_view key, const std::vector<float>& values) {
  auto bytes = little_endian<std::uint32_t>(kFloat32) + little_endian<std::uint64_t>(values.size());
  for (const auto value : values) bytes += little_endian(value);
  return raw(key, kArray, bytes);
}

GgufWriter& GgufWriter::int32s(std::string_view key, const std::vector<std::int32_t>& values) {
  auto bytes = little_endian<std::uint32_t>(kInt32) + little_endian<std::uint64_t>(values.size());
  for (const auto value : values) bytes += little_endian(value);
  return raw(key, kArray, bytes);
}

GgufWriter& GgufWriter::without(std::string_view key) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.key == key; });
  return *this;
}

GgufWriter& GgufWriter::tensor(std::string_view name, const std::vector<std::uint64_t>& extents, std::uint32_t type) {
  tensors_.push_back({std::string(name), extents, type, data_bytes_});
  const auto elements = std::accumulate(extents.begin(), extents.end(), std::uint64_t{1}, std::multiplies<>());
  const auto bytes = elements / block_of(type).elements * block_of(type).bytes;
  data_bytes_ += (bytes + alignment - 1) / alignment * alignment;
  return *this;
}

GgufWriter::Tensor& GgufWriter::find(std::string_view name) { return *std::ranges::find(tensors_, name, &Tensor::name); }

GgufWriter& GgufWriter::retyped(std::string_view name, std::uint32_t type) {
  find(name).type = type;
  return *this;
}

GgufWriter& GgufWriter::moved(std::string_view name, std::uint64_t offset) {
  find(name).offset = offset;
  return *this;
}

GgufWriter& GgufWriter::reshaped(std::string_view name, const std::vector<std::uint64_t>& extents) {
  find(name).extents = extents;
  return *this;
}

GgufWriter& GgufWriter::without_tensor(std::string_view name) {
  std::erase_if(tensors_, [&](const Tensor& tensor) { return tensor.name == name; });
  return *this;
}

std::string GgufWriter::bytes() const { return bytes_claiming(tensors_.size(), entries_.size()); }

std::string GgufWriter::bytes_claiming(std::uint64_t tensors, std::uint64_t entries) const {
  std::string file = "GGUF" + little_endian(version) + little_endian(tensors) + little_endian(entries);
  for (const auto& entry : entries_) file += text_bytes(entry.key) + entry.bytes;
  for (const auto& tensor : tensors_) {
    file += text_bytes(tensor.name) + little_endian(static_cast<std::uint32_t>(tensor.extents.size()));
    for (const auto extent : tensor.extents) file += little_endian(extent);
    file += little_endian(tensor.type) + little_endian(tensor.offset);
  }
  file.resize((file.size() + alignment - 1) / alignment * alignment, '\0');
  file.resize(file.size() + data_bytes_, '\0');
  return file;
}

GgufWriter tiny_llama() {
  auto file = with_sizes("llama", "llama");
  file.uint32("llama.attention.head_count_kv", 1)
      .uint32("llama.rope.dimension_count", 4)
      .float32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  file.tensor("token_embd.weight", {8, 6}).tensor("output_norm.weight", {8}).tensor("output.weight", {8, 6});
  for (int layer = 0; layer < 2; ++layer) {
    const auto name = [&](std::string_view part) { return fmt::format("blk.{}.{}.weight", layer, part); };
    file.tensor(name("attn_norm"), {8}).tensor(name("attn_q"), {8, 8}).tensor(name("attn_k"), {8, 4}).tensor(name("attn_v"), {8, 4});
    file.tensor(name("attn_output"), {8, 8}).tensor(name("ffn_norm"), {8});
    file.tensor(name("ffn_gate"), {8, 16}).tensor(name("ffn_up"), {8, 16}).tensor(name("ffn_down"), {16, 8});
  }
  return file;
}

GgufWriter tiny_bert() {
  auto file = with_sizes("bert", "bert");
  file.uint32("bert.pooling_type", 1).uint32("tokenizer.ggml.token_type_count", 2).float32("bert.attention.layer_norm_epsilon", 1e-12F);
  file.tensor("token_embd.weight", {8, 6}).tensor("token_types.weight", {8, 2}).tensor("position_embd.weight", {8, 32});
  file.tensor("token_embd_norm.weight", {8}).tensor("token_embd_norm.bias", {8});
  for (int layer = 0; layer < 2; ++layer) {
    const auto pair = [&](std::string_view part, const std::vector<std::uint64_t>& extents) {
      file.tensor(fmt::format("blk.{}.{}.weight", layer, part), extents)
          .tensor(fmt::format("blk.{}.{}.bias", layer, part), {extents.back()});
    };
    for (const std::string_view part : {"attn_q", "attn_k", "attn_v", "attn_output"}) pair(part, {8, 8});
    pair("attn_output_norm", {8});
    pair("ffn_up", {8, 16});
    pair("ffn_down", {16, 8});
    pair("layer_output_norm", {8});
  }
  return file;
}

GgufWriter tiny_gpt2() {
  auto file = with_sizes("gpt2", "gpt2");
  file.texts("tokenizer.ggml.merges", {"a b", "b c"});
  file.tensor("token_embd.weight", {8, 6})
      .tensor("position_embd.weight", {8, 32})
      .tensor("output_norm.weight", {8})
      .tensor("output_norm.bias", {8});
  for (int layer = 0; layer < 2; ++layer) {
    const auto pair = [&](std::string_view part, const std::vector<std::uint64_t>& extents) {
      file.tensor(fmt::format("blk.{}.{}.weight", layer, part), extents)
          .tensor(fmt::format("blk.{}.{}.bias", layer, part), {extents.back()});
    };
    pair("attn_norm", {8});
    pair("attn_qkv", {8, 24});
    pair("attn_output", {8, 8});
    pair("ffn_norm", {8});
    pair("ffn_up", {8, 16});
    pair("ffn_down", {16, 8});
  }
  return file;
}

}  // namespace forebay::formats

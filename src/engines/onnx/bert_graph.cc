#include "engines/onnx/bert_graph.h"

#include <fmt/format.h>
#include <ggml.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "engines/errors.h"
#include "engines/onnx/row_quantization.h"
#include "formats/onnx_graph_builder.h"

namespace forebay::engines {

namespace {

using formats::GgufFile;
using formats::GgufTensor;
using formats::OnnxGraphBuilder;
using tensors::DType;
using tensors::Tensor;

constexpr std::string_view kDomain = "com.microsoft";
// The serialised graph is one protobuf message, which ends at 2 GiB.
constexpr std::uint64_t kFloatBytesMax = std::uint64_t{1500} << 20U;

std::unexpected<Error> refused(std::string why) { return fail(kModelRefused, "the encoder is not translated: " + std::move(why)); }

struct Shape {
  std::uint32_t layers = 0;
  std::uint32_t heads = 0;
  std::size_t width = 0;
  float epsilon = 0;
};

Result<std::int64_t> integer(const GgufFile& file, const char* key, std::int64_t most) {
  const auto* value = file.find(key);
  const auto number = value != nullptr ? value->as_integer() : std::nullopt;
  if (!number || *number < 1 || *number > most) return refused(fmt::format("'{}' is missing or out of range", key));
  return *number;
}

Result<Shape> shape_of(const GgufFile& file) {
  Shape shape;
  TRY_ASSIGN(const auto layers, integer(file, "bert.block_count", 1024));
  TRY_ASSIGN(const auto heads, integer(file, "bert.attention.head_count", 1024));
  TRY_ASSIGN(const auto width, integer(file, "bert.embedding_length", 1 << 16));
  if (width % heads != 0) return refused("its width is no multiple of its heads");
  const auto* epsilon = file.find("bert.attention.layer_norm_epsilon");
  const auto* causal = file.find("bert.attention.causal");
  if (causal != nullptr && causal->as_integer().value_or(0) != 0) return refused("its attention is causal");
  shape.layers = static_cast<std::uint32_t>(layers);
  shape.heads = static_cast<std::uint32_t>(heads);
  shape.width = static_cast<std::size_t>(width);
  shape.epsilon = static_cast<float>(epsilon != nullptr ? epsilon->as_number().value_or(1e-12) : 1e-12);
  return shape;
}

struct Matrix {  // as the file has it: `rows` outputs of `columns` inputs each
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<float> values;
};

class Translator {
 public:
  Translator(const GgufFile& file, std::span<const std::byte> bytes, const Shape& shape, EncoderPrecision precision)
      : file_(file), bytes_(bytes), shape_(shape), int8_(precision == EncoderPrecision::kInt8), model_("bert") {}

  Result<std::string> translate() {
    model_.opset(kDomain, 1);
    if (int8_) {
      Tensor zero_point = Tensor::zeros(DType::kUint8, {});
      zero_point.mutable_bytes()[0] = std::byte{128};
      model_.opset(kRowsDomain, 1).initialiser("zero_point", zero_point).initialiser("one", tensor_of({}, std::array{1.0F}));
    }
    model_.input("input_ids", DType::kInt32, {"batch", "tokens"}).input("attention_mask", DType::kInt32, {"batch", "tokens"});
    TRY(embed());
    for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) TRY(block(layer));
    model_.output(kBertOutput, DType::kFloat32, {"batch", "tokens", static_cast<std::int64_t>(shape_.width)});
    return model_.build();
  }

 private:
  Result<Matrix> matrix(const std::string& name, std::size_t columns, std::size_t rows = 0) const {
    const GgufTensor* tensor = file_.tensor(name);
    if (tensor == nullptr) return refused(fmt::format("it has no tensor '{}'", name));
    if (tensor->extents[0] != columns || (rows != 0 && tensor->extents[1] != rows) || tensor->rank > 2)
      return refused(fmt::format("the tensor '{}' has another shape", name));
    const auto* traits = ggml_get_type_traits(static_cast<ggml_type>(tensor->type->number));
    const bool plain = tensor->type->number == formats::kGgufF32;
    if (!plain && (traits == nullptr || traits->to_float == nullptr))
      return refused(fmt::format("the tensor '{}' has a type without a conversion", name));
    const std::uint64_t begin = file_.data_offset + tensor->offset;
    if (begin > bytes_.size() || tensor->bytes > bytes_.size() - begin)
      return refused(fmt::format("the tensor '{}' ends past the file", name));
    Matrix made{static_cast<std::size_t>(tensor->extents[1]), columns, std::vector<float>(tensor->elements)};
    const std::byte* from = bytes_.data() + begin;
    if (plain)
      std::memcpy(made.values.data(), from, tensor->elements * sizeof(float));
    else
      traits->to_float(from, made.values.data(), static_cast<std::int64_t>(tensor->elements));
    return made;
  }

  static Tensor tensor_of(std::vector<std::int64_t> shape, std::span<const float> values) {
    Tensor tensor = Tensor::zeros(DType::kFloat32, std::move(shape));
    std::memcpy(tensor.mutable_bytes().data(), values.data(), values.size_bytes());
    return tensor;
  }

  Result<> add_vector(const std::string& name, std::size_t size, const std::string& as) {
    if (file_.tensor(name) == nullptr && name.ends_with(".bias")) {
      model_.initialiser(as, Tensor::zeros(DType::kFloat32, {static_cast<std::int64_t>(size)}));
      return {};
    }
    TRY_ASSIGN(const auto values, matrix(name, size));
    model_.initialiser(as, tensor_of({static_cast<std::int64_t>(size)}, values.values));
    return {};
  }

  // Every token is of type 0, as in libllama: the vector of that type is part of the positions'.
  Result<> embed() {
    TRY_ASSIGN(auto words, matrix("token_embd.weight", shape_.width));
    TRY_ASSIGN(auto positions, matrix("position_embd.weight", shape_.width));
    if (file_.tensor("token_types.weight") != nullptr) {
      TRY_ASSIGN(const auto types, matrix("token_types.weight", shape_.width));
      for (std::size_t i = 0; i < positions.values.size(); ++i) positions.values[i] += types.values[i % shape_.width];
    }
    const auto width = static_cast<std::int64_t>(shape_.width);
    model_.initialiser("words", tensor_of({static_cast<std::int64_t>(words.rows), width}, words.values));
    model_.initialiser("positions", tensor_of({static_cast<std::int64_t>(positions.rows), width}, positions.values));
    TRY(add_vector("token_embd_norm.weight", shape_.width, "embed_gamma"));
    TRY(add_vector("token_embd_norm.bias", shape_.width, "embed_beta"));
    model_.node("EmbedLayerNormalization", {"input_ids", "", "words", "positions", "", "embed_gamma", "embed_beta"}, {"x0", "lengths"},
                {{"epsilon", shape_.epsilon}}, kDomain);
    return {};
  }

  // x · W (+ bias). The file's rows are the product's columns.
  Result<> product(const std::string& name, std::size_t from, std::size_t to, const std::string& x, const std::string& y,
                   const std::string& bias) {
    TRY_ASSIGN(const auto weights, matrix(name, from, to));
    if (int8_) {
      add_int8(weights, y);
      model_.node("MatMulIntegerToFloat", {x + "_q", y + "_w", "one", y + "_ws", "zero_point", ""}, {y + "_rows"}, {}, kDomain);
      OnnxGraphBuilder::Names inputs{y + "_rows", x + "_s"};
      if (!bias.empty()) inputs.push_back(bias);
      model_.node(kScaleRows, inputs, {y}, {}, kRowsDomain);
      return {};
    }
    Tensor turned = Tensor::zeros(DType::kFloat32, {static_cast<std::int64_t>(from), static_cast<std::int64_t>(to)});
    auto* values = reinterpret_cast<float*>(turned.mutable_bytes().data());
    for (std::size_t row = 0; row < to; ++row) {
      for (std::size_t column = 0; column < from; ++column) values[column * to + row] = weights.values[row * from + column];
    }
    model_.initialiser(y + "_w", turned);
    if (bias.empty()) {
      model_.node("MatMul", {x, y + "_w"}, {y});
    } else {
      model_.node("MatMul", {x, y + "_w"}, {y + "_plain"}).node("Add", {y + "_plain", bias}, {y});
    }
    return {};
  }

  // The largest of a column becomes 127: symmetric, so that the product needs no correction for the weights.
  void add_int8(const Matrix& weights, const std::string& y) {
    const std::size_t from = weights.columns;
    const std::size_t to = weights.rows;
    Tensor turned = Tensor::zeros(DType::kInt8, {static_cast<std::int64_t>(from), static_cast<std::int64_t>(to)});
    auto* values = reinterpret_cast<std::int8_t*>(turned.mutable_bytes().data());
    std::vector<float> scales(to);
    for (std::size_t row = 0; row < to; ++row) {
      const std::span<const float> of_row(weights.values.data() + row * from, from);
      float largest = 0;
      for (const float value : of_row) largest = std::max(largest, std::abs(value));
      scales[row] = largest > 0 ? largest / 127.0F : 1.0F;
      for (std::size_t column = 0; column < from; ++column)
        values[column * to + row] = static_cast<std::int8_t>(std::lround(std::clamp(of_row[column] / scales[row], -127.0F, 127.0F)));
    }
    model_.initialiser(y + "_w", turned);
    model_.initialiser(y + "_ws", tensor_of({static_cast<std::int64_t>(to)}, scales));
  }

  void quantize(const std::string& x) {
    if (int8_) model_.node(kQuantizeRows, {x}, {x + "_q", x + "_s"}, {}, kRowsDomain);
  }

  Result<> block(std::uint32_t layer) {
    const std::string in = fmt::format("x{}", layer);
    const std::string out = layer + 1 == shape_.layers ? std::string(kBertOutput) : fmt::format("x{}", layer + 1);
    const std::string prefix = fmt::format("blk.{}.", layer);
    const auto named = [layer](const char* part) { return fmt::format("l{}_{}", layer, part); };
    const std::size_t width = shape_.width;
    quantize(in);
    for (const char* part : {"q", "k", "v"}) {
      const std::string name = fmt::format("{}attn_{}", prefix, part);
      TRY(add_vector(name + ".bias", width, named(part) + "_b"));
      TRY(product(name + ".weight", width, width, in, named(part), named(part) + "_b"));
    }
    model_.node("MultiHeadAttention", {named("q"), named("k"), named("v"), "", "attention_mask"}, {named("heads")},
                {{"num_heads", std::int64_t{shape_.heads}}}, kDomain);
    quantize(named("heads"));
    TRY(product(prefix + "attn_output.weight", width, width, named("heads"), named("attention"), ""));
    TRY(add_vector(prefix + "attn_output.bias", width, named("attention_b")));
    TRY(skip_norm(prefix + "attn_output_norm", named("attention"), in, named("middle")));
    return feed_forward(prefix, named, out);
  }

  Result<> skip_norm(const std::string& name, const std::string& x, const std::string& skip, const std::string& y) {
    TRY(add_vector(name + ".weight", shape_.width, x + "_gamma"));
    TRY(add_vector(name + ".bias", shape_.width, x + "_beta"));
    model_.node("SkipLayerNormalization", {x, skip, x + "_gamma", x + "_beta", x + "_b"}, {y}, {{"epsilon", shape_.epsilon}}, kDomain);
    return {};
  }

  // GELU by tanh, as libllama computes it.
  template <class Named>
  Result<> feed_forward(const std::string& prefix, Named named, const std::string& out) {
    const GgufTensor* up = file_.tensor(prefix + "ffn_up.weight");
    if (up == nullptr) return refused(fmt::format("it has no tensor '{}ffn_up.weight'", prefix));
    const auto hidden = static_cast<std::size_t>(up->extents[1]);
    quantize(named("middle"));
    TRY(product(prefix + "ffn_up.weight", shape_.width, hidden, named("middle"), named("up"), ""));
    TRY(add_vector(prefix + "ffn_up.bias", hidden, named("up_b")));
    model_.node("FastGelu", {named("up"), named("up_b")}, {named("bent")}, {}, kDomain);
    quantize(named("bent"));
    TRY(product(prefix + "ffn_down.weight", hidden, shape_.width, named("bent"), named("down"), ""));
    TRY(add_vector(prefix + "ffn_down.bias", shape_.width, named("down_b")));
    return skip_norm(prefix + "layer_output_norm", named("down"), named("middle"), out);
  }

  const GgufFile& file_;
  const std::span<const std::byte> bytes_;
  const Shape shape_;
  const bool int8_;
  OnnxGraphBuilder model_;
};

}  // namespace

Result<std::string> bert_graph(const GgufFile& file, std::span<const std::byte> bytes, EncoderPrecision precision) {
  std::uint64_t elements = 0;
  for (const GgufTensor& tensor : file.tensors) elements += tensor.elements;
  if (elements > kFloatBytesMax / sizeof(float)) return refused("as float32 it is too large for one ONNX file");
  TRY_ASSIGN(const auto shape, shape_of(file));
  return Translator(file, bytes, shape, precision).translate();
}

}  // namespace forebay::engines

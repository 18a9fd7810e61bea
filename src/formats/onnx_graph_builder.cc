#include "formats/onnx_graph_builder.h"

#include <fmt/format.h>

#include <map>
#include <span>

#include "formats/onnx_model.h"
#include "formats/protobuf_wire.h"

namespace forebay::formats {

using tensors::DType;
using tensors::Shape;
using tensors::Tensor;

namespace {
// Field numbers of onnx.proto (ONNX 1.20), and the numbers of AttributeProto.AttributeType.
enum AttributeType : std::uint8_t {
  kFloatAttribute = 1,
  kIntAttribute,
  kStringAttribute,
  kTensorAttribute,
  kGraphAttribute,
  kFloatsAttribute,
  kIntsAttribute,
  kStringsAttribute
};

std::uint64_t type_number(DType dtype) { return static_cast<std::uint64_t>(onnx_type_of(dtype)); }

std::string_view as_text(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

WireWriter tensor_header(std::string_view name, DType dtype, const Shape& shape) {
  WireWriter tensor;
  for (const auto extent : shape) tensor.varint(1, static_cast<std::uint64_t>(extent));
  tensor.varint(2, type_number(dtype));
  if (!name.empty()) tensor.bytes(8, name);
  return tensor;
}

WireWriter tensor_message(std::string_view name, const Tensor& tensor) {
  auto message = tensor_header(name, tensor.dtype(), tensor.shape());
  if (tensor.dtype() == DType::kString) {
    for (const auto& text : tensor.strings()) message.bytes(6, text);
  } else {
    message.bytes(9, as_text(tensor.bytes()));
  }
  return message;
}

WireWriter pair_message(std::string_view key, std::string_view value) {
  WireWriter pair;
  pair.bytes(1, key);
  pair.bytes(2, value);
  return pair;
}

WireWriter tensor_type(DType dtype, const std::vector<OnnxGraphBuilder::Dimension>* shape) {
  WireWriter tensor;
  tensor.varint(1, type_number(dtype));
  if (shape != nullptr) {
    WireWriter dimensions;
    for (const auto& dimension : *shape) {
      WireWriter one;
      if (!dimension.name.empty()) one.bytes(2, dimension.name);
      if (dimension.name.empty() && dimension.value >= 0) one.varint(1, static_cast<std::uint64_t>(dimension.value));
      dimensions.message(1, one);
    }
    tensor.message(2, dimensions);
  }
  WireWriter type;
  type.message(1, tensor);
  return type;
}

WireWriter value_info(std::string_view name, const WireWriter& type) {
  WireWriter value;
  value.bytes(1, name);
  value.message(2, type);
  return value;
}
}  // namespace

struct OnnxGraphBuilder::Parts {
  std::string name;
  std::string producer = "forebay";
  std::int64_t ir_version = 8;
  std::map<std::string, std::int64_t> opsets{{"", 17}};
  std::map<std::string, std::string> metadata;
  WireWriter nodes;  // Fields 1 of the graph, in order; the other fields likewise.
  WireWriter initialisers;
  WireWriter inputs;
  WireWriter outputs;

  std::string graph_bytes() const {
    WireWriter graph_name;
    graph_name.bytes(2, name);
    return nodes.written() + graph_name.written() + initialisers.written() + inputs.written() + outputs.written();
  }
};

namespace {
// Writes the value of one attribute.
struct AttributeWriter {
  WireWriter& out;

  void operator()(std::int64_t value) const {
    out.varint(3, static_cast<std::uint64_t>(value));
    out.varint(20, kIntAttribute);
  }
  void operator()(float value) const {
    out.fixed32(2, value);
    out.varint(20, kFloatAttribute);
  }
  void operator()(const std::string& value) const {
    out.bytes(4, value);
    out.varint(20, kStringAttribute);
  }
  void operator()(const std::vector<std::int64_t>& values) const {
    for (const auto value : values) out.varint(8, static_cast<std::uint64_t>(value));
    out.varint(20, kIntsAttribute);
  }
  void operator()(const std::vector<float>& values) const {
    for (const auto value : values) out.fixed32(7, value);
    out.varint(20, kFloatsAttribute);
  }
  void operator()(const std::vector<std::string>& values) const {
    for (const auto& value : values) out.bytes(9, value);
    out.varint(20, kStringsAttribute);
  }
  void operator()(const Tensor& value) const {
    out.message(5, tensor_message("", value));
    out.varint(20, kTensorAttribute);
  }
};
}  // namespace

OnnxGraphBuilder::OnnxGraphBuilder(std::string name) : parts_(std::make_unique<Parts>()) { parts_->name = std::move(name); }
OnnxGraphBuilder::~OnnxGraphBuilder() = default;
OnnxGraphBuilder::OnnxGraphBuilder(OnnxGraphBuilder&&) noexcept = default;
OnnxGraphBuilder& OnnxGraphBuilder::operator=(OnnxGraphBuilder&&) noexcept = default;

OnnxGraphBuilder& OnnxGraphBuilder::producer(std::string_view name) {
  parts_->producer = name;
  return *this;
}

OnnxGraphBuilder& OnnxGraphBuilder::ir_version(std::int64_t version) {
  parts_->ir_version = version;
  return *this;
}

OnnxGraphBuilder& OnnxGraphBuilder::opset(std::string_view domain, std::int64_t version) {
  parts_->opsets[std::string(domain)] = version;
  return *this;
}

OnnxGraphBuilder& OnnxGraphBuilder::metadata(std::string_view key, std::string_view value) {
  parts_->metadata[std::string(key)] = value;
  return *this;
}

OnnxGraphBuilder& OnnxGraphBuilder::input(std::string_view name, DType dtype, const std::vector<Dimension>& shape) {
  parts_->inputs.message(11, value_info(name, tensor_type(dtype, &shape)));
  return *this;
}

OnnxGraphBuilder& OnnxGraphBuilder::output(std::string_view name, DType dtype, const std::vector<Dimension>& shape) {
  parts_->outputs.message(12, value_info(name, tensor_type(dtype, &shape)));
  return *this;
}

OnnxGraphBuilder& OnnxGraphBuilder::output_of_any_shape(std::string_view name, DType dtype) {
  parts_->outputs.message(12, value_info(name, tensor_type(dtype, nullptr)));
  return *this;
}

OnnxGraphBuilder& OnnxGraphBuilder::output_of_maps(std::string_view name, DType label) {
  const std::vector<Dimension> scalar;
  WireWriter map;
  map.varint(1, type_number(label));
  map.message(2, tensor_type(DType::kFloat32, &scalar));
  WireWriter map_type;
  map_type.message(5, map);
  WireWriter sequence;
  sequence.message(1, map_type);
  WireWriter type;
  type.message(4, sequence);
  parts_->outputs.message(12, value_info(name, type));
  return *this;
}

OnnxGraphBuilder& OnnxGraphBuilder::initialiser(std::string_view name, const Tensor& tensor) {
  parts_->initialisers.message(5, tensor_message(name, tensor));
  return *this;
}

OnnxGraphBuilder& OnnxGraphBuilder::external_initialiser(std::string_view name, DType dtype, const Shape& shape, std::string_view location,
                                                         std::uint64_t offset) {
  auto tensor = tensor_header(name, dtype, shape);
  tensor.message(13, pair_message("location", location));
  if (offset > 0) tensor.message(13, pair_message("offset", fmt::format("{}", offset)));
  tensor.varint(14, 1);
  parts_->initialisers.message(5, tensor);
  return *this;
}

OnnxGraphBuilder& OnnxGraphBuilder::node(std::string_view op_type, const Names& inputs, const Names& outputs,
                                         const std::vector<Attribute>& attributes, std::string_view domain) {
  WireWriter node;
  for (const auto& name : inputs) node.bytes(1, name);
  for (const auto& name : outputs) node.bytes(2, name);
  node.bytes(4, op_type);
  for (const auto& attribute : attributes) {
    WireWriter message;
    message.bytes(1, attribute.name);
    if (const auto* graph = std::get_if<std::shared_ptr<const OnnxGraphBuilder>>(&attribute.value)) {
      message.bytes(6, (*graph)->parts_->graph_bytes());
      message.varint(20, kGraphAttribute);
    } else {
      std::visit(
          [&](const auto& value) {
            if constexpr (requires { AttributeWriter{message}(value); }) AttributeWriter{message}(value);
          },
          attribute.value);
    }
    node.message(5, message);
  }
  if (!domain.empty()) node.bytes(7, domain);
  parts_->nodes.message(1, node);
  return *this;
}

std::string OnnxGraphBuilder::build() const {
  WireWriter model;
  model.varint(1, static_cast<std::uint64_t>(parts_->ir_version));
  model.bytes(2, parts_->producer);
  model.bytes(7, parts_->graph_bytes());
  for (const auto& [domain, version] : parts_->opsets) {
    WireWriter opset;
    opset.bytes(1, domain);
    opset.varint(2, static_cast<std::uint64_t>(version));
    model.message(8, opset);
  }
  for (const auto& [key, value] : parts_->metadata) model.message(14, pair_message(key, value));
  return model.written();
}

}  // namespace forebay::formats

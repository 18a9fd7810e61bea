#include "formats/onnx_model.h"

#include <fmt/format.h>

#include "formats/errors.h"
#include "formats/protobuf_wire.h"

namespace forebay::formats {

namespace {
constexpr std::uint32_t kTypeDepthMax = 8;
constexpr std::uint64_t kStructureWeight = 16;  // A node takes some 150 bytes, a name or number at most 16.
constexpr std::size_t kShapeValuesMax = 16;     // of int64_data kept for ConstantOfShape

std::unexpected<Error> malformed(std::string_view what) { return fail(kOnnxMalformed, fmt::format("{} is not well-formed", what)); }

// Walks messages. One budget counts everything that takes memory of ours, so that a file of small fields cannot take a thousand times its
// size.
class Decoder {
 public:
  explicit Decoder(const ReadLimits& limits) : limits_(limits) {}

  Result<OnnxModel> model(std::span<const std::byte> bytes) {
    OnnxModel model;
    WireReader reader(bytes);
    for (WireField field; reader.next(field);) {
      switch (field.number) {
        case 1:
          TRY(number(field, "ir_version", model.ir_version));
          break;
        case 2:
          TRY(text(field, "producer_name", model.producer));
          break;
        case 3:
          TRY(text(field, "producer_version", model.producer_version));
          break;
        case 4:
          TRY(text(field, "domain", model.domain));
          break;
        case 6:
          TRY(text(field, "doc_string", model.doc));
          break;
        case 7: {
          if (!field.is_bytes() || model.graph) return malformed("the graph");
          TRY_ASSIGN(model.graph, graph(field.bytes, 1));
          break;
        }
        case 8:
          TRY(opset(field, model.opsets));
          break;
        case 14:
          TRY(pair(field, "metadata_props", model.metadata));
          break;
        case 25: {
          if (!field.is_bytes()) return malformed("a function");
          TRY(count(kStructureWeight));
          TRY_ASSIGN(auto made, function(field.bytes));
          model.functions.push_back(std::move(made));
          break;
        }
        default:
          break;
      }
    }
    if (reader.failed()) return malformed("the model");
    return model;
  }

 private:
  Result<> count(std::uint64_t items = 1) {
    items_ += items;
    if (items_ > limits_.array_elements_max)
      return fail(kOnnxLimitExceeded, fmt::format("the model has more than {} parts", limits_.array_elements_max));
    return {};
  }

  Result<> text(const WireField& field, std::string_view what, std::string_view& into) const {
    if (!field.is_bytes()) return malformed(what);
    if (field.bytes.size() > limits_.string_bytes_max) {
      return fail(kOnnxLimitExceeded,
                  fmt::format("{} has {} bytes; at most {} are allowed", what, field.bytes.size(), limits_.string_bytes_max));
    }
    into = field.text();
    return {};
  }

  Result<> texts(const WireField& field, std::string_view what, std::vector<std::string_view>& into) {
    TRY(count());
    std::string_view one;
    TRY(text(field, what, one));
    into.push_back(one);
    return {};
  }

  static Result<> number(const WireField& field, std::string_view what, std::int64_t& into) {
    if (field.type != WireType::kVarint) return malformed(what);
    into = static_cast<std::int64_t>(field.varint);
    return {};
  }

  static Result<> element_type(const WireField& field, OnnxType& into) {
    if (field.type != WireType::kVarint) return malformed("a data type");
    into = field.varint > 255 ? OnnxType::kUndefined : static_cast<OnnxType>(field.varint);
    return {};
  }

  // A message of two texts, a key (1) and a value (2). A repeated key keeps its last value, as everywhere in protocol buffers.
  Result<> pair(const WireField& field, std::string_view what, std::map<std::string_view, std::string_view>& into) {
    if (!field.is_bytes()) return malformed(what);
    TRY(count());
    std::string_view key;
    std::string_view value;
    WireReader reader(field.bytes);
    for (WireField part; reader.next(part);) {
      if (part.number == 1) TRY(text(part, what, key));
      if (part.number == 2) TRY(text(part, what, value));
    }
    if (reader.failed()) return malformed(what);
    into[key] = value;
    return {};
  }

  Result<> opset(const WireField& field, std::map<std::string_view, std::int64_t>& into) {
    if (!field.is_bytes()) return malformed("opset_import");
    TRY(count());
    std::string_view domain;
    std::int64_t version = 0;
    WireReader reader(field.bytes);
    for (WireField part; reader.next(part);) {
      if (part.number == 1) TRY(text(part, "opset_import", domain));
      if (part.number == 2) TRY(number(part, "opset_import", version));
    }
    if (reader.failed()) return malformed("opset_import");
    into[domain == "ai.onnx" ? std::string_view() : domain] = version;
    return {};
  }

  Result<OnnxGraph> graph(std::span<const std::byte> bytes, std::uint32_t depth) {
    if (depth > limits_.graph_depth_max)
      return fail(kOnnxTooDeep, fmt::format("graphs are nested more than {} deep", limits_.graph_depth_max));
    OnnxGraph graph;
    WireReader reader(bytes);
    for (WireField field; reader.next(field);) {
      switch (field.number) {
        case 1:
          TRY(add_node(field, depth, graph.nodes));
          break;
        case 2:
          TRY(text(field, "the graph's name", graph.name));
          break;
        case 5: {
          if (!field.is_bytes()) return malformed("an initialiser");
          if (graph.initialisers.size() >= limits_.tensors_max)
            return fail(kOnnxLimitExceeded, fmt::format("the model has more than {} weights", limits_.tensors_max));
          TRY_ASSIGN(auto made, tensor(field.bytes));
          graph.initialisers.push_back(std::move(made));
          break;
        }
        case 11:
          TRY(add_value(field, graph.inputs));
          break;
        case 12:
          TRY(add_value(field, graph.outputs));
          break;
        case 15:
          TRY(sparse(field, graph.sparse_initialisers));
          break;
        default:
          break;
      }
    }
    if (reader.failed()) return malformed("a graph");
    return graph;
  }

  // Only the name: the values tensor of a SparseTensorProto carries it.
  Result<> sparse(const WireField& field, std::vector<std::string_view>& into) {
    if (!field.is_bytes()) return malformed("a sparse initialiser");
    TRY(count());
    WireReader reader(field.bytes);
    for (WireField part; reader.next(part);) {
      if (part.number != 1 || !part.is_bytes()) continue;
      TRY_ASSIGN(const auto values, tensor(part.bytes));
      into.push_back(values.name);
    }
    if (reader.failed()) return malformed("a sparse initialiser");
    return {};
  }

  Result<OnnxFunction> function(std::span<const std::byte> bytes) {
    OnnxFunction function;
    WireReader reader(bytes);
    for (WireField field; reader.next(field);) {
      switch (field.number) {
        case 1:
          TRY(text(field, "a function's name", function.name));
          break;
        case 7:
          TRY(add_node(field, 1, function.nodes));
          break;
        case 10:
          TRY(text(field, "a function's domain", function.domain));
          break;
        default:
          break;
      }
    }
    if (reader.failed()) return malformed("a function");
    return function;
  }

  Result<> add_node(const WireField& field, std::uint32_t depth, std::vector<OnnxNode>& into) {
    if (!field.is_bytes()) return malformed("a node");
    TRY(count(kStructureWeight));
    OnnxNode node;
    WireReader reader(field.bytes);
    for (WireField part; reader.next(part);) {
      switch (part.number) {
        case 1:
          TRY(texts(part, "a node's input", node.inputs));
          break;
        case 2:
          TRY(texts(part, "a node's output", node.outputs));
          break;
        case 3:
          TRY(text(part, "a node's name", node.name));
          break;
        case 4:
          TRY(text(part, "a node's operator", node.op_type));
          break;
        case 5:
          TRY(add_attribute(part, depth, node.attributes));
          break;
        case 7:
          TRY(text(part, "a node's domain", node.domain));
          break;
        default:
          break;
      }
    }
    if (reader.failed()) return malformed("a node");
    if (node.domain == "ai.onnx") node.domain = {};
    into.push_back(std::move(node));
    return {};
  }

  Result<> add_attribute(const WireField& field, std::uint32_t depth, std::vector<OnnxAttribute>& into) {
    if (!field.is_bytes()) return malformed("an attribute");
    TRY(count(kStructureWeight));
    OnnxAttribute attribute;
    WireReader reader(field.bytes);
    for (WireField part; reader.next(part);) {
      switch (part.number) {
        case 1:
          TRY(text(part, "an attribute's name", attribute.name));
          break;
        case 4:
        case 9:
          TRY(texts(part, "an attribute", attribute.texts));
          break;
        case 5: {
          if (!part.is_bytes() || attribute.tensor) return malformed("an attribute's tensor");
          TRY_ASSIGN(auto made, tensor(part.bytes));
          attribute.tensor = std::make_unique<OnnxTensor>(std::move(made));
          break;
        }
        case 6:
        case 11: {
          if (!part.is_bytes()) return malformed("a subgraph");
          TRY(count(kStructureWeight));
          TRY_ASSIGN(auto made, graph(part.bytes, depth + 1));
          attribute.graphs.push_back(std::move(made));
          break;
        }
        case 3:
        case 8:
          TRY(integers(part, attribute.integers));
          break;
        default:
          break;
      }
    }
    if (reader.failed()) return malformed("an attribute");
    into.push_back(std::move(attribute));
    return {};
  }

  Result<> integers(const WireField& field, std::vector<std::int64_t>& into) {
    const auto before = into.size();
    if (!append_varints(field, before + (limits_.array_elements_max - items_), into)) return malformed("an attribute's integers");
    return count(into.size() - before);
  }

  Result<OnnxTensor> tensor(std::span<const std::byte> bytes) {
    TRY(count(kStructureWeight));
    OnnxTensor tensor;
    WireReader reader(bytes);
    bool is_sound = true;
    for (WireField field; is_sound && reader.next(field);) {
      const auto numbers = [&](std::size_t width, std::uint64_t& into) {
        tensor.typed_bytes += field.is_bytes() ? field.bytes.size() : width;
        return count_numbers(field, width, into);
      };
      switch (field.number) {
        case 1: {
          if (!append_varints(field, limits_.dimensions_max, tensor.dimensions)) {
            return fail(kOnnxLimitExceeded,
                        fmt::format("the weight '{}' has more than {} dimensions", tensor.name, limits_.dimensions_max));
          }
          break;
        }
        case 2:
          TRY(element_type(field, tensor.type));
          break;
        case 4:
          is_sound = numbers(4, tensor.floats);
          break;
        case 5:
          is_sound = numbers(0, tensor.int32s);
          break;
        case 6: {
          ++tensor.strings;
          tensor.typed_bytes += field.bytes.size();
          is_sound = field.is_bytes();
          break;
        }
        case 7:
          is_sound = numbers(0, tensor.int64s) && keep_shape_values(field, tensor);
          break;
        case 8:
          TRY(text(field, "a weight's name", tensor.name));
          break;
        case 9: {
          is_sound = field.is_bytes() && !tensor.raw;
          tensor.raw = field.bytes;
          break;
        }
        case 10:
          is_sound = numbers(8, tensor.doubles);
          break;
        case 11:
          is_sound = numbers(0, tensor.uint64s);
          break;
        case 13:
          TRY(pair(field, "external_data", tensor.external));
          break;
        case 14: {
          is_sound = field.type == WireType::kVarint && field.varint <= 1;
          tensor.is_external = field.varint == 1;
          break;
        }
        default:
          break;
      }
    }
    if (!is_sound || reader.failed()) return malformed("a tensor");
    return tensor;
  }

  // Long lists are weights, not shapes: their first few numbers are enough, and damage was found by counting.
  static bool keep_shape_values(const WireField& field, OnnxTensor& tensor) {
    static_cast<void>(append_varints(field, kShapeValuesMax, tensor.int64_values));
    return true;
  }

  Result<> add_value(const WireField& field, std::vector<OnnxValue>& into) {
    if (!field.is_bytes()) return malformed("an input or output");
    TRY(count(kStructureWeight));
    OnnxValue value;
    WireReader reader(field.bytes);
    for (WireField part; reader.next(part);) {
      if (part.number == 1) TRY(text(part, "the name of an input or output", value.name));
      if (part.number != 2) continue;
      if (!part.is_bytes() || value.type.kind != OnnxValueType::Kind::kNone) return malformed("the type of an input or output");
      TRY_ASSIGN(value.type, type(part.bytes, 1));
    }
    if (reader.failed()) return malformed("an input or output");
    into.push_back(std::move(value));
    return {};
  }

  Result<OnnxValueType> type(std::span<const std::byte> bytes, std::uint32_t depth) {
    if (depth > kTypeDepthMax) return fail(kOnnxTooDeep, fmt::format("types are nested more than {} deep", kTypeDepthMax));
    using Kind = OnnxValueType::Kind;
    OnnxValueType type;
    WireReader reader(bytes);
    for (WireField field; reader.next(field);) {
      if (!field.is_bytes() || field.number == 6) continue;  // 6 is a denotation.
      if (type.kind != Kind::kNone) return malformed("a type");
      switch (field.number) {
        case 1:
          type.kind = Kind::kTensor;
          TRY(tensor_type(field.bytes, type));
          break;
        case 4:
          type.kind = Kind::kSequence;
          TRY(inner_type(field.bytes, 1, depth, type));
          break;
        case 5:
          type.kind = Kind::kMap;
          TRY(inner_type(field.bytes, 2, depth, type));
          break;
        case 9:
          type.kind = Kind::kOptional;
          TRY(inner_type(field.bytes, 1, depth, type));
          break;
        case 8:
          type.kind = Kind::kSparse;
          break;
        default:
          type.kind = Kind::kOther;
          break;
      }
    }
    if (reader.failed()) return malformed("a type");
    return type;
  }

  // A sequence, optional or map: the type within is field `wanted`; the other number of a map (1) is its key's type.
  Result<> inner_type(std::span<const std::byte> bytes, std::uint32_t wanted, std::uint32_t depth, OnnxValueType& into) {
    WireReader reader(bytes);
    for (WireField field; reader.next(field);) {
      if (field.number == wanted && field.is_bytes()) {
        TRY_ASSIGN(auto made, type(field.bytes, depth + 1));
        into.inner = std::make_unique<OnnxValueType>(std::move(made));
      } else if (field.number == 1) {
        TRY(element_type(field, into.element));
      }
    }
    if (reader.failed()) return malformed("a type");
    return {};
  }

  Result<> tensor_type(std::span<const std::byte> bytes, OnnxValueType& into) {
    WireReader reader(bytes);
    for (WireField field; reader.next(field);) {
      if (field.number == 1) TRY(element_type(field, into.element));
      if (field.number != 2) continue;
      if (!field.is_bytes() || into.has_shape) return malformed("a shape");
      into.has_shape = true;
      TRY(shape(field.bytes, into.shape));
    }
    if (reader.failed()) return malformed("a tensor type");
    return {};
  }

  Result<> shape(std::span<const std::byte> bytes, std::vector<OnnxDimension>& into) {
    WireReader reader(bytes);
    for (WireField field; reader.next(field);) {
      if (field.number != 1) continue;
      if (!field.is_bytes()) return malformed("a dimension");
      if (into.size() >= limits_.dimensions_max)
        return fail(kOnnxLimitExceeded, fmt::format("a shape has more than {} dimensions", limits_.dimensions_max));
      OnnxDimension dimension;
      WireReader inside(field.bytes);
      for (WireField part; inside.next(part);) {
        if (part.number == 1) TRY(number(part, "a dimension", dimension.value.emplace()));
        if (part.number == 2) TRY(text(part, "a dimension", dimension.name));
      }
      if (inside.failed()) return malformed("a dimension");
      into.push_back(dimension);
    }
    if (reader.failed()) return malformed("a shape");
    return {};
  }

  const ReadLimits& limits_;
  std::uint64_t items_ = 0;
};
}  // namespace

const OnnxAttribute* OnnxNode::attribute(std::string_view wanted) const {
  for (const auto& one : attributes) {
    if (one.name == wanted) return &one;
  }
  return nullptr;
}

Result<OnnxModel> decode_onnx(std::span<const std::byte> bytes, const ReadLimits& limits) { return Decoder(limits).model(bytes); }

}  // namespace forebay::formats

#include "formats/onnx_model.h"

#include <fmt/format.h>

#include "formats/display_text.h"
#include "formats/errors.h"
#include "formats/onnx_parts.h"
#include "formats/protobuf_wire.h"

namespace forebay::formats {

namespace {
constexpr std::size_t kAttributesMax = 256;  // of one node; the most of any operator is some 25

// AttributeProto.AttributeType of the value in a field (onnx.proto); 0 for fields that hold none.
constexpr std::uint32_t type_of_field(std::uint32_t field) {
  switch (field) {
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
    case 11:
      return field - 1;
    case 22:
    case 23:
      return field - 11;
    case 14:
    case 15:
      return field - 1;
    default:
      return 0;
  }
}

// Walks messages.
class Decoder : private OnnxParts {
 public:
  explicit Decoder(const ReadLimits& limits) : OnnxParts(limits), limits_(limits) {}

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
          if (!field.is_bytes() || model.graph) return onnx_malformed("the graph");
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
          if (!field.is_bytes()) return onnx_malformed("a function");
          TRY(count(kStructureWeight));
          TRY_ASSIGN(auto made, function(field.bytes));
          model.functions.push_back(std::move(made));
          break;
        }
        default:
          break;
      }
    }
    if (reader.failed()) return onnx_malformed("the model");
    return model;
  }

 private:
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
          if (!field.is_bytes()) return onnx_malformed("an initialiser");
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
        case 13:
          TRY(add_value(field, graph.values));
          break;
        case 15: {
          if (!field.is_bytes()) return onnx_malformed("a sparse initialiser");
          TRY_ASSIGN(auto made, sparse(field.bytes));
          graph.sparse_initialisers.push_back(std::move(made));
          break;
        }
        default:
          break;
      }
    }
    if (reader.failed()) return onnx_malformed("a graph");
    return graph;
  }

  Result<OnnxFunction> function(std::span<const std::byte> bytes) {
    OnnxFunction function;
    WireReader reader(bytes);
    for (WireField field; reader.next(field);) {
      switch (field.number) {
        case 1:
          TRY(text(field, "a function's name", function.name));
          break;
        case 4:
          TRY(texts(field, "a function's input", function.inputs));
          break;
        case 5:
          TRY(texts(field, "a function's output", function.outputs));
          break;
        case 7:
          TRY(add_node(field, 1, function.nodes));
          break;
        case 9:
          TRY(opset(field, function.opsets));
          break;
        case 10:
          TRY(text(field, "a function's domain", function.domain));
          break;
        case 11:
          TRY(add_attribute(field, 1, function.defaults));
          break;
        case 13:
          TRY(text(field, "a function's overload", function.overload));
          break;
        default:
          break;
      }
    }
    if (reader.failed()) return onnx_malformed("a function");
    return function;
  }

  Result<> add_node(const WireField& field, std::uint32_t depth, std::vector<OnnxNode>& into) {
    if (!field.is_bytes()) return onnx_malformed("a node");
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
        case 8:
          TRY(text(part, "a node's overload", node.overload));
          break;
        default:
          break;
      }
    }
    if (reader.failed()) return onnx_malformed("a node");
    if (node.domain == "ai.onnx") node.domain = {};
    into.push_back(std::move(node));
    return {};
  }

  Result<> add_attribute(const WireField& field, std::uint32_t depth, std::vector<OnnxAttribute>& into) {
    if (!field.is_bytes()) return onnx_malformed("an attribute");
    TRY(count(kStructureWeight));
    OnnxAttribute attribute;
    std::uint32_t held = 0;  // the type that the value's field stands for
    WireReader reader(field.bytes);
    for (WireField part; reader.next(part);) {
      if (const auto type = type_of_field(part.number); type != 0) {
        // A value of two types would mean one to us and another to the library.
        if (held != 0 && held != type) return onnx_malformed(fmt::format("the attribute '{}'", attribute.name));
        held = type;
      }
      TRY(attribute_part(part, depth, attribute));
    }
    if (reader.failed()) return onnx_malformed("an attribute");
    TRY(check_type(attribute, held));
    if (into.size() >= kAttributesMax) return fail(kOnnxLimitExceeded, fmt::format("a node has more than {} attributes", kAttributesMax));
    for (const auto& other : into) {
      if (other.name == attribute.name)
        return fail(kOnnxDuplicateName, fmt::format("a node has two attributes '{}'", shortened(attribute.name, 200)));
    }
    into.push_back(std::move(attribute));
    return {};
  }

  Result<> attribute_part(const WireField& part, std::uint32_t depth, OnnxAttribute& attribute) {
    switch (part.number) {
      case 1:
        return text(part, "an attribute's name", attribute.name);
      case 2:
      case 7:
        return reals(part, "an attribute's numbers", attribute.reals);
      case 3:
      case 8:
        return integers(part, "an attribute's integers", attribute.integers);
      case 4:
      case 9:
        return texts(part, "an attribute", attribute.texts);
      case 5:
      case 10: {
        if (!part.is_bytes() || (part.number == 5 && !attribute.tensors.empty())) return onnx_malformed("an attribute's tensor");
        TRY_ASSIGN(auto made, tensor(part.bytes));
        attribute.tensors.push_back(std::move(made));
        return {};
      }
      case 6:
      case 11: {
        if (!part.is_bytes() || (part.number == 6 && !attribute.graphs.empty())) return onnx_malformed("a subgraph");
        TRY(count(kStructureWeight));
        TRY_ASSIGN(auto made, graph(part.bytes, depth + 1));
        attribute.graphs.push_back(std::move(made));
        return {};
      }
      case 14:
      case 15: {
        if (!part.is_bytes()) return onnx_malformed("an attribute's type");
        TRY(count(kStructureWeight));
        TRY(type(part.bytes));
        return {};
      }
      case 20:
        return number(part, "an attribute's type", attribute.type);
      case 21:
        return text(part, "a reference to an attribute", attribute.reference);
      case 22:
      case 23: {
        if (!part.is_bytes() || (part.number == 22 && !attribute.sparse.empty())) return onnx_malformed("a sparse tensor");
        TRY_ASSIGN(auto made, sparse(part.bytes));
        attribute.sparse.push_back(std::move(made));
        return {};
      }
      default:
        return {};
    }
  }

  // The library believes the stated type. Writers of protocol buffers 3 leave out numbers and texts that are zero, and lists that are
  // empty.
  static Result<> check_type(const OnnxAttribute& attribute, std::uint32_t held) {
    constexpr std::int64_t kTensor = 4, kGraph = 5, kSparse = 11, kTypeProto = 13;
    const auto type = attribute.type;
    const bool may_be_left_out = type != kTensor && type != kGraph && type != kSparse && type != kTypeProto;
    if (!attribute.reference.empty() && held == 0) return {};
    if (type >= 1 && type <= 14 && (held == static_cast<std::uint32_t>(type) || (held == 0 && may_be_left_out))) return {};
    return fail(kOnnxMalformed, fmt::format("the attribute '{}' says it is of type {} and holds a value of type {}",
                                            shortened(attribute.name, 200), type, held));
  }

  const ReadLimits& limits_;
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

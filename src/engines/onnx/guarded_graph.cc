#include "engines/onnx/guarded_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "engines/onnx/element_types.h"
#include "engines/onnx/guard_operators.h"
#include "engines/onnx/number_bounds.h"
#include "formats/onnx_model.h"
#include "formats/protobuf_wire.h"

namespace forebay::engines {

using formats::OnnxNode;
using formats::OnnxTensor;
using formats::OnnxType;
using formats::WireField;
using formats::WireReader;
using formats::WireWriter;

namespace {
// Field numbers of onnx.proto.
constexpr std::uint32_t kModelGraph = 7, kModelOpset = 8, kModelFunction = 25;
constexpr std::uint32_t kGraphNode = 1;
constexpr std::uint32_t kFunctionNode = 7, kFunctionOpset = 9;
constexpr std::uint32_t kNodeInput = 1, kNodeOutput = 2, kNodeOpType = 4, kNodeAttribute = 5, kNodeDomain = 7;
constexpr std::uint32_t kAttributeName = 1, kAttributeInt = 3, kAttributeGraph = 6, kAttributeGraphs = 11, kAttributeType = 20;
constexpr std::uint32_t kOpsetDomain = 1, kOpsetVersion = 2;
constexpr std::uint64_t kIntAttribute = 2;
constexpr std::int64_t kDftAxisIsInput = 20;  // from this operator set on

struct Check {
  std::string_view op;
  std::vector<std::size_t> inputs;   // of the guarded node
  std::size_t checked = 0;           // the one of them that the check replaces
  bool takes_attributes = false;     // it has those of the node
  std::optional<std::int64_t> axis;  // it has this attribute
};

bool is_float(OnnxType type) {
  return type == OnnxType::kFloat || type == OnnxType::kDouble || type == OnnxType::kFloat16 || type == OnnxType::kBfloat16;
}

template <class T>
bool divides_safely(std::span<const std::byte> raw) {
  if (raw.empty() || raw.size() % sizeof(T) != 0) return false;
  for (std::size_t at = 0; at < raw.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, raw.data() + at, sizeof(T));
    if (value == T{0} || value == static_cast<T>(-1)) return false;
  }
  return true;
}

// Whether no dividend makes this constant trap.
bool divides_safely(const OnnxTensor& divisor) {
  constexpr std::uint64_t kKeptMin = 4;  // so many numbers of int64_data are kept at least
  if (divisor.is_external) return false;
  if (divisor.type == OnnxType::kInt64 && !divisor.raw) {
    return divisor.int64s > 0 && divisor.int64s <= kKeptMin && divisor.integers.size() == divisor.int64s &&
           std::ranges::none_of(divisor.integers, [](auto value) { return value == 0 || value == -1; });
  }
  if (!divisor.raw) return false;
  switch (divisor.type) {
    case OnnxType::kInt64:
    case OnnxType::kUint64:
      return divides_safely<std::int64_t>(*divisor.raw);
    case OnnxType::kInt32:
    case OnnxType::kUint32:
      return divides_safely<std::int32_t>(*divisor.raw);
    case OnnxType::kInt16:
    case OnnxType::kUint16:
      return divides_safely<std::int16_t>(*divisor.raw);
    case OnnxType::kInt8:
    case OnnxType::kUint8:
      return divides_safely<std::int8_t>(*divisor.raw);
    default:
      return false;
  }
}

class Planner {
 public:
  explicit Planner(const formats::OnnxModel& model) : graph_types_(model), graph_bounds_(model, graph_types_) {
    const auto version = model.opsets.find("");
    opset_ = version == model.opsets.end() ? 1 : version->second;
    plan(model.graph->nodes);
    // The names of a function are its own, and its inputs may be anything.
    types_ = &no_types_;
    bounds_ = &no_bounds_;
    for (const auto& function : model.functions) plan(function.nodes);
  }
  // By where the operator's name lies in the file.
  const std::unordered_map<const char*, std::vector<Check>>& checks() const { return checks_; }

 private:
  void plan(const std::vector<OnnxNode>& nodes) {
    for (const OnnxNode& node : nodes) {
      auto checks = checks_of(node);
      std::erase_if(checks, [&](const Check& check) {
        return std::ranges::any_of(check.inputs, [&](std::size_t i) { return i >= node.inputs.size() || node.inputs[i].empty(); });
      });
      if (!checks.empty()) checks_.emplace(node.op_type.data(), std::move(checks));
      for (const auto& attribute : node.attributes)
        for (const auto& graph : attribute.graphs) plan(graph.nodes);
    }
  }

  std::vector<Check> checks_of(const OnnxNode& node) const {
    const std::string_view op = node.op_type;
    // Operators that ONNX Runtime has in two domains.
    if (node.domain.empty() || node.domain == "com.microsoft") {
      if (op == "Trilu") return {{.op = kCheckDiagonal, .inputs = {1}, .checked = 1}};
      if (op == "Range") return range_of(node);
      if (op == "Pad") return pads_of(node);
      if (op == "GridSample" && may_say(node, "padding_mode", {"reflection"})) return {{.op = kCheckPlaces, .inputs = {1}, .checked = 1}};
    }
    if (op == "ArrayFeatureExtractor" && node.domain == "ai.onnx.ml") return {{.op = kCheckColumns, .inputs = {0, 1}, .checked = 1}};
    if (!node.domain.empty()) return {};
    if (op == "Div" || op == "Mod") return division_of(node);
    if (op == "DFT") return transform_of(node);
    if (op == "STFT") return {{.op = kCheckLength, .inputs = {1}, .checked = 1}, {.op = kCheckLength, .inputs = {3}, .checked = 3}};
    if (op == "Col2Im") return {{.op = kCheckBlocks, .inputs = {0, 1, 2}, .checked = 2, .takes_attributes = true}};
    // A length of zero leaves its row as it was in memory.
    if (op == "ReverseSequence") return {{.op = kCheckLength, .inputs = {1}, .checked = 1}};
    if (op == "Tile" && types_->constant(node.inputs.size() > 1 ? node.inputs[1] : "") == nullptr)
      return {{.op = kCheckRepeats, .inputs = {0, 1}, .checked = 1}};
    if (op == "RoiAlign") return {{.op = kCheckRegions, .inputs = {0, 1, 2}, .checked = 2, .takes_attributes = true}};
    if (op == "AffineGrid") return {{.op = kCheckAffine, .inputs = {0, 1}, .checked = 1}};
    // The library cuts the number of TopK to 32 bits, and adds up those of CenterCropPad.
    if ((op == "TopK" || op == "CenterCropPad") && !is_small(node, 1)) return {{.op = kCheckSizes, .inputs = {1}, .checked = 1}};
    if (op == "MaxUnpool") return unpooling_of(node);
    return {};
  }

  // The tensor is passed on, not the indices: without its shape the library's shape inference, which reads that of the indices without a
  // check, is not run.
  static std::vector<Check> unpooling_of(const OnnxNode& node) {
    Check check{.op = kCheckUnpooling, .inputs = {0, 1}, .checked = 0, .takes_attributes = true};
    if (node.inputs.size() > 2 && !node.inputs[2].empty()) check.inputs.push_back(2);
    return {check};
  }

  // Also where a function leaves it to its caller.
  static bool may_say(const OnnxNode& node, std::string_view name, std::initializer_list<std::string_view> values) {
    const auto* attribute = node.attribute(name);
    return attribute != nullptr && (attribute->texts.empty() || std::ranges::contains(values, attribute->texts.front()));
  }

  bool is_small(const OnnxNode& node, std::size_t input) const {
    return input < node.inputs.size() && !node.inputs[input].empty() && bounds_->is_small(node.inputs[input]);
  }

  std::vector<Check> range_of(const OnnxNode& node) const {
    const bool has_delta = node.inputs.size() > 2 && !node.inputs[2].empty();
    // A delta that is no whole number may be as small as it likes.
    const bool is_whole = !has_delta || types_->of(node.inputs[2]) == OnnxType::kInt64;
    if (is_whole && is_small(node, 0) && is_small(node, 1) && (!has_delta || is_small(node, 2))) return {};
    Check check{.op = kCheckRange, .inputs = {0, 1}, .checked = 1};
    if (has_delta) check.inputs.push_back(2);
    return {check};
  }

  std::vector<Check> pads_of(const OnnxNode& node) const {
    const bool repeats = may_say(node, "mode", {"reflect", "edge", "wrap"});
    if (node.attribute("pads") != nullptr) {
      if (!repeats) return {};
      return {{.op = kCheckPadding, .inputs = {0}, .checked = 0, .takes_attributes = true}};
    }
    if (!repeats && is_small(node, 1)) return {};
    Check check{.op = kCheckPads, .inputs = {0, 1}, .checked = 1, .takes_attributes = true};
    const bool has_axes = node.inputs.size() > 3 && !node.inputs[3].empty();
    if (has_axes && types_->of(node.inputs[3]) == OnnxType::kInt64)
      check.inputs.push_back(3);
    else if (has_axes)
      check.axis = 1;
    return {check};
  }

  std::vector<Check> division_of(const OnnxNode& node) const {
    if (node.inputs.size() != 2 || is_float(types_->of(node.inputs[0])) || is_float(types_->of(node.inputs[1]))) return {};
    if (const OnnxTensor* divisor = types_->constant(node.inputs[1]); divisor != nullptr && divides_safely(*divisor)) return {};
    return {{.op = kCheckDivision, .inputs = {0, 1}, .checked = 1}};
  }

  std::vector<Check> transform_of(const OnnxNode& node) const {
    std::vector<Check> checks = {{.op = kCheckLength, .inputs = {1}, .checked = 1}};
    if (opset_ >= kDftAxisIsInput && node.inputs.size() > 2 && !node.inputs[2].empty()) {
      checks.push_back({.op = kCheckAxis, .inputs = {0, 2}, .checked = 2});
      return checks;
    }
    const auto* axis = node.attribute("axis");
    const std::int64_t otherwise = opset_ >= kDftAxisIsInput ? -2 : 1;
    checks.push_back({.op = kCheckTransform,
                      .inputs = {0},
                      .checked = 0,
                      .axis = axis == nullptr || axis->integers.empty() ? otherwise : axis->integers.front()});
    return checks;
  }

  const ElementTypes graph_types_;
  const NumberBounds graph_bounds_;
  const formats::OnnxModel nothing_{};
  const ElementTypes no_types_{nothing_};
  const NumberBounds no_bounds_{nothing_, no_types_};
  const ElementTypes* types_ = &graph_types_;
  const NumberBounds* bounds_ = &graph_bounds_;
  std::int64_t opset_ = 1;
  std::unordered_map<const char*, std::vector<Check>> checks_;
};

class Rewriter {
 public:
  explicit Rewriter(const std::unordered_map<const char*, std::vector<Check>>& checks) : checks_(checks) {}

  std::string model(std::span<const std::byte> bytes) {
    WireWriter out;
    WireReader reader(bytes);
    for (WireField field; reader.next(field);) {
      if (field.number == kModelGraph)
        out.bytes(field.number, nodes_of(field.bytes, kGraphNode));
      else if (field.number == kModelFunction)
        out.bytes(field.number, nodes_of(field.bytes, kFunctionNode) + opset(kFunctionOpset));
      else
        out.copy(field);
    }
    return out.written() + opset(kModelOpset);
  }

 private:
  static std::string opset(std::uint32_t number) {
    WireWriter import;
    import.bytes(kOpsetDomain, kGuardDomain);
    import.varint(kOpsetVersion, 1);
    WireWriter out;
    out.message(number, import);
    return out.written();
  }

  // A graph or a function.
  std::string nodes_of(std::span<const std::byte> bytes, std::uint32_t node_field) {
    WireWriter out;
    WireReader reader(bytes);
    for (WireField field; reader.next(field);) {
      if (field.number == node_field)
        add_node(field.bytes, node_field, out);
      else
        out.copy(field);
    }
    return out.written();
  }

  void add_node(std::span<const std::byte> bytes, std::uint32_t number, WireWriter& out) {
    std::vector<std::string> inputs;
    std::vector<WireField> attributes;
    const std::vector<Check>* checks = nullptr;
    WireReader reader(bytes);
    for (WireField field; reader.next(field);) {
      if (field.number == kNodeInput) inputs.emplace_back(field.text());
      if (field.number == kNodeAttribute) attributes.push_back(field);
      if (field.number != kNodeOpType) continue;
      const auto found = checks_.find(field.text().data());
      checks = found == checks_.end() ? nullptr : &found->second;
    }
    if (checks != nullptr)
      for (const Check& check : *checks) add_check(check, inputs, attributes, number, out);
    out.bytes(number, node_with(bytes, inputs));
  }

  void add_check(const Check& check, std::vector<std::string>& inputs, const std::vector<WireField>& attributes, std::uint32_t number,
                 WireWriter& out) {
    WireWriter node;
    for (const std::size_t i : check.inputs) node.bytes(kNodeInput, inputs[i]);
    std::string name = fmt::format("forebay.guard.{}", ++serial_);
    node.bytes(kNodeOutput, name);
    node.bytes(kNodeOpType, check.op);
    if (check.takes_attributes)
      for (const WireField& attribute : attributes) node.copy(attribute);
    if (check.axis) {
      WireWriter axis;
      axis.bytes(kAttributeName, "axis");
      axis.varint(kAttributeInt, static_cast<std::uint64_t>(*check.axis));
      axis.varint(kAttributeType, kIntAttribute);
      node.message(kNodeAttribute, axis);
    }
    node.bytes(kNodeDomain, kGuardDomain);
    out.message(number, node);
    inputs[check.checked] = std::move(name);
  }

  std::string node_with(std::span<const std::byte> bytes, const std::vector<std::string>& inputs) {
    WireWriter out;
    std::size_t input = 0;
    WireReader reader(bytes);
    for (WireField field; reader.next(field);) {
      if (field.number == kNodeInput)
        out.bytes(kNodeInput, inputs[input++]);
      else if (field.number == kNodeAttribute)
        out.bytes(kNodeAttribute, attribute_of(field.bytes));
      else
        out.copy(field);
    }
    return out.written();
  }

  std::string attribute_of(std::span<const std::byte> bytes) {
    WireWriter out;
    WireReader reader(bytes);
    for (WireField field; reader.next(field);) {
      if (field.number == kAttributeGraph || field.number == kAttributeGraphs)
        out.bytes(field.number, nodes_of(field.bytes, kGraphNode));
      else
        out.copy(field);
    }
    return out.written();
  }

  const std::unordered_map<const char*, std::vector<Check>>& checks_;
  std::size_t serial_ = 0;
};
}  // namespace

Result<std::optional<std::string>> guarded_graph(std::span<const std::byte> file) {
  TRY_ASSIGN(const formats::OnnxModel model, formats::decode_onnx(file, {}));
  if (!model.graph) return std::nullopt;
  const Planner planner(model);
  if (planner.checks().empty()) return std::nullopt;
  return Rewriter(planner.checks()).model(file);
}

}  // namespace forebay::engines

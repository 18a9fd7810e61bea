#include "engines/onnx/element_types.h"

#include <algorithm>
#include <initializer_list>
#include <unordered_set>

#include "formats/onnx_operators.h"

namespace forebay::engines {

using formats::OnnxGraph;
using formats::OnnxNode;
using formats::OnnxTensor;
using formats::OnnxType;

namespace {
bool is_one_of(std::string_view op, std::initializer_list<std::string_view> names) { return std::ranges::contains(names, op); }
}  // namespace

ElementTypes::ElementTypes(const formats::OnnxModel& model) {
  if (model.graph) look_at(*model.graph);
}

OnnxType ElementTypes::of(std::string_view name) const {
  const auto found = known_.find(name);
  return found == known_.end() ? OnnxType::kUndefined : found->second.type;
}

const OnnxTensor* ElementTypes::constant(std::string_view name) const {
  const auto found = known_.find(name);
  return found == known_.end() ? nullptr : found->second.constant;
}

void ElementTypes::look_at(const OnnxGraph& graph) {
  std::unordered_set<std::string_view> weights;
  for (const OnnxTensor& weight : graph.initialisers) {
    weights.insert(weight.name);
    define(weight.name, {weight.type, &weight});
  }
  for (const auto& input : graph.inputs) {
    if (weights.contains(input.name)) continue;
    const bool is_tensor = input.type.kind == formats::OnnxValueType::Kind::kTensor;
    define(input.name, {is_tensor ? input.type.element : OnnxType::kUndefined, nullptr});
  }
  for (const OnnxNode& node : graph.nodes) look_at(node);
}

void ElementTypes::look_at(const OnnxNode& node) {
  const OnnxTensor* constant = nullptr;
  if (node.op_type == "Constant" && node.domain.empty()) {
    if (const auto* value = node.attribute("value"); value != nullptr && !value->tensors.empty()) constant = &value->tensors.front();
  }
  const OnnxType type = type_of(node);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    const bool same = i == 0 || node.op_type == "Split";
    define(node.outputs[i], {same ? type : OnnxType::kUndefined, i == 0 ? constant : nullptr});
  }
  for (const auto& attribute : node.attributes)
    for (const OnnxGraph& graph : attribute.graphs) look_at(graph);
}

OnnxType ElementTypes::type_of(const OnnxNode& node) const {
  const auto input = [&](std::size_t i) { return i < node.inputs.size() ? of(node.inputs[i]) : OnnxType::kUndefined; };
  const std::string_view op = node.op_type;
  if (node.domain == "com.microsoft")
    return is_one_of(op, {"Gelu", "FastGelu", "BiasGelu", "QuickGelu", "FusedMatMul", "SkipLayerNormalization", "LayerNormalization"})
               ? input(0)
               : OnnxType::kUndefined;
  if (!node.domain.empty()) return OnnxType::kUndefined;
  if (formats::keeps_element_type(op)) return input(0);
  if (op == "Where") return input(1);
  if (op == "CastLike") return input(1);
  if (is_one_of(op, {"Shape", "Size", "NonZero", "ArgMax", "ArgMin"})) return OnnxType::kInt64;
  if (op == "Constant" || op == "ConstantOfShape") {
    if (const auto* value = node.attribute("value"); value != nullptr && !value->tensors.empty()) return value->tensors.front().type;
    if (op == "ConstantOfShape" || node.attribute("value_float") != nullptr || node.attribute("value_floats") != nullptr)
      return OnnxType::kFloat;
    return OnnxType::kUndefined;
  }
  if (op == "Cast") {
    const auto* to = node.attribute("to");
    const bool known = to != nullptr && to->integers.size() == 1 && to->integers[0] > 0 && to->integers[0] < 32;
    return known ? static_cast<OnnxType>(to->integers[0]) : OnnxType::kUndefined;
  }
  if (op == "DequantizeLinear") return input(1);
  if (op == "OneHot") return input(2);
  if (is_one_of(op, {"LSTM", "GRU", "RNN"})) return input(0);
  return OnnxType::kUndefined;
}

void ElementTypes::define(std::string_view name, Known known) {
  const auto [place, is_new] = known_.try_emplace(name, known);
  if (!is_new) place->second = {};
}

}  // namespace forebay::engines

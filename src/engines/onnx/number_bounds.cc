#include "engines/onnx/number_bounds.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

namespace forebay::engines {

using formats::OnnxGraph;
using formats::OnnxNode;
using formats::OnnxTensor;
using formats::OnnxType;

namespace {
constexpr int kNotKnown = 64;
constexpr int kSmallMax = 50;
constexpr int kExtent = 40;  // of one dimension, and of all together

// Of these, only some inputs become numbers of the output.
struct Kept {
  std::string_view op;
  std::size_t first;
  std::size_t count;  // 0: all that follow
  int more = 0;       // bits that the output may have beyond those of the inputs
};
constexpr Kept kKept[] = {{"Abs", 0, 1},       {"Add", 0, 2, 1},    {"Cast", 0, 1},      {"Concat", 0, 0}, {"Flatten", 0, 1},
                          {"Gather", 0, 1},    {"Identity", 0, 1},  {"Max", 0, 0},       {"Min", 0, 0},    {"Neg", 0, 1},
                          {"ReduceMax", 0, 1}, {"ReduceMin", 0, 1}, {"Reshape", 0, 1},   {"Slice", 0, 1},  {"Squeeze", 0, 1},
                          {"Sub", 0, 2, 1},    {"Transpose", 0, 1}, {"Unsqueeze", 0, 1}, {"Where", 1, 2}};

// Of the largest number; kNotKnown where one is not finite.
template <class T>
int bits_in(std::span<const std::byte> raw) {
  double most = 0;
  for (std::size_t at = 0; at + sizeof(T) <= raw.size(); at += sizeof(T)) {
    T number;
    std::memcpy(&number, raw.data() + at, sizeof(T));
    if (!(std::abs(static_cast<double>(number)) < 0x1p60)) return kNotKnown;
    most = std::max(most, std::abs(static_cast<double>(number)));
  }
  return std::ilogb(std::max(1.0, most)) + 1;
}

int bits_of(const OnnxTensor& constant) {
  if (constant.is_external) return kNotKnown;
  if (constant.raw && constant.type == OnnxType::kInt64) return bits_in<std::int64_t>(*constant.raw);
  if (constant.raw && constant.type == OnnxType::kInt32) return bits_in<std::int32_t>(*constant.raw);
  if (constant.raw && constant.type == OnnxType::kFloat) return bits_in<float>(*constant.raw);
  // Where a file has them one by one, the first are kept.
  if (constant.integers.empty() || constant.integers.size() != constant.int64s + constant.int32s) return kNotKnown;
  return bits_in<std::int64_t>(std::as_bytes(std::span(constant.integers)));
}
}  // namespace

NumberBounds::NumberBounds(const formats::OnnxModel& model, const ElementTypes& types) : types_(types) {
  if (model.graph) look_at(*model.graph);
}

bool NumberBounds::is_small(std::string_view name) const { return bits_of(name) <= kSmallMax; }

void NumberBounds::look_at(const OnnxGraph& graph) {
  for (const OnnxNode& node : graph.nodes) {
    const int bits = bits_out_of(node);
    for (const auto output : node.outputs) {
      const auto [place, is_new] = bits_.try_emplace(output, bits);
      if (!is_new) place->second = kNotKnown;
    }
    for (const auto& attribute : node.attributes)
      for (const OnnxGraph& inside : attribute.graphs) look_at(inside);
  }
}

int NumberBounds::bits_of(std::string_view name) const {
  if (const OnnxTensor* constant = types_.constant(name)) return engines::bits_of(*constant);
  const auto found = bits_.find(name);
  return found == bits_.end() ? kNotKnown : found->second;
}

int NumberBounds::bits_out_of(const OnnxNode& node) const {
  if (!node.domain.empty()) return kNotKnown;
  if (node.op_type == "Shape" || node.op_type == "Size") return kExtent;
  // Of integers: a quotient is no larger than what is divided.
  const bool is_quotient = node.op_type == "Div" && node.inputs.size() == 2 && types_.of(node.inputs[0]) == OnnxType::kInt64;
  if (is_quotient) return bits_of(node.inputs[0]);
  const auto rule = std::ranges::find(kKept, node.op_type, &Kept::op);
  if (rule == std::end(kKept) || node.inputs.size() < rule->first + std::max<std::size_t>(rule->count, 1)) return kNotKnown;
  const auto kept = std::span(node.inputs).subspan(rule->first, rule->count != 0 ? rule->count : std::dynamic_extent);
  int bits = 0;
  for (const auto input : kept) bits = std::max(bits, bits_of(input));
  return std::min(bits + rule->more, kNotKnown);
}

}  // namespace forebay::engines

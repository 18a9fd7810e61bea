#include "formats/onnx_graph_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <unordered_map>
#include <unordered_set>

#include "formats/display_text.h"

namespace forebay::formats {

namespace {
constexpr std::size_t kNodesMax = 1'000'000;
constexpr std::uint32_t kDepthMax = 64;
constexpr std::size_t kShownBytesMax = 100;

using Names = std::unordered_set<std::string_view>;

bool is_one_of(std::string_view op, std::initializer_list<std::string_view> names) { return std::ranges::contains(names, op); }

// Operators that run subgraphs, or make as many elements as values say.
bool depends_on_values(std::string_view op) {
  return is_one_of(op, {"Loop",
                        "Scan",
                        "If",
                        "SequenceMap",
                        "SequenceInsert",
                        "SequenceErase",
                        "SequenceAt",
                        "SequenceConstruct",
                        "SequenceEmpty",
                        "SplitToSequence",
                        "ConcatFromSequence",
                        "Optional",
                        "OptionalGetElement",
                        "NonZero",
                        "Unique",
                        "Compress",
                        "NonMaxSuppression",
                        "StringSplit",
                        "BeamSearch",
                        "GreedySearch",
                        "Sampling",
                        "WhisperBeamSearch"});
}

// Inputs from this one on say how large the output is. Nothing for other operators.
std::optional<std::size_t> first_size_input(std::string_view op) {
  if (is_one_of(op, {"Range", "ConstantOfShape", "BlackmanWindow", "HannWindow", "HammingWindow", "MelWeightMatrix"})) return 0;
  if (is_one_of(op, {"Expand", "Tile", "Pad", "Resize", "Upsample", "OneHot", "CenterCropPad", "Col2Im", "DFT", "STFT", "Reshape", "TopK",
                     "MaxUnpool", "AffineGrid", "Trilu"}))
    return 1;
  return std::nullopt;
}

// Operators that look at all rows, or whose result is random, whatever their attributes say.
bool always_mixes(std::string_view op) {
  return op.starts_with("Sequence") || op.starts_with("Random") || op.starts_with("DynamicQuantize") ||
         is_one_of(op, {"Loop", "Scan", "If", "SplitToSequence", "ConcatFromSequence", "NonZero", "Unique", "Compress", "NonMaxSuppression",
                        "Multinomial", "Bernoulli", "BeamSearch", "GreedySearch", "Sampling"});
}

struct AxisRule {
  std::int64_t otherwise = 0;  // the axis when the node does not say
  int input = -1;              // the input that may say it
  bool everything = false;     // without an axis the operator takes all of them
};
// Operators that combine or order the elements along an axis.
std::optional<AxisRule> axis_rule(std::string_view op) {
  if (op.starts_with("Reduce")) return AxisRule{.input = 1, .everything = true};
  if (op == "CumSum") return AxisRule{.input = 1};
  if (is_one_of(op, {"ArgMax", "ArgMin"})) return AxisRule{};
  if (is_one_of(op, {"Softmax", "LogSoftmax", "Hardmax", "LpNormalization"})) return AxisRule{.otherwise = -1};
  if (op == "TopK") return AxisRule{.otherwise = -1};
  return std::nullopt;
}

std::string shown(const OnnxNode& node) {
  const std::string op = shortened(node.op_type, kShownBytesMax);
  return node.name.empty() ? op : fmt::format("{} '{}'", op, shortened(node.name, kShownBytesMax));
}

// The int64 numbers of a small tensor; nothing when it is anything else.
std::optional<std::vector<std::int64_t>> numbers_of(const OnnxTensor& tensor) {
  constexpr std::size_t kAxesMax = 8;
  if (tensor.type != OnnxType::kInt64) return std::nullopt;
  if (!tensor.raw) return tensor.int64s <= kAxesMax ? std::optional(tensor.integers) : std::nullopt;
  if (tensor.raw->size() > kAxesMax * sizeof(std::int64_t)) return std::nullopt;
  std::vector<std::int64_t> numbers(tensor.raw->size() / sizeof(std::int64_t));
  if (!numbers.empty()) std::memcpy(numbers.data(), tensor.raw->data(), numbers.size() * sizeof(std::int64_t));
  return numbers;
}

class Walk {
 public:
  explicit Walk(const OnnxModel& model) : model_(model) {
    for (const OnnxFunction& function : model.functions)
      functions_.emplace(fmt::format("{}:{}", function.domain, function.name), &function);
  }

  OnnxGraphFacts facts() && {
    const OnnxGraph& graph = *model_.graph;
    Names weights;
    for (const auto& tensor : graph.initialisers) {
      weights.insert(tensor.name);
      constants_.emplace(tensor.name, &tensor);
    }
    for (const auto& sparse : graph.sparse_initialisers) weights.insert(sparse.values.name);
    Names data;
    for (const auto& input : graph.inputs)
      if (!weights.contains(input.name)) data.insert(input.name);
    nodes(graph.nodes, data, 0);
    return std::move(facts_);
  }

 private:
  // `data` holds the names whose values depend on the request, and grows. Nodes are looked at until nothing changes: their order is free.
  void nodes(const std::vector<OnnxNode>& all, Names& data, std::uint32_t depth) {
    for (bool changed = true; changed && seen_ < kNodesMax;) {
      changed = false;
      for (const OnnxNode& node : all) {
        ++seen_;
        if (node.op_type == "Constant") keep_constant(node);
        changed |= spread(node, data);
      }
    }
    if (seen_ >= kNodesMax) return give_up();
    for (const OnnxNode& node : all) look_at(node, data, depth);
  }

  void keep_constant(const OnnxNode& node) {
    if (node.outputs.empty()) return;
    if (const auto* value = node.attribute("value"); value != nullptr && !value->tensors.empty())
      constants_.emplace(node.outputs[0], &value->tensors.front());
    for (const char* name : {"value_int", "value_ints"}) {
      if (const auto* value = node.attribute(name)) axes_.emplace(node.outputs[0], value->integers);
    }
  }

  static bool spread(const OnnxNode& node, Names& data) {
    if (is_one_of(node.op_type, {"Shape", "Size"}) && node.domain.empty()) return false;
    const bool runs_subgraph = std::ranges::any_of(node.attributes, [](const auto& one) { return !one.graphs.empty(); });
    if (!runs_subgraph && std::ranges::none_of(node.inputs, [&](auto name) { return data.contains(name); })) return false;
    bool changed = false;
    for (const auto name : node.outputs) changed |= !name.empty() && data.insert(name).second;
    return changed;
  }

  void look_at(const OnnxNode& node, const Names& data, std::uint32_t depth) {
    const auto is_data = [&](std::size_t i) { return i < node.inputs.size() && data.contains(node.inputs[i]); };
    const bool any = std::ranges::any_of(node.inputs, [&](auto name) { return data.contains(name); });
    if (const auto function = functions_.find(fmt::format("{}:{}", node.domain, node.op_type)); function != functions_.end())
      return call(*function->second, depth);
    if (depends_on_values(node.op_type)) note(facts_.unbounded, node);
    if (const auto first = first_size_input(node.op_type)) {
      for (std::size_t i = *first; i < node.inputs.size(); ++i)
        if (is_data(i)) note(facts_.unbounded, node);
    }
    if (any && mixes(node, is_data(0), is_data(1))) note(facts_.mixes_rows, node);
    for (const auto& attribute : node.attributes) {
      if (!attribute.graphs.empty()) {
        note(facts_.unbounded, node);
        note(facts_.mixes_rows, node);
      }
    }
  }

  // Everything inside a function is taken for data.
  void call(const OnnxFunction& function, std::uint32_t depth) {
    if (depth >= kDepthMax) return give_up();
    Names data;
    Names made;
    for (const OnnxNode& node : function.nodes) made.insert(node.outputs.begin(), node.outputs.end());
    for (const OnnxNode& node : function.nodes)
      for (const auto name : node.inputs)
        if (!made.contains(name)) data.insert(name);
    nodes(function.nodes, data, depth + 1);
  }

  bool mixes(const OnnxNode& node, bool first, bool second) const {
    if (always_mixes(node.op_type)) return true;
    if (is_one_of(node.op_type, {"Gather", "GatherND"})) return first && second && says(node, "axis", 0) == 0;  // rows chosen by values
    if (node.op_type.starts_with("Scatter")) return says(node, "axis", 0) == 0;
    if (node.op_type == "ReverseSequence") return says(node, "time_axis", 0) == 0;
    if (node.op_type == "BatchNormalization" || node.op_type == "Dropout") return says(node, "training_mode", 0) != 0;
    const auto rule = axis_rule(node.op_type);
    return rule && first && takes_rows(node, *rule);
  }

  bool takes_rows(const OnnxNode& node, const AxisRule& rule) const {
    for (const char* name : {"axis", "axes"}) {
      if (const auto* value = node.attribute(name); value != nullptr && !value->integers.empty())
        return std::ranges::contains(value->integers, 0);
    }
    if (rule.input >= 0 && node.inputs.size() > static_cast<std::size_t>(rule.input) &&
        !node.inputs[static_cast<std::size_t>(rule.input)].empty()) {
      const auto axes = axes_of(node.inputs[static_cast<std::size_t>(rule.input)]);
      if (!axes) return true;  // known when it runs
      return axes->empty() ? says(node, "noop_with_empty_axes", 0) == 0 : std::ranges::contains(*axes, 0);
    }
    if (rule.everything) return says(node, "noop_with_empty_axes", 0) == 0;
    return rule.otherwise == 0;
  }

  std::optional<std::vector<std::int64_t>> axes_of(std::string_view name) const {
    if (const auto found = axes_.find(name); found != axes_.end()) return found->second;
    const auto found = constants_.find(name);
    return found == constants_.end() ? std::nullopt : numbers_of(*found->second);
  }

  static std::int64_t says(const OnnxNode& node, std::string_view name, std::int64_t otherwise) {
    const auto* value = node.attribute(name);
    return value == nullptr || value->integers.empty() ? otherwise : value->integers.front();
  }

  static void note(std::string& fact, const OnnxNode& node) {
    if (fact.empty()) fact = shown(node);
  }
  void give_up() {
    if (facts_.unbounded.empty()) facts_.unbounded = "a graph too large to look through";
    if (facts_.mixes_rows.empty()) facts_.mixes_rows = facts_.unbounded;
  }

  const OnnxModel& model_;
  std::unordered_map<std::string, const OnnxFunction*> functions_;
  std::unordered_map<std::string_view, const OnnxTensor*> constants_;
  std::unordered_map<std::string_view, std::vector<std::int64_t>> axes_;
  OnnxGraphFacts facts_;
  std::size_t seen_ = 0;
};
}  // namespace

OnnxGraphFacts facts_of(const OnnxModel& model) { return Walk(model).facts(); }

}  // namespace forebay::formats

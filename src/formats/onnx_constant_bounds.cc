#include "formats/onnx_constant_bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "formats/display_text.h"
#include "formats/errors.h"
#include "formats/onnx_operator_use.h"
#include "formats/onnx_operators.h"
#include "formats/onnx_value_facts.h"

namespace forebay::formats {

namespace {
constexpr double kWorkMax = 4e9;             // multiplications of all matrix products at load: a second or two
constexpr double kFoldedOfWeights = 4;       // casts, transposes and copies of the weights are no larger together
constexpr std::uint32_t kCallDepthMax = 64;  // of functions; check_graph() is as strict

using FunctionName = std::tuple<std::string_view, std::string_view, std::string_view>;

// The values that a node can see: those of its graph, and of the graphs around it.
class Scope {
 public:
  explicit Scope(const Scope* outer = nullptr) : outer_(outer) {}
  void set(std::string_view name, ValueFacts facts) {
    if (!name.empty()) values_.insert_or_assign(name, std::move(facts));
  }
  // A name that is not there yet belongs to a node further down: nothing is known of it.
  ValueFacts get(std::string_view name) const {
    if (name.empty()) return {.is_given = false, .at_load = true};
    if (const auto found = values_.find(name); found != values_.end()) return found->second;
    return outer_ != nullptr ? outer_->get(name) : ValueFacts{.at_load = true};
  }

 private:
  const Scope* outer_;
  std::unordered_map<std::string_view, ValueFacts> values_;
};

class BoundsCheck {
 public:
  BoundsCheck(const OnnxModel& model, std::uint64_t weight_bytes, const ReadLimits& limits)
      : limits_(limits),
        folded_max_(static_cast<double>(limits.constant_bytes_max) + kFoldedOfWeights * static_cast<double>(weight_bytes)) {
    for (const auto& function : model.functions)
      functions_.emplace(FunctionName(function.domain, function.name, function.overload), &function);
  }

  Result<bool> check(const OnnxGraph& graph) {
    Scope scope;
    for (const auto& input : graph.inputs) scope.set(input.name, facts_of_input(input.type));
    TRY(walk(graph, scope, 0));
    return is_bounded_ && folded_bytes_ <= folded_max_;
  }

 private:
  Result<> walk(const OnnxGraph& graph, Scope& scope, std::uint32_t depth) {
    for (const auto& tensor : graph.initialisers) scope.set(tensor.name, facts_of(tensor));
    for (const auto& sparse : graph.sparse_initialisers) scope.set(sparse.values.name, facts_of_sparse(sparse));
    return walk(graph.nodes, scope, depth);
  }

  Result<> walk(const std::vector<OnnxNode>& nodes, Scope& scope, std::uint32_t depth) {
    for (const auto& node : nodes) {
      std::vector<ValueFacts> inputs;
      for (const auto name : node.inputs) inputs.push_back(scope.get(name));
      const bool has_graphs = std::ranges::any_of(node.attributes, [](const auto& attribute) { return !attribute.graphs.empty(); });
      if (has_graphs) {
        TRY(control_flow(node, inputs, scope, depth));
      } else if (const auto function = functions_.find({node.domain, node.op_type, node.overload}); function != functions_.end()) {
        TRY(call(node, *function->second, inputs, scope, depth));
      } else {
        TRY(compute(node, inputs, scope));
      }
    }
    return {};
  }

  Result<> compute(const OnnxNode& node, const std::vector<ValueFacts>& inputs, Scope& scope) {
    TRY(check_operator_use(node, inputs));
    const auto known = infer_facts(node, inputs);
    ValueFacts facts = known.value_or(ValueFacts());
    const bool is_of_shape = node.op_type == "Shape" || node.op_type == "Size";
    if (!known || !is_of_shape) facts.at_load = std::ranges::all_of(inputs, &ValueFacts::at_load);
    facts.rank_is_open = !facts.shape && (facts.rank_is_open || std::ranges::any_of(inputs, &ValueFacts::rank_is_open));
    if (refers_to_caller(node)) facts = {.at_load = facts.at_load};
    TRY(charge(node, facts));
    for (const auto name : node.outputs) scope.set(name, facts);
    return {};
  }

  static bool refers_to_caller(const OnnxNode& node) {
    return std::ranges::any_of(node.attributes, [](const auto& attribute) { return !attribute.reference.empty(); });
  }

  Result<> charge(const OnnxNode& node, const ValueFacts& facts) {
    const double least = (facts.is_static() ? facts.elements_max : facts.elements_min) * facts.bytes_of_element();
    if (grows_by_constants(node) && least > static_cast<double>(limits_.constant_bytes_max)) {
      return fail(kOnnxLimitExceeded,
                  fmt::format("the node '{}' ({}) makes at least {:.0f} bytes from a constant shape; at most {} are allowed",
                              shortened(node.name, 200), shortened(node.op_type, 200), least, limits_.constant_bytes_max));
    }
    if (!facts.at_load) return {};
    folded_bytes_ += facts.elements_max * facts.bytes_of_element() * static_cast<double>(std::max<std::size_t>(1, node.outputs.size()));
    work_ += facts.work;
    if (!(folded_bytes_ <= folded_max_) || !(work_ <= kWorkMax)) is_bounded_ = false;
    return {};
  }

  // A body is walked with nothing known of what goes round in it. The branches of a constant condition may become part of the graph.
  Result<> control_flow(const OnnxNode& node, const std::vector<ValueFacts>& inputs, Scope& scope, std::uint32_t depth) {
    if (node.domain.empty() && node.op_type == "Loop") TRY(check_loop(node, inputs));
    const bool may_vanish = node.op_type == "If" && !inputs.empty() && inputs.front().at_load;
    for (const auto& attribute : node.attributes) {
      for (const auto& graph : attribute.graphs) {
        Scope inside(&scope);
        for (const auto& input : graph.inputs) inside.set(input.name, {});
        TRY(walk(graph, inside, depth));
      }
    }
    const bool is_open = std::ranges::any_of(inputs, &ValueFacts::rank_is_open);
    for (const auto name : node.outputs) scope.set(name, {.at_load = may_vanish, .rank_is_open = is_open});
    return {};
  }

  Result<> call(const OnnxNode& node, const OnnxFunction& function, const std::vector<ValueFacts>& inputs, Scope& scope,
                std::uint32_t depth) {
    if (depth > kCallDepthMax) return fail(kOnnxTooDeep, "functions call each other without end, or too deep");
    // The operator's own meaning could count as well.
    if (is_listed_domain(node.domain) && is_standard_operator(node.domain, node.op_type)) is_bounded_ = false;
    Scope inside;
    for (std::size_t i = 0; i < function.inputs.size(); ++i)
      inside.set(function.inputs[i], i < inputs.size() ? inputs[i] : ValueFacts{.is_given = false, .at_load = true});
    TRY(walk(function.nodes, inside, depth + 1));
    for (std::size_t i = 0; i < node.outputs.size() && i < function.outputs.size(); ++i)
      scope.set(node.outputs[i], inside.get(function.outputs[i]));
    return {};
  }

  // A loop whose condition never changes runs for its whole count.
  Result<> check_loop(const OnnxNode& node, const std::vector<ValueFacts>& inputs) const {
    const auto* body = node.attribute("body");
    if (body == nullptr || body->graphs.size() != 1 || inputs.size() < 2) return {};
    const auto& count = inputs[0].values;
    if (!count || count->size() != 1 || !(count->front() > static_cast<double>(limits_.loop_steps_max))) return {};
    const auto& start = inputs[1].values;
    const bool starts = !inputs[1].is_given || (start && start->size() == 1 && start->front() != 0);
    if (!starts || !goes_on(body->graphs.front())) return {};
    return fail(kOnnxLimitExceeded, fmt::format("the loop '{}' takes {:.0f} steps; at most {} are allowed", shortened(node.name, 200),
                                                count->front(), limits_.loop_steps_max));
  }

  // Whether the condition that the body hands on is the one it was given, or always true.
  static bool goes_on(const OnnxGraph& body) {
    if (body.outputs.empty() || body.inputs.size() < 2) return false;
    std::string_view condition = body.outputs.front().name;
    for (std::size_t hops = 0; hops <= body.nodes.size(); ++hops) {
      if (condition == body.inputs[1].name) return true;
      const auto maker = std::ranges::find_if(body.nodes, [&](const auto& node) { return std::ranges::contains(node.outputs, condition); });
      if (maker == body.nodes.end()) {
        const auto weight = std::ranges::find(body.initialisers, condition, &OnnxTensor::name);
        return weight != body.initialisers.end() && is_true(facts_of(*weight));
      }
      if (maker->op_type == "Constant") return is_true(infer_facts(*maker, {}).value_or(ValueFacts()));
      if (maker->op_type != "Identity" || maker->inputs.size() != 1) return false;
      condition = maker->inputs.front();
    }
    return false;
  }

  static bool is_true(const ValueFacts& facts) { return facts.values && facts.values->size() == 1 && facts.values->front() != 0; }

  static ValueFacts facts_of_sparse(const OnnxSparseTensor& sparse) {
    OnnxTensor dense;
    dense.type = sparse.values.type;
    dense.dimensions = sparse.dimensions;
    dense.is_external = true;  // its numbers are not here
    return facts_of(dense);
  }

  const ReadLimits& limits_;
  const double folded_max_;
  double folded_bytes_ = 0;
  double work_ = 0;
  bool is_bounded_ = true;
  std::map<FunctionName, const OnnxFunction*> functions_;
};
}  // namespace

Result<bool> constants_are_bounded(const OnnxModel& model, std::uint64_t weight_bytes, const ReadLimits& limits) {
  return BoundsCheck(model, weight_bytes, limits).check(*model.graph);
}

}  // namespace forebay::formats

#include "formats/onnx_graph_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "formats/byte_reader.h"
#include "formats/display_text.h"
#include "formats/errors.h"
#include "formats/onnx_operators.h"

namespace forebay::formats {

namespace {
constexpr std::uint64_t kExpandedNodesMax = 1'000'000;
constexpr std::uint32_t kFunctionDepthMax = 64;

using Names = std::unordered_set<std::string_view>;
using FunctionName = std::pair<std::string_view, std::string_view>;

std::string shown(std::string_view name) { return shortened(name, 200); }

// Values of one graph: who is defined, and in which order nodes can run.
class ScopeCheck {
 public:
  // Names that `graph` takes from the graphs around it. Fails on duplicates and cycles within it.
  Result<Names> free_names(const OnnxGraph& graph) {
    Names defined;
    TRY(define_givens(graph, defined));
    std::unordered_map<std::string_view, std::size_t> makers;
    TRY(find_makers(graph, defined, makers));
    std::vector<Names> needs(graph.nodes.size());
    Names free;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      TRY_ASSIGN(needs[i], needed_by(graph.nodes[i]));
      for (const auto name : needs[i]) {
        if (!defined.contains(name) && !makers.contains(name)) free.insert(name);
      }
    }
    TRY(check_acyclic(graph, needs, makers));
    for (const auto& output : graph.outputs) {
      if (!defined.contains(output.name) && !makers.contains(output.name)) free.insert(output.name);
    }
    return free;
  }

 private:
  static Result<> define_givens(const OnnxGraph& graph, Names& defined) {
    for (const auto& input : graph.inputs) {
      if (!defined.insert(input.name).second) return fail(kOnnxDuplicateName, fmt::format("two inputs are named '{}'", shown(input.name)));
    }
    Names weights;  // An initialiser may share its name with an input: it is that input's default.
    for (const auto& tensor : graph.initialisers) {
      if (!weights.insert(tensor.name).second)
        return fail(kOnnxDuplicateName, fmt::format("two weights are named '{}'", shown(tensor.name)));
    }
    for (const auto name : graph.sparse_initialisers) {
      if (!weights.insert(name).second) return fail(kOnnxDuplicateName, fmt::format("two weights are named '{}'", shown(name)));
    }
    defined.merge(weights);
    return {};
  }

  static Result<> find_makers(const OnnxGraph& graph, const Names& defined, std::unordered_map<std::string_view, std::size_t>& makers) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const auto name : graph.nodes[i].outputs) {
        if (name.empty()) continue;  // An optional output that nobody wants.
        if (defined.contains(name) || !makers.emplace(name, i).second)
          return fail(kOnnxDuplicateName, fmt::format("the value '{}' is made twice", shown(name)));
      }
    }
    return {};
  }

  Result<Names> needed_by(const OnnxNode& node) {
    Names needs;
    for (const auto name : node.inputs) {
      if (!name.empty()) needs.insert(name);
    }
    for (const auto& attribute : node.attributes) {
      for (const auto& graph : attribute.graphs) {
        TRY_ASSIGN(auto inner, free_names(graph));
        needs.merge(inner);
      }
    }
    return needs;
  }

  // Kahn's algorithm.
  static Result<> check_acyclic(const OnnxGraph& graph, const std::vector<Names>& needs,
                                const std::unordered_map<std::string_view, std::size_t>& makers) {
    std::vector<std::size_t> missing(needs.size(), 0);
    std::vector<std::vector<std::size_t>> waiting(needs.size());
    for (std::size_t i = 0; i < needs.size(); ++i) {
      for (const auto name : needs[i]) {
        const auto maker = makers.find(name);
        if (maker == makers.end()) continue;
        waiting[maker->second].push_back(i);
        ++missing[i];
      }
    }
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < missing.size(); ++i) {
      if (missing[i] == 0) ready.push_back(i);
    }
    std::size_t run = 0;
    while (!ready.empty()) {
      const auto node = ready.back();
      ready.pop_back();
      ++run;
      for (const auto next : waiting[node]) {
        if (--missing[next] == 0) ready.push_back(next);
      }
    }
    if (run == needs.size()) return {};
    const auto stuck = static_cast<std::size_t>(std::ranges::find_if(missing, [](auto count) { return count > 0; }) - missing.begin());
    return fail(kOnnxValueUndefined, fmt::format("the node '{}' ({}) depends on its own output", shown(graph.nodes[stuck].name),
                                                 shown(graph.nodes[stuck].op_type)));
  }
};

// Operators and functions, through all graphs.
class OperatorCheck {
 public:
  OperatorCheck(const OnnxModel& model, const ReadLimits& limits) : limits_(limits) {
    for (const auto& function : model.functions) functions_.emplace(FunctionName{domain_of(function.domain), function.name}, &function);
  }

  void know_initialisers(const OnnxGraph& graph) {
    for (const auto& tensor : graph.initialisers) constants_[tensor.name] = &tensor;
  }

  // How many nodes there are once functions are written out. Fails when that never ends.
  Result<std::uint64_t> expanded(const std::vector<OnnxNode>& nodes, std::uint32_t depth) {
    if (depth > kFunctionDepthMax) return fail(kOnnxTooDeep, "functions call each other without end, or too deep");
    std::uint64_t total = 0;
    for (const auto& node : nodes) {
      TRY(check_operator(node));
      TRY(check_constant(node));
      ++total;
      for (const auto& attribute : node.attributes) {
        for (const auto& graph : attribute.graphs) {
          TRY_ASSIGN(const auto inner, expanded(graph.nodes, depth));
          total += inner;
        }
      }
      TRY_ASSIGN(const auto inside, expanded_function({node.domain, node.op_type}, depth));
      total += inside;
      if (total > kExpandedNodesMax)
        return fail(kOnnxLimitExceeded,
                    fmt::format("the model has more than {} nodes once its functions are written out", kExpandedNodesMax));
    }
    return total;
  }

 private:
  static std::string_view domain_of(std::string_view domain) { return domain == "ai.onnx" ? std::string_view() : domain; }

  Result<std::uint64_t> expanded_function(const FunctionName& name, std::uint32_t depth) {
    const auto found = functions_.find(name);
    if (found == functions_.end()) return std::uint64_t{0};
    if (const auto known = sizes_.find(name); known != sizes_.end()) return known->second;
    TRY_ASSIGN(const auto size, expanded(found->second->nodes, depth + 1));
    sizes_[name] = size;
    return size;
  }

  Result<> check_operator(const OnnxNode& node) const {
    if (!is_listed_domain(node.domain) || is_standard_operator(node.domain, node.op_type)) return {};
    if (functions_.contains({node.domain, node.op_type})) return {};
    return fail(kOnnxOperatorUnknown,
                fmt::format("'{}' has no operator '{}'", node.domain.empty() ? "ai.onnx" : node.domain, shown(node.op_type)));
  }

  // A Constant of a shape stands in the file; what ConstantOfShape makes of it need not.
  Result<> check_constant(const OnnxNode& node) {
    if (!node.domain.empty()) return {};
    if (node.op_type == "Constant" && node.outputs.size() == 1) {
      const auto* value = node.attribute("value");
      if (value != nullptr && value->tensor) constants_[node.outputs[0]] = value->tensor.get();
      return {};
    }
    if (node.op_type != "ConstantOfShape" || node.inputs.size() != 1) return {};
    const auto found = constants_.find(node.inputs[0]);
    if (found == constants_.end()) return {};
    std::uint64_t elements = 1;
    for (const auto dimension : shape_in(*found->second)) {
      if (dimension <= 0) return {};
      if (static_cast<std::uint64_t>(dimension) > limits_.constant_elements_max / elements) {
        return fail(kOnnxLimitExceeded, fmt::format("the node '{}' makes a constant of more than {} elements", shown(node.name),
                                                    limits_.constant_elements_max));
      }
      elements *= static_cast<std::uint64_t>(dimension);
    }
    return {};
  }

  static std::vector<std::int64_t> shape_in(const OnnxTensor& tensor) {
    if (!tensor.raw) return tensor.int64_values;
    std::vector<std::int64_t> shape;
    ByteReader reader(*tensor.raw);
    while (reader.remaining() >= sizeof(std::int64_t) && shape.size() < 16) shape.push_back(reader.number<std::int64_t>());
    return shape;
  }

  const ReadLimits& limits_;
  std::map<FunctionName, const OnnxFunction*> functions_;
  std::map<FunctionName, std::uint64_t> sizes_;
  std::unordered_map<std::string_view, const OnnxTensor*> constants_;
};
}  // namespace

Result<> check_graph(const OnnxModel& model, const ReadLimits& limits) {
  TRY_ASSIGN(const auto undefined, ScopeCheck().free_names(*model.graph));
  if (!undefined.empty()) {
    return fail(kOnnxValueUndefined,
                fmt::format("the value '{}' is used, but nothing makes it", shown(*std::ranges::min_element(undefined))));
  }
  OperatorCheck operators(model, limits);
  operators.know_initialisers(*model.graph);
  TRY(operators.expanded(model.graph->nodes, 0));
  return {};
}

}  // namespace forebay::formats

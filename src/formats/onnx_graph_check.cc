#include "formats/onnx_graph_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "formats/display_text.h"
#include "formats/errors.h"
#include "formats/onnx_operators.h"

namespace forebay::formats {

namespace {
constexpr std::uint64_t kExpandedNodesMax = 1'000'000;
constexpr std::uint32_t kFunctionDepthMax = 64;

using Names = std::unordered_set<std::string_view>;
using FunctionName = std::tuple<std::string_view, std::string_view, std::string_view>;  // domain, name, overload

std::string shown(std::string_view name) { return shortened(name, 200); }

// Values of one graph: who is defined, and in which order nodes can run.
class ScopeCheck {
 public:
  // Names that `graph` takes from the graphs around it. Fails on duplicates and cycles within it.
  Result<Names> free_names(const OnnxGraph& graph) {
    Names defined;
    TRY(define_givens(graph, defined));
    std::vector<std::string_view> outputs;
    for (const auto& output : graph.outputs) outputs.push_back(output.name);
    return free_names(graph.nodes, outputs, defined);
  }

  // The body of a function sees its inputs only.
  Result<Names> free_names(const OnnxFunction& function) {
    Names defined;
    for (const auto name : function.inputs) {
      if (!defined.insert(name).second) return fail(kOnnxDuplicateName, fmt::format("two inputs are named '{}'", shown(name)));
    }
    return free_names(function.nodes, function.outputs, defined);
  }

 private:
  Result<Names> free_names(const std::vector<OnnxNode>& nodes, const std::vector<std::string_view>& outputs, const Names& defined) {
    std::unordered_map<std::string_view, std::size_t> makers;
    TRY(find_makers(nodes, defined, makers));
    std::vector<Names> needs(nodes.size());
    Names free;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      TRY_ASSIGN(needs[i], needed_by(nodes[i]));
      for (const auto name : needs[i]) {
        if (!defined.contains(name) && !makers.contains(name)) free.insert(name);
      }
    }
    TRY(check_acyclic(nodes, needs, makers));
    for (const auto name : outputs) {
      if (!defined.contains(name) && !makers.contains(name)) free.insert(name);
    }
    return free;
  }

  static Result<> define_givens(const OnnxGraph& graph, Names& defined) {
    for (const auto& input : graph.inputs) {
      if (!defined.insert(input.name).second) return fail(kOnnxDuplicateName, fmt::format("two inputs are named '{}'", shown(input.name)));
    }
    Names weights;  // An initialiser may share its name with an input: it is that input's default.
    for (const auto& tensor : graph.initialisers) {
      if (!weights.insert(tensor.name).second)
        return fail(kOnnxDuplicateName, fmt::format("two weights are named '{}'", shown(tensor.name)));
    }
    for (const auto& sparse : graph.sparse_initialisers) {
      if (!weights.insert(sparse.values.name).second)
        return fail(kOnnxDuplicateName, fmt::format("two weights are named '{}'", shown(sparse.values.name)));
    }
    defined.merge(weights);
    return {};
  }

  static Result<> find_makers(const std::vector<OnnxNode>& nodes, const Names& defined,
                              std::unordered_map<std::string_view, std::size_t>& makers) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (const auto name : nodes[i].outputs) {
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
  static Result<> check_acyclic(const std::vector<OnnxNode>& nodes, const std::vector<Names>& needs,
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
    return fail(kOnnxValueUndefined,
                fmt::format("the node '{}' ({}) depends on its own output", shown(nodes[stuck].name), shown(nodes[stuck].op_type)));
  }
};

// Operators and functions, through all graphs.
class OperatorCheck {
 public:
  Result<> check(const OnnxModel& model) {
    for (const auto& function : model.functions) TRY(define(function));
    TRY(expanded(model.graph->nodes, 0));
    for (const auto& function : model.functions) TRY(expanded_function(name_of_function(function), 0));
    return {};
  }

 private:
  static FunctionName name_of_function(const OnnxFunction& function) {
    return {function.domain == "ai.onnx" ? std::string_view() : function.domain, function.name, function.overload};
  }

  Result<> define(const OnnxFunction& function) {
    if (!functions_.emplace(name_of_function(function), &function).second)
      return fail(kOnnxDuplicateName, fmt::format("two functions are named '{}'", shown(function.name)));
    const bool has_graph = std::ranges::any_of(function.defaults, [](const auto& attribute) { return !attribute.graphs.empty(); });
    if (has_graph) return fail(kOnnxTypeUnsupported, fmt::format("the function '{}' has a graph for a default", shown(function.name)));
    TRY_ASSIGN(const auto undefined, ScopeCheck().free_names(function));
    if (undefined.empty()) return {};
    return fail(kOnnxValueUndefined, fmt::format("the value '{}' is used in the function '{}', but nothing makes it",
                                                 shown(*std::ranges::min_element(undefined)), shown(function.name)));
  }

  // How many nodes there are once functions are written out. Fails when that never ends.
  Result<std::uint64_t> expanded(const std::vector<OnnxNode>& nodes, std::uint32_t depth) {
    if (depth > kFunctionDepthMax) return fail(kOnnxTooDeep, "functions call each other without end, or too deep");
    std::uint64_t total = 0;
    for (const auto& node : nodes) {
      TRY(check_operator(node));
      ++total;
      for (const auto& attribute : node.attributes) {
        for (const auto& graph : attribute.graphs) {
          TRY_ASSIGN(const auto inner, expanded(graph.nodes, depth));
          total += inner;
        }
      }
      TRY_ASSIGN(const auto inside, expanded_function({node.domain, node.op_type, node.overload}, depth));
      total += inside;
      if (total > kExpandedNodesMax)
        return fail(kOnnxLimitExceeded,
                    fmt::format("the model has more than {} nodes once its functions are written out", kExpandedNodesMax));
    }
    return total;
  }

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
    if (functions_.contains({node.domain, node.op_type, node.overload})) return {};
    return fail(kOnnxOperatorUnknown,
                fmt::format("'{}' has no operator '{}'", node.domain.empty() ? "ai.onnx" : node.domain, shown(node.op_type)));
  }

  std::map<FunctionName, const OnnxFunction*> functions_;
  std::map<FunctionName, std::uint64_t> sizes_;
};
}  // namespace

Result<> check_graph(const OnnxModel& model) {
  TRY_ASSIGN(const auto undefined, ScopeCheck().free_names(*model.graph));
  if (!undefined.empty()) {
    return fail(kOnnxValueUndefined,
                fmt::format("the value '{}' is used, but nothing makes it", shown(*std::ranges::min_element(undefined))));
  }
  return OperatorCheck().check(model);
}

}  // namespace forebay::formats

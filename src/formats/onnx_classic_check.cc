// Operators of ai.onnx.ml: their models lie in attributes, whose lists must agree with each other.
#include <algorithm>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "formats/onnx_operator_use.h"

namespace forebay::formats {

namespace {
std::span<const std::int64_t> integers_of(const OnnxNode& node, std::string_view name) {
  const auto* attribute = node.attribute(name);
  return attribute != nullptr ? std::span<const std::int64_t>(attribute->integers) : std::span<const std::int64_t>();
}

// How many numbers or texts an attribute holds, in a list or in the tensor that newer operator sets have beside it.
std::size_t count_of(const OnnxNode& node, std::string_view name) {
  std::size_t count = 0;
  for (const auto& attribute : node.attributes) {
    const bool is_tensor = attribute.name.starts_with(name) && attribute.name.substr(name.size()) == "_as_tensor";
    if (attribute.name == name) count += attribute.integers.size() + attribute.reals.size() + attribute.texts.size();
    if (is_tensor && !attribute.tensors.empty() && attribute.tensors.front().dimensions.size() == 1)
      count += static_cast<std::size_t>(std::max<std::int64_t>(0, attribute.tensors.front().dimensions.front()));
  }
  return count;
}

std::size_t labels_of(const OnnxNode& node) {
  return count_of(node, "classlabels_ints") + count_of(node, "classlabels_int64s") + count_of(node, "classlabels_strings");
}

// The library reads a coefficient for each column of the input.
bool has_columns(std::span<const ValueFacts> inputs, std::size_t columns) {
  if (inputs.empty() || !inputs[0].shape || inputs[0].shape->empty()) return true;
  const auto known = inputs[0].shape->back();
  return known < 0 || static_cast<std::size_t>(known) <= columns;
}

Result<> check_linear(const OnnxNode& node, std::span<const ValueFacts> inputs) {
  const auto coefficients = count_of(node, "coefficients");
  const auto intercepts = count_of(node, "intercepts");
  const bool is_classifier = node.op_type == "LinearClassifier";
  const auto* stated = node.attribute("targets");
  const std::size_t targets = stated != nullptr && !stated->integers.empty() ? static_cast<std::size_t>(stated->integers.front()) : 1;
  const auto rows = is_classifier ? intercepts : targets;
  if (rows == 0 || coefficients == 0 || coefficients % rows != 0 || (!is_classifier && intercepts != 0 && intercepts != rows))
    return operator_misused(node, "has coefficients that its intercepts do not divide");
  if (!has_columns(inputs, coefficients / rows)) return operator_misused(node, "has fewer coefficients than its input has columns");
  const auto labels = labels_of(node);
  if (is_classifier && labels != rows && !(rows == 1 && labels == 2))
    return operator_misused(node, "has more or fewer labels than classes");
  return {};
}

Result<> check_vectors(const OnnxNode& node, std::span<const ValueFacts> inputs) {
  const auto vectors = count_of(node, "support_vectors");
  const auto coefficients = count_of(node, "coefficients");
  const auto rho = count_of(node, "rho");
  if (coefficients == 0 || rho == 0) return operator_misused(node, "has no coefficients or no rho");
  if (node.op_type == "SVMRegressor") {
    const auto* stated = node.attribute("n_supports");
    const std::int64_t supports = stated != nullptr && !stated->integers.empty() ? stated->integers.front() : 0;
    if (supports < 0) return operator_misused(node, "has a negative number of support vectors");
    const auto count = static_cast<std::size_t>(supports);
    const bool fits = count == 0 ? has_columns(inputs, coefficients)
                                 : vectors > 0 && vectors % count == 0 && coefficients == count && has_columns(inputs, vectors / count);
    return fits ? Result<>() : operator_misused(node, "has more or fewer coefficients than support vectors");
  }
  const auto per_class = integers_of(node, "vectors_per_class");
  const auto classes = per_class.empty() ? labels_of(node) : per_class.size();
  if (classes == 0 || labels_of(node) != classes) return operator_misused(node, "has more or fewer labels than classes");
  if (per_class.empty()) {
    const bool fits = coefficients % classes == 0 && has_columns(inputs, coefficients / classes);
    return fits ? Result<>() : operator_misused(node, "has coefficients that its classes do not divide");
  }
  std::size_t supports = 0;
  for (const auto count : per_class) {
    if (count < 1 || static_cast<std::size_t>(count) > vectors)
      return operator_misused(node, "has a class with no or too many support vectors");
    supports += static_cast<std::size_t>(count);
  }
  const auto pairs = classes * (classes - 1) / 2;
  const auto probabilities = [&](std::string_view name) { return count_of(node, name) == 0 || count_of(node, name) == pairs; };
  const bool fits = vectors % supports == 0 && coefficients == supports * (classes - 1) && rho == pairs && probabilities("prob_a") &&
                    probabilities("prob_b") && has_columns(inputs, vectors / supports);
  return fits ? Result<>() : operator_misused(node, "has lists that do not fit its support vectors");
}

using TreeNode = std::pair<std::int64_t, std::int64_t>;  // tree, node

// Depth first over the branches; a way that meets itself comes back for ever.
Result<> check_ways(const OnnxNode& node, const std::map<TreeNode, std::size_t>& places, std::span<const std::int64_t> trees) {
  const auto yes = integers_of(node, "nodes_truenodeids");
  const auto no = integers_of(node, "nodes_falsenodeids");
  const auto& modes = node.attribute("nodes_modes")->texts;
  enum class State : std::uint8_t { kNew, kOnWay, kDone };
  std::vector<State> states(trees.size(), State::kNew);
  std::vector<std::size_t> way;
  const auto enter = [&](std::int64_t tree, std::int64_t to) {
    const auto found = places.find({tree, to});
    if (found == places.end() || states[found->second] == State::kOnWay) return false;
    if (states[found->second] == State::kNew) way.push_back(found->second);
    return true;
  };
  for (std::size_t start = 0; start < trees.size(); ++start) {
    if (states[start] != State::kNew) continue;
    way.push_back(start);
    while (!way.empty()) {
      const auto at = way.back();
      const bool is_first = states[at] == State::kNew;
      states[at] = is_first ? State::kOnWay : State::kDone;
      if (!is_first) {
        way.pop_back();
      } else if (modes[at] != "LEAF" && !(enter(trees[at], yes[at]) && enter(trees[at], no[at]))) {
        return operator_misused(node, "has a branch to a node that does not exist, or comes back");
      }
    }
  }
  return {};
}

Result<> check_trees(const OnnxNode& node) {
  const auto trees = integers_of(node, "nodes_treeids");
  const auto ids = integers_of(node, "nodes_nodeids");
  const auto nodes = trees.size();
  for (const auto* list : {"nodes_nodeids", "nodes_featureids", "nodes_modes", "nodes_values", "nodes_truenodeids", "nodes_falsenodeids"}) {
    if (nodes == 0 || count_of(node, list) != nodes) return operator_misused(node, "has lists of nodes of different lengths");
  }
  for (const auto* list : {"nodes_hitrates", "nodes_missing_value_tracks_true"}) {
    if (const auto count = count_of(node, list); count != 0 && count != nodes)
      return operator_misused(node, "has lists of nodes of different lengths");
  }
  const bool is_classifier = node.op_type == "TreeEnsembleClassifier";
  const std::string prefix = is_classifier ? "class_" : "target_";
  const auto targets = integers_of(node, prefix + "ids");
  const bool leaves_fit = !targets.empty() && count_of(node, prefix + "treeids") == targets.size() &&
                          count_of(node, prefix + "nodeids") == targets.size() && count_of(node, prefix + "weights") == targets.size();
  if (!leaves_fit) return operator_misused(node, "has lists of leaves of different lengths");
  const auto* stated = node.attribute("n_targets");
  const auto outputs = is_classifier                                    ? static_cast<std::int64_t>(labels_of(node))
                       : stated != nullptr && !stated->integers.empty() ? stated->integers.front()
                                                                        : 1;
  if (!std::ranges::all_of(targets, [&](auto target) { return target >= 0 && target < outputs; }))
    return operator_misused(node, "has a leaf for a class or target that does not exist");
  const auto base = count_of(node, "base_values");
  if (base != 0 && base != static_cast<std::size_t>(outputs) && !(is_classifier && outputs == 2 && base == 1))
    return operator_misused(node, "has another number of base values than of classes or targets");
  std::map<TreeNode, std::size_t> places;
  for (std::size_t i = 0; i < nodes; ++i) {
    if (!places.emplace(TreeNode(trees[i], ids[i]), i).second) return operator_misused(node, "has a node twice");
  }
  return check_ways(node, places, trees);
}

Result<> check_feature_vectors(const OnnxNode& node, std::span<const ValueFacts> inputs) {
  const auto widths = integers_of(node, "inputdimensions");
  const bool fits =
      widths.size() == inputs.size() && std::ranges::all_of(widths, [](auto width) { return width >= 1 && width <= 1 << 20; });
  if (!fits) return operator_misused(node, "has no width for each of its inputs");
  for (const auto& input : inputs) {
    const auto known = [](const ValueFacts& facts) {
      return facts.shape && facts.rank() == 2 ? facts.shape->front() : ValueFacts::kUnknown;
    };
    if (known(input) >= 0 && known(inputs[0]) >= 0 && known(input) != known(inputs[0]))
      return operator_misused(node, "has inputs of different lengths");
  }
  return {};
}
}  // namespace

std::optional<std::int64_t> columns_wanted(const OnnxNode& node) {
  if (node.domain != "ai.onnx.ml") return std::nullopt;
  const auto divided = [](std::size_t numbers, std::size_t rows) {
    return rows == 0 ? std::nullopt : std::optional(static_cast<std::int64_t>(numbers / rows));
  };
  const auto coefficients = count_of(node, "coefficients");
  const auto vectors = count_of(node, "support_vectors");
  const auto stated = [&](std::string_view name, std::size_t otherwise) {
    const auto values = integers_of(node, name);
    return values.empty() ? otherwise : static_cast<std::size_t>(values.front());
  };
  if (node.op_type == "LinearClassifier") return divided(coefficients, count_of(node, "intercepts"));
  if (node.op_type == "LinearRegressor") return divided(coefficients, stated("targets", 1));
  if (node.op_type == "SVMRegressor") {
    const auto supports = stated("n_supports", 0);
    return supports == 0 ? divided(coefficients, 1) : divided(vectors, supports);
  }
  if (node.op_type != "SVMClassifier") return std::nullopt;
  const auto per_class = integers_of(node, "vectors_per_class");
  if (per_class.empty()) return divided(coefficients, labels_of(node));
  return divided(vectors, static_cast<std::size_t>(std::accumulate(per_class.begin(), per_class.end(), std::int64_t{0})));
}

Result<> check_classic_operator(const OnnxNode& node, std::span<const ValueFacts> inputs) {
  const auto op = node.op_type;
  if (op == "TreeEnsemble") return check_tree_ensemble(node);
  if (op == "TreeEnsembleClassifier" || op == "TreeEnsembleRegressor") return check_trees(node);
  if (op == "LinearClassifier" || op == "LinearRegressor") return check_linear(node, inputs);
  if (op == "SVMClassifier" || op == "SVMRegressor") return check_vectors(node, inputs);
  if (op == "FeatureVectorizer") return check_feature_vectors(node, inputs);
  return {};
}

}  // namespace forebay::formats

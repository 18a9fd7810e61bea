#include <algorithm>
#include <cmath>
#include <vector>

#include "formats/byte_reader.h"
#include "formats/onnx_operator_use.h"

namespace forebay::formats {

namespace {
constexpr std::int64_t kBranchMember = 6;  // the highest of nodes_modes

std::span<const std::int64_t> integers_of(const OnnxNode& node, std::string_view name) {
  const auto* attribute = node.attribute(name);
  return attribute != nullptr ? std::span<const std::int64_t>(attribute->integers) : std::span<const std::int64_t>();
}

const OnnxTensor* tensor_of(const OnnxNode& node, std::string_view name) {
  const auto* attribute = node.attribute(name);
  return attribute != nullptr && !attribute->tensors.empty() ? &attribute->tensors.front() : nullptr;
}

std::size_t elements_of(const OnnxTensor* tensor) {
  return tensor != nullptr && tensor->dimensions.size() == 1 && tensor->dimensions[0] >= 0 ? static_cast<std::size_t>(tensor->dimensions[0])
                                                                                           : 0;
}

// Where a branch leads.
struct Branch {
  std::span<const std::int64_t> to;
  std::span<const std::int64_t> is_leaf;
};

// Every node is reached once at most, so that a way never comes back.
bool is_forest(std::span<const std::int64_t> roots, const Branch& yes, const Branch& no, std::size_t leaves) {
  const auto nodes = yes.to.size();
  std::vector<bool> seen(nodes);
  std::vector<std::size_t> waiting;
  const auto reach = [&](std::int64_t node) {
    if (node < 0 || static_cast<std::size_t>(node) >= nodes || seen[static_cast<std::size_t>(node)]) return false;
    seen[static_cast<std::size_t>(node)] = true;
    waiting.push_back(static_cast<std::size_t>(node));
    return true;
  };
  for (const auto root : roots) {
    if (!reach(root)) return false;
    while (!waiting.empty()) {
      const auto at = waiting.back();
      waiting.pop_back();
      for (const Branch* branch : {&yes, &no}) {
        const auto target = branch->to[at];
        const bool fits = branch->is_leaf[at] != 0 ? target >= 0 && static_cast<std::size_t>(target) < leaves : reach(target);
        if (!fits) return false;
      }
    }
  }
  return true;
}
}  // namespace

Result<> check_tree_ensemble(const OnnxNode& node) {
  const auto roots = integers_of(node, "tree_roots");
  const Branch yes{integers_of(node, "nodes_truenodeids"), integers_of(node, "nodes_trueleafs")};
  const Branch no{integers_of(node, "nodes_falsenodeids"), integers_of(node, "nodes_falseleafs")};
  const auto features = integers_of(node, "nodes_featureids");
  const auto targets = integers_of(node, "leaf_targetids");
  const auto* modes = tensor_of(node, "nodes_modes");
  const auto nodes = features.size();
  const bool sizes_fit = nodes > 0 && !roots.empty() && yes.to.size() == nodes && no.to.size() == nodes && yes.is_leaf.size() == nodes &&
                         no.is_leaf.size() == nodes && elements_of(modes) == nodes &&
                         elements_of(tensor_of(node, "nodes_splits")) == nodes &&
                         elements_of(tensor_of(node, "leaf_weights")) == targets.size();
  if (!sizes_fit) return operator_misused(node, "has lists of nodes or leaves of different lengths");
  if (!is_forest(roots, yes, no, targets.size()))
    return operator_misused(node, "has a branch to a node that does not exist, or comes back");
  const auto* count = node.attribute("n_targets");
  const auto targets_max = count != nullptr && !count->integers.empty() ? count->integers.front() : 1;
  if (!std::ranges::all_of(targets, [&](auto target) { return target >= 0 && target < targets_max; }))
    return operator_misused(node, "has a leaf for a target that does not exist");
  if (modes->type != OnnxType::kUint8 || (!modes->raw && modes->integers.size() != nodes))
    return operator_misused(node, "has no usable modes");
  std::size_t members = 0;
  for (std::size_t i = 0; i < nodes; ++i) {
    const auto mode = modes->raw ? static_cast<std::int64_t>((*modes->raw)[i]) : modes->integers[i];
    if (mode < 0 || mode > kBranchMember) return operator_misused(node, "has a mode that does not exist");
    if (mode == kBranchMember) ++members;
  }
  if (members > 0 && elements_of(tensor_of(node, "membership_values")) < members)
    return operator_misused(node, "has fewer sets of values than nodes that look into one");
  return {};
}

}  // namespace forebay::formats

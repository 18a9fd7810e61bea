#include "scheduling/prefix_tree.h"

#include <algorithm>

namespace forebay::scheduling {

namespace {
std::size_t common_prefix(std::span<const Token> left, std::span<const Token> right) {
  return static_cast<std::size_t>(std::ranges::mismatch(left, right).in1 - left.begin());
}
}  // namespace

PrefixTree::PrefixTree() = default;
PrefixTree::~PrefixTree() = default;

void PrefixTree::set(Holder holder, KeyedText text) {
  // The new end first: what both texts share is not taken apart and put together again.
  Node* end = text.empty() ? nullptr : reach(text);
  if (end != nullptr) end->ending.push_back(holder);
  if (const auto known = ends_.find(holder); known != ends_.end()) {
    Node* old = known->second;
    old->ending.erase(std::ranges::find(old->ending, holder));
    ends_.erase(known);
    if (end != nullptr) ends_.emplace(holder, end);
    if (old != end) prune(old);
    return;
  }
  if (end != nullptr) ends_.emplace(holder, end);
}

void PrefixTree::rename(Holder from, Holder to) {
  const auto known = ends_.find(from);
  if (known == ends_.end()) return;
  Node* end = known->second;
  *std::ranges::find(end->ending, from) = to;
  ends_.erase(known);
  ends_.emplace(to, end);
}

std::size_t PrefixTree::length(Holder holder) const {
  const auto known = ends_.find(holder);
  return known == ends_.end() ? 0 : known->second->depth;
}

PrefixTree::Node* PrefixTree::reach(KeyedText text) {
  const auto tokens = text.tokens;
  auto& root = roots_[text.origin];
  if (!root) root = std::make_unique<Node>();
  Node* node = root.get();
  while (node->depth < tokens.size()) {
    const auto rest = tokens.subspan(node->depth);
    auto& child = node->children[rest.front()];
    if (!child) {
      child = std::make_unique<Node>();
      child->parent = node;
      child->edge.assign(rest.begin(), rest.end());
      child->depth = tokens.size();
      return child.get();
    }
    const std::size_t common = common_prefix(child->edge, rest);
    node = common == child->edge.size() ? child.get() : split(child.get(), common);
  }
  return node;
}

// Puts a node in the middle of the edge to `node` and returns it.
PrefixTree::Node* PrefixTree::split(Node* node, std::size_t edge_tokens) {
  auto& place = node->parent->children.at(node->edge.front());
  auto middle = std::make_unique<Node>();
  middle->parent = node->parent;
  const auto cut = node->edge.begin() + static_cast<std::ptrdiff_t>(edge_tokens);
  middle->edge.assign(node->edge.begin(), cut);
  middle->depth = node->depth - (node->edge.size() - edge_tokens);
  node->edge.erase(node->edge.begin(), cut);
  node->parent = middle.get();
  middle->children.emplace(node->edge.front(), std::move(place));
  place = std::move(middle);
  return place.get();
}

// Removes what nobody's text goes through any more, and joins an only child with its parent.
void PrefixTree::prune(Node* node) {
  while (node->parent != nullptr && node->ending.empty() && node->children.empty()) {
    Node* parent = node->parent;
    parent->children.erase(node->edge.front());
    node = parent;
  }
  if (node->parent == nullptr || !node->ending.empty() || node->children.size() != 1) return;
  auto child = std::move(node->children.begin()->second);
  child->edge.insert(child->edge.begin(), node->edge.begin(), node->edge.end());
  child->parent = node->parent;
  node->parent->children.at(child->edge.front()) = std::move(child);
}

bool PrefixTree::look_below(const Node& node, std::size_t common, const Node* except, const std::function<bool(const Match&)>& look) {
  for (const Holder holder : node.ending) {
    if (look({holder, common})) return true;
  }
  for (const auto& [token, child] : node.children) {
    if (child.get() != except && look_below(*child, common, nullptr, look)) return true;
  }
  return false;
}

bool PrefixTree::search(KeyedText keyed, std::size_t tokens_min, const std::function<bool(const Match&)>& look) const {
  const auto root = roots_.find(keyed.origin);
  if (root == roots_.end()) return false;
  const auto text = keyed.tokens;
  const Node* node = root->second.get();
  const Node* seen = nullptr;  // below which everybody has been looked at
  while (node->depth < text.size()) {
    const auto found = node->children.find(text[node->depth]);
    if (found == node->children.end()) break;
    const Node& child = *found->second;
    const std::size_t common = common_prefix(child.edge, text.subspan(node->depth));
    if (common < child.edge.size()) {
      if (node->depth + common >= tokens_min && look_below(child, node->depth + common, nullptr, look)) return true;
      seen = &child;
      break;
    }
    node = &child;
  }
  for (; node != nullptr && node->depth >= tokens_min; node = node->parent) {
    if (look_below(*node, node->depth, seen, look)) return true;
    seen = node;
  }
  return false;
}

bool PrefixTree::is_compact() const {
  std::vector<const Node*> left;
  for (const auto& [origin, root] : roots_) left.push_back(root.get());
  while (!left.empty()) {
    const Node* node = left.back();
    left.pop_back();
    const bool is_root = node->parent == nullptr;
    if (!is_root && (node->edge.empty() || node->depth != node->parent->depth + node->edge.size())) return false;
    if (!is_root && node->ending.empty() && node->children.size() < 2) return false;
    for (const auto& [token, child] : node->children) left.push_back(child.get());
  }
  return true;
}

}  // namespace forebay::scheduling

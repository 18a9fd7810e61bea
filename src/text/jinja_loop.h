// One running `for` loop: hands out items one by one, filtering as late as Jinja does, and is what a template sees as `loop`.
// Threads: confined to one rendering. Owner: the Heap of the rendering.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/jinja_ast.h"
#include "text/jinja_objects.h"
#include "text/jinja_value.h"

namespace forebay::text::jinja {

class Evaluator;

struct Loop {
 public:
  Loop(Evaluator& evaluator, const Node& node, Scope& outer, std::vector<Value> items, std::int64_t depth)
      : evaluator_(&evaluator), node_(&node), outer_(&outer), items_(std::move(items)), depth_(depth) {}

  const Node& node() const { return *node_; }
  Scope& outer() const { return *outer_; }
  std::int64_t depth() const { return depth_; }
  std::size_t size() const { return items_.size(); }
  // Moves on; false when there is nothing more.
  Result<bool> advance();
  const Value& current() const { return *current_; }
  // loop.index, loop.first, loop.cycle, …; undefined for other names.
  Result<Value> member(std::string_view name);
  Result<Value> cycle(const std::vector<Value>& values) const;
  Result<Value> changed(const std::vector<Value>& values);

 private:
  Result<std::optional<Value>> pull();
  Result<> look_ahead();
  Result<std::int64_t> length();

  Evaluator* evaluator_;
  const Node* node_;
  Scope* outer_;
  std::vector<Value> items_;
  std::int64_t depth_;
  std::size_t next_ = 0;
  bool filtered_ = false;  // the rest of the items has passed the filter already
  std::int64_t index_ = -1;
  std::optional<Value> previous_, current_, ahead_;
  std::optional<std::vector<Value>> last_changed_;
};

}  // namespace forebay::text::jinja

#include "text/jinja_loop.h"

#include <fmt/format.h>

#include "text/errors.h"
#include "text/jinja_evaluator.h"
#include "text/jinja_methods.h"
#include "text/jinja_operators.h"

namespace forebay::text::jinja {

Result<std::optional<Value>> Loop::pull() {
  const Node* filter = node_->parts[2].get();
  while (next_ < items_.size()) {
    const Value& candidate = items_[next_++];
    if (filter == nullptr || filtered_) return candidate;
    TRY_ASSIGN(Scope * scope, evaluator_->heap().scope(outer_));
    TRY(evaluator_->assign(*node_->parts[0], candidate, *scope));
    TRY_ASSIGN(const Value passed, evaluator_->evaluate(*filter, *scope));
    if (is_true(passed)) return candidate;
  }
  return std::nullopt;
}

Result<bool> Loop::advance() {
  std::optional<Value> following = std::exchange(ahead_, std::nullopt);
  if (!following) {
    TRY_ASSIGN(following, pull());
  }
  if (!following) return false;
  previous_ = current_;
  current_ = following;
  ++index_;
  return true;
}

Result<> Loop::look_ahead() {
  if (ahead_) return {};
  TRY_ASSIGN(ahead_, pull());
  return {};
}

Result<std::int64_t> Loop::length() {
  if (!filtered_ && node_->parts[2] != nullptr) {
    std::vector<Value> rest;
    while (true) {
      TRY_ASSIGN(const std::optional<Value> candidate, pull());
      if (!candidate) break;
      rest.push_back(*candidate);
    }
    items_ = std::move(rest);
    next_ = 0;
    filtered_ = true;
  }
  return index_ + 1 + (ahead_ ? 1 : 0) + static_cast<std::int64_t>(items_.size() - next_);
}

Result<Value> Loop::member(std::string_view name) {
  if (name == "index") return Value::integer(index_ + 1);
  if (name == "index0") return Value::integer(index_);
  if (name == "first") return Value::boolean(index_ == 0);
  if (name == "depth") return Value::integer(depth_);
  if (name == "depth0") return Value::integer(depth_ - 1);
  if (name == "last" || name == "nextitem") {
    TRY(look_ahead());
    if (name == "last") return Value::boolean(!ahead_);
    return ahead_ ? *ahead_ : Value::undefined("there is no next item");
  }
  if (name == "previtem") return previous_ ? *previous_ : Value::undefined("there is no previous item");
  if (name == "length" || name == "revindex" || name == "revindex0") {
    TRY_ASSIGN(const std::int64_t count, length());
    return Value::integer(name == "length" ? count : count - index_ - (name == "revindex" ? 0 : 1));
  }
  if (name == "cycle" || name == "changed") return find_method(evaluator_->heap(), Value::loop(this), name);
  return Value::undefined(name, Absence::kMember, "LoopContext");
}

Result<Value> Loop::cycle(const std::vector<Value>& values) const {
  if (values.empty()) return fail(kTemplateFailed, "no items for cycling given");
  return values[static_cast<std::size_t>(index_) % values.size()];
}

Result<Value> Loop::changed(const std::vector<Value>& values) {
  bool same = last_changed_ && last_changed_->size() == values.size();
  for (std::size_t i = 0; same && i < values.size(); ++i) {
    TRY_ASSIGN(same, equals(evaluator_->heap(), (*last_changed_)[i], values[i]));
  }
  if (!same) last_changed_ = values;
  return Value::boolean(!same);
}

}  // namespace forebay::text::jinja

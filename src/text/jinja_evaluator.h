// Walks a parsed template with values and limits, and writes the prompt.
// Threads: confined to one rendering. Owner: ChatTemplate::render.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja_ast.h"
#include "text/jinja_heap.h"
#include "text/jinja_objects.h"
#include "text/jinja_value.h"

namespace forebay::text::jinja {

class Evaluator {
 public:
  // `now` is what strftime_now formats: "2026-11-21", or with a time, "2026-11-21T17:05:00".
  Evaluator(Heap& heap, std::string_view now) : heap_(heap), now_(now) {}

  // `globals` holds the variables; sets at the top level of the template go there too.
  Result<std::string> render(const Template& parsed, Scope& globals);
  // The line of the last node that was looked at: where an error happened.
  std::uint32_t line() const { return line_; }

  // For filters, tests, methods and globals.
  Heap& heap() { return heap_; }
  std::string_view now() const { return now_; }
  Result<Value> evaluate(const Node& node, Scope& scope);
  // obj.name and obj[key], with Jinja's order of trying attributes and items.
  Result<Value> attribute(const Value& object, std::string_view name);
  Result<Value> item(const Value& object, const Value& key);
  // "a.b.0" followed step by step, as the attribute parameters of filters mean it; a number is an index.
  Result<Value> path(const Value& object, const Value& steps);
  Result<Value> call(const Value& callee, Arguments& arguments);
  Result<Value> apply_filter(std::string_view name, const Value& subject, Arguments& arguments);
  Result<bool> apply_test(std::string_view name, const Value& subject, Arguments& arguments);
  Result<> assign(const Node& target, const Value& value, Scope& scope);

 private:
  enum class Flow : std::uint8_t { kNext, kBreak, kContinue };

  Result<Value> expression(const Node& node, Scope& scope);
  Result<Value> name(const Node& node, Scope& scope);
  Result<Value> sequence(const Node& node, Scope& scope);
  Result<Value> dict(const Node& node, Scope& scope);
  Result<Value> subscript(const Node& node, Scope& scope);
  Result<Value> slice_of(const Node& node, Scope& scope);
  Result<Value> call_of(const Node& node, Scope& scope, const Value* caller);
  Result<Value> filter(const Node& node, Scope& scope);
  Result<Value> test(const Node& node, Scope& scope);
  Result<Value> binary(const Node& node, Scope& scope);
  Result<Value> concat(const Node& node, Scope& scope);
  Result<Value> comparison(const Node& node, Scope& scope);
  Result<Value> conditional(const Node& node, Scope& scope);
  Result<Arguments> arguments_of(const Node& node, Scope& scope);
  Result<Value> call_macro(const Callable& callable, Arguments& arguments);
  Result<> bind_parameters(const Callable& callable, Arguments& arguments, Scope& scope);

  Result<Flow> run(const Nodes& body, Scope& scope);
  Result<Flow> statement(const Node& node, Scope& scope);
  Result<> write(std::string_view text);
  Result<> output(const Node& node, Scope& scope);
  Result<Flow> branch(const Node& node, Scope& scope);
  Result<Flow> for_loop(const Node& node, Scope& scope, const Value& iterable, std::int64_t depth);
  Result<> set_block(const Node& node, Scope& scope);
  Result<> define_macro(const Node& node, Scope& scope);
  Result<> call_block(const Node& node, Scope& scope);
  Result<> with(const Node& node, Scope& scope);
  // What the body writes, as a value.
  Result<Value> capture(const Nodes& body, Scope& scope);
  Result<Value> filter_captured(const Node& filters, const Value& text, Scope& scope);

  Heap& heap_;
  std::string_view now_;
  std::string out_;
  bool capturing_ = false;
  std::vector<Value> captured_;
  std::uint32_t line_ = 1;
};

}  // namespace forebay::text::jinja

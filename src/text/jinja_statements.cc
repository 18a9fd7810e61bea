// The statements of a template: what writes, branches, loops and assigns.
#include <fmt/format.h>

#include <algorithm>

#include "text/errors.h"
#include "text/jinja_evaluator.h"
#include "text/jinja_loop.h"
#include "text/jinja_operators.h"
#include "text/jinja_text.h"

namespace forebay::text::jinja {

Result<std::string> Evaluator::render(const Template& parsed, Scope& globals) {
  TRY_ASSIGN(const Flow flow, run(parsed.body, globals));
  static_cast<void>(flow);  // The parser lets no break stand outside a loop.
  return std::move(out_);
}

Result<Evaluator::Flow> Evaluator::run(const Nodes& body, Scope& scope) {
  for (const NodePtr& node : body) {
    TRY_ASSIGN(const Flow flow, statement(*node, scope));
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Result<Evaluator::Flow> Evaluator::statement(const Node& node, Scope& scope) {
  TRY(heap_.spend());
  const Heap::Descent descent(heap_);
  line_ = node.line;
  if (descent.too_deep()) return heap_.too_deep();
  switch (node.kind) {
    case NodeKind::kText:
      TRY(write(node.text));
      return Flow::kNext;
    case NodeKind::kOutput:
      TRY(output(node, scope));
      return Flow::kNext;
    case NodeKind::kIf:
      return branch(node, scope);
    case NodeKind::kFor: {
      TRY_ASSIGN(const Value iterable, evaluate(*node.parts[1], scope));
      return for_loop(node, scope, iterable, 1);
    }
    case NodeKind::kSet: {
      TRY_ASSIGN(const Value value, evaluate(*node.parts[1], scope));
      TRY(assign(*node.parts[0], value, scope));
      return Flow::kNext;
    }
    case NodeKind::kSetBlock:
      TRY(set_block(node, scope));
      return Flow::kNext;
    case NodeKind::kMacro:
      TRY(define_macro(node, scope));
      return Flow::kNext;
    case NodeKind::kCallBlock:
      TRY(call_block(node, scope));
      return Flow::kNext;
    case NodeKind::kFilterBlock: {
      TRY_ASSIGN(Scope * inner, heap_.scope(&scope));
      TRY_ASSIGN(const Value text, capture(node.body, *inner));
      TRY_ASSIGN(const Value filtered, filter_captured(*node.parts[0], text, scope));
      TRY_ASSIGN(const std::string_view written, text_of(heap_, filtered));
      TRY(write(written));
      return Flow::kNext;
    }
    case NodeKind::kWith:
      TRY(with(node, scope));
      return Flow::kNext;
    case NodeKind::kBlock: {
      TRY_ASSIGN(Scope * inner, heap_.scope(&scope));
      return run(node.body, *inner);
    }
    case NodeKind::kBreak:
      return Flow::kBreak;
    case NodeKind::kContinue:
      return Flow::kContinue;
    default:
      return fail(kTemplateFailed, "a value stands where a statement is needed");
  }
}

Result<> Evaluator::write(std::string_view text) {
  const std::size_t limit = capturing_ ? heap_.limits().memory_bytes_max : heap_.limits().output_bytes_max;
  if (text.size() > limit - std::min(limit, out_.size()))
    return fail(kTemplateLimit, fmt::format("the template writes more than {} bytes", limit));
  if (capturing_) TRY(heap_.reserve(text.size()));
  out_ += text;
  return {};
}

Result<> Evaluator::output(const Node& node, Scope& scope) {
  for (const NodePtr& part : node.parts) {
    TRY_ASSIGN(const Value value, evaluate(*part, scope));
    TRY_ASSIGN(const std::string_view text, text_of(heap_, value));
    TRY(write(text));
  }
  return {};
}

Result<Evaluator::Flow> Evaluator::branch(const Node& node, Scope& scope) {
  TRY_ASSIGN(const Value condition, evaluate(*node.parts[0], scope));
  if (is_true(condition)) return run(node.body, scope);
  for (std::size_t i = 1; i < node.parts.size(); ++i) {
    TRY_ASSIGN(const Value other, evaluate(*node.parts[i]->parts[0], scope));
    if (is_true(other)) return run(node.parts[i]->body, scope);
  }
  return run(node.otherwise, scope);
}

Result<Evaluator::Flow> Evaluator::for_loop(const Node& node, Scope& scope, const Value& iterable, std::int64_t depth) {
  const Heap::Descent descent(heap_);
  if (descent.too_deep()) return heap_.too_deep();
  TRY_ASSIGN(std::vector<Value> items, iterate(heap_, iterable));
  TRY_ASSIGN(Loop * loop, heap_.loop(Loop(*this, node, scope, std::move(items), depth)));
  TRY_ASSIGN(Scope * frame, heap_.scope(&scope));
  bool turned = false;
  while (true) {
    TRY_ASSIGN(const bool more, loop->advance());
    if (!more) break;
    turned = true;
    if (frame->captured) {  // A macro of the last turn keeps its variables.
      TRY_ASSIGN(frame, heap_.scope(&scope));
    }
    frame->variables.clear();
    frame->variables.emplace("loop", Value::loop(loop));
    TRY(assign(*node.parts[0], loop->current(), *frame));
    TRY_ASSIGN(const Flow flow, run(node.body, *frame));
    if (flow == Flow::kBreak) break;
  }
  if (turned || node.otherwise.empty()) return Flow::kNext;
  TRY_ASSIGN(Scope * inner, heap_.scope(&scope));
  return run(node.otherwise, *inner);
}

Result<> Evaluator::assign(const Node& target, const Value& value, Scope& scope) {
  TRY(heap_.spend());
  if (target.kind == NodeKind::kName) {
    scope.variables.insert_or_assign(target.text, value);
    return {};
  }
  if (target.kind == NodeKind::kMember) {
    TRY_ASSIGN(const Value space, evaluate(*target.parts[0], scope));
    if (!space.is(Kind::kNamespace)) return fail(kTemplateFailed, "cannot assign attribute on non-namespace object");
    return heap_.set(space.space().members, Value::string(target.text), value);
  }
  if (value.is(Kind::kUndefined)) return fail(kTemplateFailed, value.absence_message());
  TRY_ASSIGN(const std::vector<Value> items, iterate(heap_, value));
  if (items.size() != target.parts.size()) {
    return fail(kTemplateFailed, fmt::format("cannot unpack {} values into {} variables", items.size(), target.parts.size()));
  }
  for (std::size_t i = 0; i < items.size(); ++i) TRY(assign(*target.parts[i], items[i], scope));
  return {};
}

Result<Value> Evaluator::capture(const Nodes& body, Scope& scope) {
  std::string outer = std::exchange(out_, {});
  const bool was_capturing = std::exchange(capturing_, true);
  TRY_ASSIGN(const Flow flow, run(body, scope));
  static_cast<void>(flow);  // The parser lets no break leave what is captured.
  capturing_ = was_capturing;
  return heap_.string(std::exchange(out_, std::move(outer)));
}

Result<Value> Evaluator::filter_captured(const Node& filters, const Value& text, Scope& scope) {
  captured_.push_back(text);
  TRY_ASSIGN(const Value filtered, evaluate(filters, scope));
  captured_.pop_back();
  return filtered;
}

Result<> Evaluator::set_block(const Node& node, Scope& scope) {
  TRY_ASSIGN(Scope * inner, heap_.scope(&scope));
  TRY_ASSIGN(const Value text, capture(node.body, *inner));
  TRY_ASSIGN(const Value filtered, filter_captured(*node.parts[1], text, scope));
  return assign(*node.parts[0], filtered, scope);
}

Result<> Evaluator::define_macro(const Node& node, Scope& scope) {
  for (Scope* frame = &scope; frame != nullptr && !frame->captured; frame = frame->outer) frame->captured = true;
  TRY_ASSIGN(const Value macro, heap_.callable({.name = node.text, .macro = &node, .scope = &scope}));
  scope.variables.insert_or_assign(node.text, macro);
  return {};
}

Result<> Evaluator::call_block(const Node& node, Scope& scope) {
  for (Scope* frame = &scope; frame != nullptr && !frame->captured; frame = frame->outer) frame->captured = true;
  TRY_ASSIGN(const Value caller, heap_.callable({.name = node.text, .macro = &node, .scope = &scope}));
  TRY_ASSIGN(const Value result, call_of(*node.parts[0], scope, &caller));
  TRY_ASSIGN(const std::string_view text, text_of(heap_, result));
  return write(text);
}

Result<> Evaluator::with(const Node& node, Scope& scope) {
  TRY_ASSIGN(Scope * inner, heap_.scope(&scope));
  for (std::size_t i = 0; i + 1 < node.parts.size(); i += 2) {
    TRY_ASSIGN(const Value value, evaluate(*node.parts[i + 1], scope));
    TRY(assign(*node.parts[i], value, *inner));
  }
  TRY_ASSIGN(const Flow flow, run(node.body, *inner));
  static_cast<void>(flow);
  return {};
}

Result<Value> Evaluator::call_macro(const Callable& callable, Arguments& arguments) {
  const Heap::Descent descent(heap_);
  if (descent.too_deep()) return heap_.too_deep();
  TRY(heap_.spend());
  TRY_ASSIGN(Scope * scope, heap_.scope(callable.scope));
  TRY(bind_parameters(callable, arguments, *scope));
  return capture(callable.macro->body, *scope);
}

Result<> Evaluator::bind_parameters(const Callable& callable, Arguments& arguments, Scope& scope) {
  const Node& macro = *callable.macro;
  // The first part of a call block is the call, not a parameter.
  const std::size_t first = macro.kind == NodeKind::kCallBlock ? 1 : 0;
  const std::size_t count = macro.parts.size() - first;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Node& parameter = *macro.parts[first + i];
    const auto given = std::ranges::find(arguments.named, parameter.text, &std::pair<std::string_view, Value>::first);
    if (i < arguments.positional.size()) {
      if (given != arguments.named.end())
        return fail(kTemplateFailed, fmt::format("macro '{}' got two values for '{}'", callable.name, parameter.text));
      scope.variables.insert_or_assign(parameter.text, arguments.positional[i]);
      ++taken;
    } else if (given != arguments.named.end()) {
      scope.variables.insert_or_assign(parameter.text, given->second);
      arguments.named.erase(given);
    } else if (!parameter.parts.empty()) {
      TRY_ASSIGN(const Value value, evaluate(*parameter.parts[0], scope));
      scope.variables.insert_or_assign(parameter.text, value);
    } else {
      scope.variables.insert_or_assign(parameter.text, Value::undefined(parameter.text));
    }
  }
  if ((macro.wants & kWantsCaller) != 0 && !scope.variables.contains("caller")) {
    const auto given = std::ranges::find(arguments.named, "caller", &std::pair<std::string_view, Value>::first);
    scope.variables.insert_or_assign("caller", given == arguments.named.end() ? Value::undefined("caller") : given->second);
    if (given != arguments.named.end()) arguments.named.erase(given);
  }
  if ((macro.wants & kWantsNamed) != 0) {
    TRY_ASSIGN(Dict * rest, heap_.dict());
    for (const auto& [name, value] : arguments.named) TRY(heap_.set(*rest, Value::string(name), value));
    scope.variables.insert_or_assign("kwargs", Value::dict(rest));
  } else if (!arguments.named.empty()) {
    return fail(kTemplateFailed, fmt::format("macro '{}' takes no keyword argument '{}'", callable.name, arguments.named.front().first));
  }
  if ((macro.wants & kWantsPositional) != 0) {
    std::vector<Value> rest(arguments.positional.begin() + static_cast<std::ptrdiff_t>(taken), arguments.positional.end());
    TRY_ASSIGN(const Value value, heap_.list(std::move(rest), ListFlavor::kTuple));
    scope.variables.insert_or_assign("varargs", value);
  } else if (arguments.positional.size() > taken) {
    return fail(kTemplateFailed, fmt::format("macro '{}' takes not more than {} argument(s)", callable.name, count));
  }
  return {};
}

}  // namespace forebay::text::jinja

#include "text/jinja_evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "text/errors.h"
#include "text/jinja_filters.h"
#include "text/jinja_globals.h"
#include "text/jinja_loop.h"
#include "text/jinja_methods.h"
#include "text/jinja_operators.h"
#include "text/jinja_tests.h"
#include "text/jinja_text.h"
#include "text/jinja_unicode.h"

namespace forebay::text::jinja {

Result<Value> Evaluator::evaluate(const Node& node, Scope& scope) {
  TRY(heap_.spend());
  const Heap::Descent descent(heap_);
  line_ = node.line;
  if (descent.too_deep()) return heap_.too_deep();
  return expression(node, scope);
}

Result<Value> Evaluator::expression(const Node& node, Scope& scope) {
  switch (node.kind) {
    case NodeKind::kConstant:
      return node.value;
    case NodeKind::kName:
      return name(node, scope);
    case NodeKind::kTuple:
    case NodeKind::kList:
      return sequence(node, scope);
    case NodeKind::kDict:
      return dict(node, scope);
    case NodeKind::kAttribute: {
      TRY_ASSIGN(const Value object, evaluate(*node.parts[0], scope));
      return attribute(object, node.text);
    }
    case NodeKind::kSubscript:
      return subscript(node, scope);
    case NodeKind::kSlice:
      return slice_of(node, scope);
    case NodeKind::kCall:
      return call_of(node, scope, nullptr);
    case NodeKind::kFilter:
      return filter(node, scope);
    case NodeKind::kTest:
      return test(node, scope);
    case NodeKind::kCaptured:
      return captured_.back();
    case NodeKind::kNot: {
      TRY_ASSIGN(const Value value, evaluate(*node.parts[0], scope));
      return Value::boolean(!is_true(value));
    }
    case NodeKind::kSign: {
      TRY_ASSIGN(const Value value, evaluate(*node.parts[0], scope));
      if (node.text == "-" || !value.is_number()) return negate(value);
      return value.is(Kind::kBool) ? Value::integer(value.whole()) : value;
    }
    case NodeKind::kBinary:
      return binary(node, scope);
    case NodeKind::kConcat:
      return concat(node, scope);
    case NodeKind::kCompare:
      return comparison(node, scope);
    case NodeKind::kAnd:
    case NodeKind::kOr: {
      TRY_ASSIGN(const Value left, evaluate(*node.parts[0], scope));
      if (is_true(left) == (node.kind == NodeKind::kOr)) return left;
      return evaluate(*node.parts[1], scope);
    }
    case NodeKind::kConditional:
      return conditional(node, scope);
    default:
      return fail(kTemplateFailed, "a statement stands where a value is needed");
  }
}

Result<Value> Evaluator::name(const Node& node, Scope& scope) {
  for (Scope* frame = &scope; frame != nullptr; frame = frame->outer) {
    TRY(heap_.spend());
    if (const auto found = frame->variables.find(node.text); found != frame->variables.end()) return found->second;
  }
  if (const Callable* global = find_global(node.text)) return Value::callable(global);
  return Value::undefined(node.text);
}

Result<Value> Evaluator::sequence(const Node& node, Scope& scope) {
  std::vector<Value> items;
  items.reserve(node.parts.size());
  for (const NodePtr& part : node.parts) {
    TRY_ASSIGN(const Value value, evaluate(*part, scope));
    items.push_back(value);
  }
  return heap_.list(std::move(items), node.kind == NodeKind::kTuple ? ListFlavor::kTuple : ListFlavor::kList);
}

Result<Value> Evaluator::dict(const Node& node, Scope& scope) {
  TRY_ASSIGN(Dict * made, heap_.dict());
  for (std::size_t i = 0; i + 1 < node.parts.size(); i += 2) {
    TRY_ASSIGN(const Value key, evaluate(*node.parts[i], scope));
    TRY_ASSIGN(const Value value, evaluate(*node.parts[i + 1], scope));
    TRY(heap_.set(*made, key, value));
  }
  return Value::dict(made);
}

Result<Value> Evaluator::subscript(const Node& node, Scope& scope) {
  TRY_ASSIGN(const Value object, evaluate(*node.parts[0], scope));
  TRY_ASSIGN(const Value key, evaluate(*node.parts[1], scope));
  return item(object, key);
}

Result<Value> Evaluator::slice_of(const Node& node, Scope& scope) {
  TRY_ASSIGN(const Value object, evaluate(*node.parts[0], scope));
  Value bounds[3] = {Value::none(), Value::none(), Value::none()};
  for (std::size_t i = 0; i < 3; ++i) {
    if (node.parts[i + 1] == nullptr) continue;
    TRY_ASSIGN(bounds[i], evaluate(*node.parts[i + 1], scope));
  }
  return slice(heap_, object, bounds[0], bounds[1], bounds[2]);
}

Result<Value> Evaluator::attribute(const Value& object, std::string_view name) {
  if (object.is(Kind::kUndefined)) return fail(kTemplateFailed, object.absence_message());
  if (name.starts_with('_')) return Value::undefined(name, Absence::kUnsafe, type_name(object));
  if (object.is(Kind::kLoop)) return object.loop().member(name);
  TRY_ASSIGN(const Value method, find_method(heap_, object, name));
  if (!method.is(Kind::kUndefined)) return method;
  if (changes_its_receiver(object, name)) return Value::undefined(name, Absence::kUnsafe, type_name(object));
  const Value* found = object.is(Kind::kDict)        ? object.dict().find(name)
                       : object.is(Kind::kNamespace) ? object.space().members.find(name)
                                                     : nullptr;
  if (found != nullptr) return *found;
  if (object.is(Kind::kList) && object.list().flavor == ListFlavor::kGroup && (name == "grouper" || name == "list")) {
    return object.list().items[name == "list" ? 1 : 0];
  }
  if (object.is(Kind::kCallable) && name == "name") return Value::string(object.callable().name);
  return Value::undefined(name, Absence::kMember, type_name(object));
}

Result<Value> Evaluator::item(const Value& object, const Value& key) {
  switch (object.kind()) {
    case Kind::kUndefined:
      return fail(kTemplateFailed, object.absence_message());
    case Kind::kDict: {
      if (!key.is(Kind::kString)) TRY(heap_.spend(object.dict().entries.size()));
      if (const Value* found = is_hashable(key) ? object.dict().find(key) : nullptr) return *found;
      break;
    }
    case Kind::kList: {
      std::size_t at = 0;
      if (object.list().is_sequence() && key.is_whole() && resolve_index(key.whole(), object.list().items.size(), at))
        return object.list().items[at];
      break;
    }
    case Kind::kString:
      if (key.is_whole()) {
        std::size_t at = 0;
        TRY(heap_.scan(object.text().size()));
        if (!resolve_index(key.whole(), count_code_points(object.text()), at)) break;
        const std::size_t begin = byte_of(object.text(), at);
        return Value::string(object.text().substr(begin, code_point_at(object.text(), begin).bytes));
      }
      break;
    default:
      break;
  }
  if (key.is(Kind::kString)) return attribute(object, key.text());
  TRY_ASSIGN(const std::string_view shown, text_of(heap_, key));
  return Value::undefined(shown, Absence::kMember, type_name(object));
}

Result<Value> Evaluator::path(const Value& object, const Value& steps) {
  if (!steps.is(Kind::kString)) return item(object, steps);
  Value reached = object;
  for (std::string_view rest = steps.text();;) {
    TRY(heap_.spend());
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view step = rest.substr(0, dot);
    std::int64_t index = 0;
    const auto [end, problem] = std::from_chars(step.data(), step.data() + step.size(), index);
    const bool is_index = problem == std::errc() && end == step.data() + step.size() && !step.starts_with('-');
    TRY_ASSIGN(reached, item(reached, is_index ? Value::integer(index) : Value::string(step)));
    if (dot == rest.size()) return reached;
    rest.remove_prefix(dot + 1);
  }
}

Result<Arguments> Evaluator::arguments_of(const Node& node, Scope& scope) {
  Arguments arguments;
  for (std::size_t i = 1; i < node.parts.size(); ++i) {
    const Node& part = *node.parts[i];
    if (part.kind == NodeKind::kNamedArgument) {
      TRY_ASSIGN(const Value value, evaluate(*part.parts[0], scope));
      arguments.named.emplace_back(part.text, value);
    } else if (part.kind == NodeKind::kStarArgument) {
      TRY_ASSIGN(const Value value, evaluate(*part.parts[0], scope));
      TRY_ASSIGN(const std::vector<Value> items, iterate(heap_, value));
      arguments.positional.insert(arguments.positional.end(), items.begin(), items.end());
    } else if (part.kind == NodeKind::kMapArgument) {
      TRY_ASSIGN(const Value value, evaluate(*part.parts[0], scope));
      if (!value.is(Kind::kDict)) return fail(kTemplateFailed, "argument after ** must be a mapping");
      TRY(heap_.spend(value.dict().entries.size()));
      for (const auto& [key, entry] : value.dict().entries) {
        if (!key.is(Kind::kString)) return fail(kTemplateFailed, "keywords must be strings");
        arguments.named.emplace_back(key.text(), entry);
      }
    } else {
      TRY_ASSIGN(const Value value, evaluate(part, scope));
      arguments.positional.push_back(value);
    }
  }
  return arguments;
}

Result<Value> Evaluator::call_of(const Node& node, Scope& scope, const Value* caller) {
  TRY_ASSIGN(const Value callee, evaluate(*node.parts[0], scope));
  TRY_ASSIGN(Arguments arguments, arguments_of(node, scope));
  if (caller != nullptr) arguments.named.emplace_back("caller", *caller);
  line_ = node.line;
  return call(callee, arguments);
}

Result<Value> Evaluator::call(const Value& callee, Arguments& arguments) {
  if (callee.is(Kind::kUndefined)) return fail(kTemplateFailed, callee.absence_message());
  if (callee.is(Kind::kLoop)) {
    const Loop& loop = callee.loop();
    if (!loop.node().recursive || arguments.positional.size() != 1)
      return fail(kTemplateFailed, "this loop cannot be called: it is not recursive");
    std::string outer = std::exchange(out_, {});
    const bool was_capturing = std::exchange(capturing_, true);
    TRY(for_loop(loop.node(), loop.outer(), arguments.positional[0], loop.depth() + 1));
    capturing_ = was_capturing;
    return heap_.string(std::exchange(out_, std::move(outer)));
  }
  if (!callee.is(Kind::kCallable)) return fail(kTemplateFailed, fmt::format("'{}' object is not callable", type_name(callee)));
  const Callable& callable = callee.callable();
  if (callable.builtin != nullptr) return callable.builtin(*this, callable.self, arguments);
  return call_macro(callable, arguments);
}

Result<Value> Evaluator::filter(const Node& node, Scope& scope) {
  TRY_ASSIGN(const Value subject, evaluate(*node.parts[0], scope));
  TRY_ASSIGN(Arguments arguments, arguments_of(node, scope));
  line_ = node.line;
  return apply_filter(node.text, subject, arguments);
}

Result<Value> Evaluator::apply_filter(std::string_view name, const Value& subject, Arguments& arguments) {
  const Builtin found = find_filter(name);
  if (found == nullptr) return fail(kTemplateFailed, fmt::format("no filter named '{}'", name));
  return found(*this, subject, arguments);
}

Result<Value> Evaluator::test(const Node& node, Scope& scope) {
  TRY_ASSIGN(const Value subject, evaluate(*node.parts[0], scope));
  TRY_ASSIGN(Arguments arguments, arguments_of(node, scope));
  line_ = node.line;
  TRY_ASSIGN(const bool passed, apply_test(node.text, subject, arguments));
  return Value::boolean(passed);
}

Result<bool> Evaluator::apply_test(std::string_view name, const Value& subject, Arguments& arguments) {
  const Builtin found = find_test(name);
  if (found == nullptr) return fail(kTemplateFailed, fmt::format("no test named '{}'", name));
  TRY_ASSIGN(const Value passed, found(*this, subject, arguments));
  return is_true(passed);
}

Result<Value> Evaluator::binary(const Node& node, Scope& scope) {
  TRY_ASSIGN(const Value left, evaluate(*node.parts[0], scope));
  TRY_ASSIGN(const Value right, evaluate(*node.parts[1], scope));
  line_ = node.line;
  return apply_operator(heap_, node.text, left, right);
}

Result<Value> Evaluator::concat(const Node& node, Scope& scope) {
  std::string joined;
  for (const NodePtr& part : node.parts) {
    TRY_ASSIGN(const Value value, evaluate(*part, scope));
    TRY_ASSIGN(const std::string_view text, text_of(heap_, value));
    TRY(heap_.reserve(text.size()));
    joined += text;
  }
  return heap_.string(std::move(joined));
}

Result<Value> Evaluator::comparison(const Node& node, Scope& scope) {
  TRY_ASSIGN(Value left, evaluate(*node.parts[0], scope));
  for (std::size_t i = 1; i < node.parts.size(); ++i) {
    TRY_ASSIGN(const Value right, evaluate(*node.parts[i]->parts[0], scope));
    line_ = node.line;
    TRY_ASSIGN(const bool holds, compare(heap_, node.parts[i]->text, left, right));
    if (!holds) return Value::boolean(false);
    left = right;
  }
  return Value::boolean(true);
}

Result<Value> Evaluator::conditional(const Node& node, Scope& scope) {
  TRY_ASSIGN(const Value condition, evaluate(*node.parts[0], scope));
  if (is_true(condition)) return evaluate(*node.parts[1], scope);
  if (node.parts[2] == nullptr) return Value::undefined("the inline if-expression");
  return evaluate(*node.parts[2], scope);
}

}  // namespace forebay::text::jinja

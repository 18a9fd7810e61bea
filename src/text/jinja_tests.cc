#include "text/jinja_tests.h"

#include <map>

#include "text/errors.h"
#include "text/jinja_arguments.h"
#include "text/jinja_evaluator.h"
#include "text/jinja_filters.h"
#include "text/jinja_operators.h"
#include "text/jinja_string_methods.h"
#include "text/jinja_text.h"

namespace forebay::text::jinja {

namespace {

template <bool (*kHolds)(const Value&)>
Result<Value> simple(Evaluator&, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  return Value::boolean(kHolds(self));
}

bool is_defined(const Value& value) { return !value.is(Kind::kUndefined); }
bool is_undefined(const Value& value) { return value.is(Kind::kUndefined); }
bool is_none(const Value& value) { return value.is(Kind::kNone); }
bool is_boolean(const Value& value) { return value.is(Kind::kBool); }
bool is_yes(const Value& value) { return value.is(Kind::kBool) && value.whole() != 0; }
bool is_no(const Value& value) { return value.is(Kind::kBool) && value.whole() == 0; }
bool is_integer(const Value& value) { return value.is(Kind::kInteger); }
bool is_float(const Value& value) { return value.is(Kind::kFloat); }
bool is_number(const Value& value) { return value.is_number(); }
bool is_string(const Value& value) { return value.is(Kind::kString); }
bool is_mapping(const Value& value) { return value.is(Kind::kDict); }
// As Python answers: dicts and undefined values have a length and can be subscripted.
bool is_sequence(const Value& value) {
  return value.is(Kind::kString) || value.is(Kind::kDict) || value.is(Kind::kUndefined) ||
         (value.is(Kind::kList) && value.list().is_sequence());
}
bool is_iterable(const Value& value) { return is_sequence(value) || value.is(Kind::kList) || value.is(Kind::kLoop); }
bool is_callable(const Value& value) { return value.is(Kind::kCallable) || value.is(Kind::kUndefined) || value.is(Kind::kLoop); }
bool is_escaped(const Value&) { return false; }

Result<Value> remainder_is(Evaluator& evaluator, const Value& self, const Value& divisor, std::int64_t wanted) {
  TRY_ASSIGN(const Value rest, apply_operator(evaluator.heap(), "%", self, divisor));
  TRY_ASSIGN(const bool equal, equals(evaluator.heap(), rest, Value::integer(wanted)));
  return Value::boolean(equal);
}
Result<Value> odd(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  return remainder_is(evaluator, self, Value::integer(2), 1);
}
Result<Value> even(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  return remainder_is(evaluator, self, Value::integer(2), 0);
}
Result<Value> divisibleby(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"num"}, 1));
  return remainder_is(evaluator, self, bound.value(0), 0);
}

Result<Value> compare_with(Evaluator& evaluator, const Value& self, Arguments& arguments, std::string_view operation) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"other"}, 1));
  TRY_ASSIGN(const bool holds, compare(evaluator.heap(), operation, self, bound.value(0)));
  return Value::boolean(holds);
}
Result<Value> eq(Evaluator& evaluator, const Value& self, Arguments& arguments) { return compare_with(evaluator, self, arguments, "=="); }
Result<Value> ne(Evaluator& evaluator, const Value& self, Arguments& arguments) { return compare_with(evaluator, self, arguments, "!="); }
Result<Value> lt(Evaluator& evaluator, const Value& self, Arguments& arguments) { return compare_with(evaluator, self, arguments, "<"); }
Result<Value> le(Evaluator& evaluator, const Value& self, Arguments& arguments) { return compare_with(evaluator, self, arguments, "<="); }
Result<Value> gt(Evaluator& evaluator, const Value& self, Arguments& arguments) { return compare_with(evaluator, self, arguments, ">"); }
Result<Value> ge(Evaluator& evaluator, const Value& self, Arguments& arguments) { return compare_with(evaluator, self, arguments, ">="); }
Result<Value> in(Evaluator& evaluator, const Value& self, Arguments& arguments) { return compare_with(evaluator, self, arguments, "in"); }

Result<Value> sameas(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"other"}, 1));
  const Value other = bound.value(0);
  if (self.kind() != other.kind()) return Value::boolean(false);
  if (self.is(Kind::kList)) return Value::boolean(&self.list() == &other.list());
  if (self.is(Kind::kDict)) return Value::boolean(&self.dict() == &other.dict());
  TRY_ASSIGN(const bool equal, equals(evaluator.heap(), self, other));
  return Value::boolean(equal);
}

Result<Value> cased(Evaluator& evaluator, const Value& self, Arguments& arguments, bool (*holds)(std::string_view)) {
  TRY(bind(arguments, {}));
  TRY_ASSIGN(const std::string_view text, text_of(evaluator.heap(), self));
  return Value::boolean(holds(text));
}
Result<Value> lower_test(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return cased(evaluator, self, arguments, is_lower);
}
Result<Value> upper_test(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return cased(evaluator, self, arguments, is_upper);
}

Result<Value> name_is_known(const Value& self, Arguments& arguments, Builtin (*find)(std::string_view)) {
  TRY(bind(arguments, {}));
  if (!is_hashable(self)) return fail(kTemplateFailed, "a name is needed");
  return Value::boolean(self.is(Kind::kString) && find(self.text()) != nullptr);
}
Result<Value> filter_exists(Evaluator&, const Value& self, Arguments& arguments) { return name_is_known(self, arguments, find_filter); }
Result<Value> test_exists(Evaluator&, const Value& self, Arguments& arguments) { return name_is_known(self, arguments, find_test); }

}  // namespace

Builtin find_test(std::string_view name) {
  static const std::map<std::string_view, Builtin> kTests = {
      {"defined", simple<is_defined>},
      {"undefined", simple<is_undefined>},
      {"none", simple<is_none>},
      {"boolean", simple<is_boolean>},
      {"true", simple<is_yes>},
      {"false", simple<is_no>},
      {"integer", simple<is_integer>},
      {"float", simple<is_float>},
      {"number", simple<is_number>},
      {"string", simple<is_string>},
      {"mapping", simple<is_mapping>},
      {"sequence", simple<is_sequence>},
      {"iterable", simple<is_iterable>},
      {"callable", simple<is_callable>},
      {"escaped", simple<is_escaped>},
      {"odd", odd},
      {"even", even},
      {"divisibleby", divisibleby},
      {"eq", eq},
      {"equalto", eq},
      {"==", eq},
      {"ne", ne},
      {"!=", ne},
      {"lt", lt},
      {"lessthan", lt},
      {"<", lt},
      {"le", le},
      {"<=", le},
      {"gt", gt},
      {"greaterthan", gt},
      {">", gt},
      {"ge", ge},
      {">=", ge},
      {"in", in},
      {"sameas", sameas},
      {"lower", lower_test},
      {"upper", upper_test},
      {"filter", filter_exists},
      {"test", test_exists},
  };
  const auto found = kTests.find(name);
  return found == kTests.end() ? nullptr : found->second;
}

}  // namespace forebay::text::jinja

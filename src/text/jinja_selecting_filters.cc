// map, select, reject and their kin: filters that apply other filters and tests to each item.
#include "text/errors.h"
#include "text/jinja_arguments.h"
#include "text/jinja_evaluator.h"
#include "text/jinja_filters.h"
#include "text/jinja_operators.h"

namespace forebay::text::jinja {

namespace {

Result<std::string_view> take_name(Arguments& arguments) {
  if (arguments.positional.empty() || !arguments.positional.front().is(Kind::kString))
    return fail(kTemplateFailed, "the name of a filter or test is needed");
  const std::string_view name = arguments.positional.front().text();
  arguments.positional.erase(arguments.positional.begin());
  return name;
}

// Whatever counts as false has no items here, even None and 0.
Result<std::vector<Value>> items_if_any(Evaluator& evaluator, const Value& self) {
  if (!is_true(self)) return std::vector<Value>();
  return iterate(evaluator.heap(), self);
}

Result<Value> map_attribute(Evaluator& evaluator, const std::vector<Value>& items, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"attribute", "default"}, 1));
  std::vector<Value> mapped;
  for (const Value& item : items) {
    TRY_ASSIGN(const Value value, evaluator.path(item, bound.value(0)));
    mapped.push_back(value.is(Kind::kUndefined) ? bound.value(1, value) : value);
  }
  return evaluator.heap().list(std::move(mapped), ListFlavor::kGenerator);
}

Result<Value> map(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const std::vector<Value> items, items_if_any(evaluator, self));
  if (arguments.positional.empty() && !arguments.named.empty()) return map_attribute(evaluator, items, arguments);
  TRY_ASSIGN(const std::string_view name, take_name(arguments));
  std::vector<Value> mapped;
  for (const Value& item : items) {
    TRY(evaluator.heap().spend());
    Arguments copy = arguments;
    TRY_ASSIGN(const Value value, evaluator.apply_filter(name, item, copy));
    mapped.push_back(value);
  }
  return evaluator.heap().list(std::move(mapped), ListFlavor::kGenerator);
}

Result<Value> pick(Evaluator& evaluator, const Value& self, Arguments& arguments, bool by_attribute, bool wanted) {
  TRY_ASSIGN(const std::vector<Value> items, items_if_any(evaluator, self));
  Value attribute;
  if (by_attribute) {
    if (arguments.positional.empty()) return fail(kTemplateFailed, "the name of an attribute is needed");
    attribute = arguments.positional.front();
    arguments.positional.erase(arguments.positional.begin());
  }
  std::string_view test;
  if (!arguments.positional.empty()) {
    TRY_ASSIGN(test, take_name(arguments));
  }
  std::vector<Value> picked;
  for (const Value& item : items) {
    TRY(evaluator.heap().spend());
    Value subject = item;
    if (by_attribute) {
      TRY_ASSIGN(subject, evaluator.path(item, attribute));
    }
    bool passes = is_true(subject);
    if (!test.empty()) {
      Arguments copy = arguments;
      TRY_ASSIGN(passes, evaluator.apply_test(test, subject, copy));
    }
    if (passes == wanted) picked.push_back(item);
  }
  return evaluator.heap().list(std::move(picked), ListFlavor::kGenerator);
}

Result<Value> select(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return pick(evaluator, self, arguments, false, true);
}
Result<Value> reject(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return pick(evaluator, self, arguments, false, false);
}
Result<Value> selectattr(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return pick(evaluator, self, arguments, true, true);
}
Result<Value> rejectattr(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return pick(evaluator, self, arguments, true, false);
}

// Only a member of the object itself, never an item of a dict.
Result<Value> attr(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"name"}, 1));
  TRY_ASSIGN(const std::string_view name, bound.text(0, ""));
  TRY_ASSIGN(const Value found, evaluator.attribute(self, name));
  if (self.is(Kind::kDict) && !found.is(Kind::kCallable)) return Value::undefined(name, Absence::kMember, "dict");
  return found;
}

}  // namespace

NamedBuiltins selecting_filters() {
  static constexpr std::pair<std::string_view, Builtin> kFilters[] = {
      {"map", map}, {"select", select}, {"reject", reject}, {"selectattr", selectattr}, {"rejectattr", rejectattr}, {"attr", attr},
  };
  return kFilters;
}

}  // namespace forebay::text::jinja

#include "text/jinja_methods.h"

#include <algorithm>

#include "text/errors.h"
#include "text/jinja_arguments.h"
#include "text/jinja_evaluator.h"
#include "text/jinja_loop.h"
#include "text/jinja_operators.h"

namespace forebay::text::jinja {

namespace {

struct Method {
  std::string_view name;
  Builtin call;
};

Result<Value> view(Evaluator& evaluator, const Dict& dict, ListFlavor flavor) {
  std::vector<Value> items;
  TRY(evaluator.heap().spend(dict.entries.size()));
  items.reserve(dict.entries.size());
  for (const auto& [key, value] : dict.entries) {
    if (flavor == ListFlavor::kItems) {
      TRY_ASSIGN(const Value pair, evaluator.heap().list({key, value}, ListFlavor::kTuple));
      items.push_back(pair);
    } else {
      items.push_back(flavor == ListFlavor::kKeys ? key : value);
    }
  }
  return evaluator.heap().list(std::move(items), flavor);
}

Result<Value> dict_items(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  return view(evaluator, self.dict(), ListFlavor::kItems);
}

Result<Value> dict_keys(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  return view(evaluator, self.dict(), ListFlavor::kKeys);
}

Result<Value> dict_values(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  return view(evaluator, self.dict(), ListFlavor::kValues);
}

Result<Value> dict_get(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  if (!arguments.named.empty()) return fail(kTemplateFailed, "get() takes no keyword arguments");
  TRY_ASSIGN(const Bound bound, bind(arguments, {"key", "default"}, 1));
  TRY_ASSIGN(const bool known, contains(evaluator.heap(), self, bound.value(0)));
  return known ? *self.dict().find(bound.value(0)) : bound.value(1);
}

Result<Value> dict_copy(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  TRY_ASSIGN(Dict * copy, evaluator.heap().dict());
  for (const auto& [key, value] : self.dict().entries) TRY(evaluator.heap().set(*copy, key, value));
  return Value::dict(copy);
}

Result<Value> list_count(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"value"}, 1));
  std::int64_t count = 0;
  for (const Value& item : self.list().items) {
    TRY_ASSIGN(const bool equal, equals(evaluator.heap(), item, bound.value(0)));
    count += equal ? 1 : 0;
  }
  return Value::integer(count);
}

Result<Value> list_index(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"value"}, 1));
  for (std::size_t i = 0; i < self.list().items.size(); ++i) {
    TRY_ASSIGN(const bool equal, equals(evaluator.heap(), self.list().items[i], bound.value(0)));
    if (equal) return Value::integer(static_cast<std::int64_t>(i));
  }
  return fail(kTemplateFailed, "the value is not in the list");
}

Result<Value> list_copy(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  TRY_ASSIGN(std::vector<Value> items, iterate(evaluator.heap(), self));
  return evaluator.heap().list(std::move(items));
}

Result<Value> loop_cycle(Evaluator&, const Value& self, Arguments& arguments) { return self.loop().cycle(arguments.positional); }
Result<Value> loop_changed(Evaluator&, const Value& self, Arguments& arguments) { return self.loop().changed(arguments.positional); }

constexpr Method kDictMethods[] = {
    {"items", dict_items}, {"keys", dict_keys}, {"values", dict_values}, {"get", dict_get}, {"copy", dict_copy}};
constexpr Method kListMethods[] = {{"count", list_count}, {"index", list_index}, {"copy", list_copy}};
constexpr Method kLoopMethods[] = {{"cycle", loop_cycle}, {"changed", loop_changed}};

template <std::size_t kCount>
Builtin find_in(const Method (&methods)[kCount], std::string_view name) {
  const auto found = std::ranges::find(methods, name, &Method::name);
  return found == std::end(methods) ? nullptr : found->call;
}

}  // namespace

Result<Value> find_method(Heap& heap, const Value& object, std::string_view name) {
  Builtin call = nullptr;
  if (object.is(Kind::kString)) call = find_string_method(name);
  if (object.is(Kind::kDict)) call = find_in(kDictMethods, name);
  if (object.is(Kind::kLoop)) call = find_in(kLoopMethods, name);
  if (object.is(Kind::kList) && object.list().is_sequence()) {
    call = name == "copy" && object.list().flavor != ListFlavor::kList ? nullptr : find_in(kListMethods, name);
  }
  if (call == nullptr) return Value();
  return heap.callable({.name = name, .builtin = call, .self = object});
}

bool changes_its_receiver(const Value& object, std::string_view name) {
  constexpr std::string_view kDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
  constexpr std::string_view kList[] = {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"};
  if (object.is(Kind::kDict)) return std::ranges::contains(kDict, name);
  return object.is(Kind::kList) && object.list().flavor == ListFlavor::kList && std::ranges::contains(kList, name);
}

}  // namespace forebay::text::jinja

// Filters that make lists, or pick from them.
#include <fmt/format.h>

#include <algorithm>

#include "text/errors.h"
#include "text/jinja_arguments.h"
#include "text/jinja_evaluator.h"
#include "text/jinja_filters.h"
#include "text/jinja_operators.h"
#include "text/jinja_text.h"
#include "text/jinja_unicode.h"

namespace forebay::text::jinja {

namespace {

Result<Value> first(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  TRY_ASSIGN(const std::vector<Value> items, iterate(evaluator.heap(), self));
  return items.empty() ? Value::undefined("first of an empty sequence") : items.front();
}

Result<Value> last(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  if (self.is(Kind::kList) && self.list().flavor == ListFlavor::kGenerator)
    return fail(kTemplateFailed, "'generator' object is not reversible");
  TRY_ASSIGN(const std::vector<Value> items, iterate(evaluator.heap(), self));
  return items.empty() ? Value::undefined("last of an empty sequence") : items.back();
}

Result<Value> list(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  TRY_ASSIGN(std::vector<Value> items, iterate(evaluator.heap(), self));
  return evaluator.heap().list(std::move(items));
}

Result<Value> reverse(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  TRY_ASSIGN(std::vector<Value> items, iterate(evaluator.heap(), self));
  std::ranges::reverse(items);
  if (!self.is(Kind::kString)) return evaluator.heap().list(std::move(items), ListFlavor::kGenerator);
  std::string out;
  for (const Value& item : items) out += item.text();
  return evaluator.heap().string(std::move(out));
}

Result<Value> items_filter(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  std::vector<Value> pairs;
  if (!self.is(Kind::kDict) && !self.is(Kind::kUndefined)) return fail(kTemplateFailed, "can only get item pairs from a mapping");
  if (self.is(Kind::kDict)) {
    for (const auto& [key, value] : self.dict().entries) {
      TRY_ASSIGN(const Value pair, evaluator.heap().list({key, value}, ListFlavor::kTuple));
      pairs.push_back(pair);
    }
  }
  return evaluator.heap().list(std::move(pairs), ListFlavor::kGenerator);
}

// Text sorts without regard to case unless asked otherwise.
Result<Value> sort_key(Evaluator& evaluator, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.is(Kind::kString)) return value;
  return evaluator.heap().string(lower(value.text()));
}

struct Keyed {
  Value key;
  Value item;
};

// Stable. Stops comparing once a pair cannot be compared.
Result<> sort_by_key(Evaluator& evaluator, std::vector<Keyed>& keyed, bool descending) {
  std::optional<Error> problem;
  std::ranges::stable_sort(keyed, [&](const Keyed& a, const Keyed& b) {
    if (problem) return false;
    const Result<bool> is_less = descending ? less(evaluator.heap(), b.key, a.key) : less(evaluator.heap(), a.key, b.key);
    if (!is_less) problem = is_less.error();
    return is_less.value_or(false);
  });
  if (problem) return fail(*std::move(problem));
  return {};
}

Result<Value> attribute_key(Evaluator& evaluator, const Value& item, const Value& attribute, bool case_sensitive) {
  if (attribute.is(Kind::kNone)) return sort_key(evaluator, item, case_sensitive);
  TRY_ASSIGN(const Value value, evaluator.path(item, attribute));
  return sort_key(evaluator, value, case_sensitive);
}

// "a,b" sorts by one after the other. A list even for one, so that members which are missing compare as equal.
Result<Value> attribute_keys(Evaluator& evaluator, const Value& item, const Value& attribute, bool case_sensitive) {
  if (!attribute.is(Kind::kString)) return attribute_key(evaluator, item, attribute, case_sensitive);
  std::vector<Value> keys;
  for (std::string_view rest = attribute.text();;) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    TRY_ASSIGN(const Value key, attribute_key(evaluator, item, Value::string(rest.substr(0, comma)), case_sensitive));
    keys.push_back(key);
    if (comma == rest.size()) break;
    rest.remove_prefix(comma + 1);
  }
  return evaluator.heap().list(std::move(keys));
}

Result<std::vector<Keyed>> keyed_items(Evaluator& evaluator, const Value& self, const Value& attribute, bool case_sensitive) {
  TRY_ASSIGN(const std::vector<Value> items, iterate(evaluator.heap(), self));
  std::vector<Keyed> keyed;
  for (const Value& item : items) {
    TRY_ASSIGN(const Value key, attribute_key(evaluator, item, attribute, case_sensitive));
    keyed.push_back({key, item});
  }
  return keyed;
}

Result<Value> items_of(Evaluator& evaluator, const std::vector<Keyed>& keyed, ListFlavor flavor) {
  std::vector<Value> items;
  for (const Keyed& entry : keyed) items.push_back(entry.item);
  return evaluator.heap().list(std::move(items), flavor);
}

Result<Value> sort(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"reverse", "case_sensitive", "attribute"}));
  TRY_ASSIGN(const std::vector<Value> items, iterate(evaluator.heap(), self));
  std::vector<Keyed> keyed;
  for (const Value& item : items) {
    TRY_ASSIGN(const Value key, attribute_keys(evaluator, item, bound.value(2), bound.truth(1, false)));
    keyed.push_back({key, item});
  }
  TRY(sort_by_key(evaluator, keyed, bound.truth(0, false)));
  return items_of(evaluator, keyed, ListFlavor::kList);
}

Result<Value> dictsort(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"case_sensitive", "by", "reverse"}));
  TRY_ASSIGN(const std::string_view by, bound.text(1, "key"));
  if (by != "key" && by != "value") return fail(kTemplateFailed, "You can only sort by either \"key\" or \"value\"");
  if (!self.is(Kind::kDict)) return fail(kTemplateFailed, fmt::format("'{} object' has no attribute 'items'", type_name(self)));
  std::vector<Keyed> keyed;
  for (const auto& [name, value] : self.dict().entries) {
    TRY_ASSIGN(const Value key, sort_key(evaluator, by == "key" ? name : value, bound.truth(0, false)));
    TRY_ASSIGN(const Value pair, evaluator.heap().list({name, value}, ListFlavor::kTuple));
    keyed.push_back({key, pair});
  }
  TRY(sort_by_key(evaluator, keyed, bound.truth(2, false)));
  return items_of(evaluator, keyed, ListFlavor::kList);
}

Result<Value> unique(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"case_sensitive", "attribute"}));
  TRY_ASSIGN(const std::vector<Keyed> keyed, keyed_items(evaluator, self, bound.value(1), bound.truth(0, false)));
  TRY_ASSIGN(Dict * seen, evaluator.heap().dict());
  std::vector<Value> items;
  for (const Keyed& entry : keyed) {
    const std::size_t known = seen->entries.size();
    TRY(evaluator.heap().set(*seen, entry.key, Value::none()));
    if (seen->entries.size() > known) items.push_back(entry.item);
  }
  return evaluator.heap().list(std::move(items), ListFlavor::kGenerator);
}

Result<Value> extreme(Evaluator& evaluator, const Value& self, Arguments& arguments, bool largest) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"case_sensitive", "attribute"}));
  TRY_ASSIGN(const std::vector<Keyed> keyed, keyed_items(evaluator, self, bound.value(1), bound.truth(0, false)));
  if (keyed.empty()) return Value::undefined("extreme of an empty sequence");
  const Keyed* best = &keyed.front();
  for (const Keyed& entry : keyed) {
    TRY_ASSIGN(const bool better, largest ? less(evaluator.heap(), best->key, entry.key) : less(evaluator.heap(), entry.key, best->key));
    if (better) best = &entry;
  }
  return best->item;
}
Result<Value> min(Evaluator& evaluator, const Value& self, Arguments& arguments) { return extreme(evaluator, self, arguments, false); }
Result<Value> max(Evaluator& evaluator, const Value& self, Arguments& arguments) { return extreme(evaluator, self, arguments, true); }

Result<Value> sum(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"attribute", "start"}));
  TRY_ASSIGN(const std::vector<Value> items, iterate(evaluator.heap(), self));
  Value total = bound.value(1, Value::integer(0));
  if (total.is(Kind::kString)) return fail(kTemplateFailed, "sum() can't sum strings");
  for (const Value& item : items) {
    Value term = item;
    if (bound.has(0)) {
      TRY_ASSIGN(term, evaluator.path(item, bound.value(0)));
    }
    TRY_ASSIGN(total, apply_operator(evaluator.heap(), "+", total, term));
  }
  return total;
}

Result<Value> groupby(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"attribute", "default", "case_sensitive"}, 1));
  TRY_ASSIGN(std::vector<Keyed> keyed, keyed_items(evaluator, self, bound.value(0), bound.truth(2, false)));
  if (bound.has(1)) {
    for (Keyed& entry : keyed) {
      if (entry.key.is(Kind::kUndefined)) entry.key = bound.value(1);
    }
  }
  TRY(sort_by_key(evaluator, keyed, false));
  std::vector<Value> groups;
  for (std::size_t begin = 0; begin < keyed.size();) {
    std::vector<Value> members;
    std::size_t end = begin;
    for (; end < keyed.size(); ++end) {
      TRY_ASSIGN(const bool same, equals(evaluator.heap(), keyed[begin].key, keyed[end].key));
      if (!same) break;
      members.push_back(keyed[end].item);
    }
    TRY_ASSIGN(Value name, evaluator.path(keyed[begin].item, bound.value(0)));
    if (name.is(Kind::kUndefined)) name = keyed[begin].key;
    TRY_ASSIGN(const Value inside, evaluator.heap().list(std::move(members)));
    TRY_ASSIGN(const Value group, evaluator.heap().list({name, inside}, ListFlavor::kGroup));
    groups.push_back(group);
    begin = end;
  }
  return evaluator.heap().list(std::move(groups));
}

Result<Value> batch(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"linecount", "fill_with"}, 1));
  TRY_ASSIGN(const std::int64_t size, bound.whole(0, 1));
  TRY_ASSIGN(const std::vector<Value> items, iterate(evaluator.heap(), self));
  std::vector<Value> rows;
  std::vector<Value> row;
  for (const Value& item : items) {
    if (!row.empty() && static_cast<std::int64_t>(row.size()) == size) {
      TRY_ASSIGN(const Value full, evaluator.heap().list(std::exchange(row, {})));
      rows.push_back(full);
    }
    row.push_back(item);
  }
  if (!row.empty()) {
    if (bound.has(1) && size > static_cast<std::int64_t>(row.size())) {
      TRY(evaluator.heap().spend(static_cast<std::uint64_t>(size)));
      row.resize(static_cast<std::size_t>(size), bound.value(1));
    }
    TRY_ASSIGN(const Value rest, evaluator.heap().list(std::move(row)));
    rows.push_back(rest);
  }
  return evaluator.heap().list(std::move(rows), ListFlavor::kGenerator);
}

}  // namespace

NamedBuiltins list_filters() {
  static constexpr std::pair<std::string_view, Builtin> kFilters[] = {
      {"first", first}, {"last", last},         {"list", list},     {"reverse", reverse}, {"items", items_filter},
      {"sort", sort},   {"dictsort", dictsort}, {"unique", unique}, {"min", min},         {"max", max},
      {"sum", sum},     {"groupby", groupby},   {"batch", batch},
  };
  return kFilters;
}

}  // namespace forebay::text::jinja

#include "text/jinja_value.h"

#include <fmt/format.h>

#include "text/jinja_objects.h"

namespace forebay::text::jinja {

namespace {
constexpr std::size_t kScannedEntriesMax = 8;  // Below this a scan beats the map; messages have fewer keys.

bool same_key(const Value& a, const Value& b) {
  if (a.is(Kind::kString) || b.is(Kind::kString)) return a.kind() == b.kind() && a.text() == b.text();
  if (a.is_number() && b.is_number()) return a.is_whole() && b.is_whole() ? a.whole() == b.whole() : a.real() == b.real();
  if (a.kind() != b.kind()) return false;
  if (a.is(Kind::kNone) || a.is(Kind::kUndefined)) return true;
  if (a.is(Kind::kList)) {
    const auto& left = a.list().items;
    const auto& right = b.list().items;
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (!same_key(left[i], right[i])) return false;
    }
    return true;
  }
  return false;
}
}  // namespace

Value Value::undefined(std::string_view name, Absence absence, std::string_view owner) {
  Value v;
  v.text_ = name.data();
  v.size_ = name.size();
  v.absence_ = absence;
  v.owner_ = owner.data();
  v.owner_bytes_ = static_cast<std::uint32_t>(owner.size());
  return v;
}

std::string Value::absence_message() const {
  const std::string_view name = text_ == nullptr ? std::string_view("value") : text();
  const std::string_view owner(owner_ == nullptr ? "" : owner_, owner_bytes_);
  switch (absence_) {
    case Absence::kName:
      return fmt::format("'{}' is undefined", name);
    case Absence::kMember:
      return fmt::format("'{} object' has no attribute '{}'", owner, name);
    case Absence::kUnsafe:
      return fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, owner);
  }
  return {};
}

const Value* Dict::find(std::string_view key) const {
  if (!by_name.empty()) {
    const auto found = by_name.find(key);
    return found == by_name.end() ? nullptr : &entries[found->second].second;
  }
  for (const auto& [name, value] : entries) {
    if (name.is(Kind::kString) && name.text() == key) return &value;
  }
  return nullptr;
}

const Value* Dict::find(const Value& key) const {
  if (key.is(Kind::kString)) return find(key.text());
  for (const auto& [name, value] : entries) {
    if (same_key(name, key)) return &value;
  }
  return nullptr;
}

void Dict::set(const Value& key, const Value& value) {
  if (const Value* known = find(key)) {
    const_cast<Value&>(*known) = value;
    return;
  }
  entries.emplace_back(key, value);
  if (entries.size() <= kScannedEntriesMax) return;
  if (by_name.empty()) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].first.is(Kind::kString)) by_name.emplace(entries[i].first.text(), i);
    }
  } else if (key.is(Kind::kString)) {
    by_name.emplace(key.text(), entries.size() - 1);
  }
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInteger:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return "str";
    case Kind::kDict:
      return "dict";
    case Kind::kNamespace:
      return "Namespace";
    case Kind::kCallable:
      return "function";
    case Kind::kLoop:
      return "LoopContext";
    case Kind::kList:
      break;
  }
  switch (value.list().flavor) {
    case ListFlavor::kList:
      return "list";
    case ListFlavor::kTuple:
    case ListFlavor::kGroup:
      return "tuple";
    case ListFlavor::kGenerator:
      return "generator";
    case ListFlavor::kRange:
      return "range";
    case ListFlavor::kKeys:
      return "dict_keys";
    case ListFlavor::kValues:
      return "dict_values";
    case ListFlavor::kItems:
      return "dict_items";
  }
  return "object";
}

bool is_true(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInteger:
      return value.whole() != 0;
    case Kind::kFloat:
      return value.real() != 0;
    case Kind::kString:
      return !value.text().empty();
    case Kind::kList:
      return value.list().flavor == ListFlavor::kGenerator || !value.list().items.empty();
    case Kind::kDict:
      return !value.dict().entries.empty();
    case Kind::kNamespace:
    case Kind::kCallable:
    case Kind::kLoop:
      return true;
  }
  return false;
}

bool is_hashable(const Value& value) {
  if (value.is(Kind::kDict)) return false;
  if (!value.is(Kind::kList)) return true;
  if (!value.list().is_tuple()) return value.list().flavor == ListFlavor::kGenerator || value.list().flavor == ListFlavor::kRange;
  for (const Value& item : value.list().items) {
    if (!is_hashable(item)) return false;
  }
  return true;
}

}  // namespace forebay::text::jinja

#include "http/json_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/nearest.h"
#include "http/errors.h"
#include "http/json_check.h"

namespace forebay::http {

namespace {

// The end of the value that starts at `at`, in text that has been checked.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  int open = 0;
  do {
    const char c = text[at];
    if (c == '"') {
      for (++at; text[at] != '"'; ++at) at += text[at] == '\\';
      ++at;
    } else if (c == '{' || c == '[') {
      ++open, ++at;
    } else if (c == '}' || c == ']') {
      --open, ++at;
    } else if (c == ',' || c == ':' || is_json_space(c)) {
      ++at;
    } else {
      while (at < text.size() && std::string_view(",]} \t\r\n").find(text[at]) == std::string_view::npos) ++at;
    }
  } while (open > 0);
  return at;
}

std::string joined(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

Error wrong_type(const JsonValue& value, std::string_view wanted) {
  return Error(kFieldType, fmt::format("'{}' must be {}, and is {}", value.path(), wanted, name_of(value.type()))).with_field(value.path());
}

}  // namespace

std::string_view name_of(JsonType type) {
  switch (type) {
    case JsonType::kNull:
      return "null";
    case JsonType::kBool:
      return "true or false";
    case JsonType::kNumber:
      return "a number";
    case JsonType::kString:
      return "a string";
    case JsonType::kArray:
      return "an array";
    case JsonType::kObject:
      return "an object";
  }
  return "nothing";
}

JsonType JsonValue::type() const {
  switch (raw_.empty() ? 'n' : raw_.front()) {
    case 'n':
      return JsonType::kNull;
    case 't':
    case 'f':
      return JsonType::kBool;
    case '"':
      return JsonType::kString;
    case '[':
      return JsonType::kArray;
    case '{':
      return JsonType::kObject;
    default:
      return JsonType::kNumber;
  }
}

Result<std::string> JsonValue::string() const {
  if (type() != JsonType::kString) return fail(wrong_type(*this, "a string"));
  return decode_json_string(raw_, path_);
}

Result<bool> JsonValue::boolean() const {
  if (type() != JsonType::kBool) return fail(wrong_type(*this, "true or false"));
  return raw_ == "true";
}

Result<double> JsonValue::number(double min, double max) const {
  if (type() != JsonType::kNumber) return fail(wrong_type(*this, "a number"));
  double value = 0;
  const auto read = std::from_chars(raw_.data(), raw_.data() + raw_.size(), value);
  if (read.ec != std::errc() || !(value >= min && value <= max)) {
    return fail(Error(kFieldRange, fmt::format("'{}' must be between {} and {}, and is {}", path_, min, max, raw_.substr(0, 40)))
                    .with_field(path_));
  }
  return value;
}

Result<std::int64_t> JsonValue::integer(std::int64_t min, std::int64_t max) const {
  if (type() != JsonType::kNumber) return fail(wrong_type(*this, "a whole number"));
  std::int64_t value = 0;
  const auto read = std::from_chars(raw_.data(), raw_.data() + raw_.size(), value);
  if (read.ec == std::errc() && read.ptr != raw_.data() + raw_.size()) {
    // 5.0 and 1e3 are whole; doubles hold them exactly up to 2^53.
    double real = 0;
    const auto wide = std::from_chars(raw_.data(), raw_.data() + raw_.size(), real);
    if (wide.ec != std::errc() || real != std::floor(real) || std::abs(real) > 9007199254740992.0) {
      return fail(Error(kFieldType, fmt::format("'{}' must be a whole number, and is {}", path_, raw_.substr(0, 40))).with_field(path_));
    }
    value = static_cast<std::int64_t>(real);
  }
  if (read.ec != std::errc() || value < min || value > max) {
    return fail(Error(kFieldRange, fmt::format("'{}' must be between {} and {}, and is {}", path_, min, max, raw_.substr(0, 40)))
                    .with_field(path_));
  }
  return value;
}

Result<std::vector<JsonValue>> JsonValue::items(std::size_t items_max) const {
  if (type() != JsonType::kArray) return fail(wrong_type(*this, "an array"));
  std::vector<JsonValue> items;
  std::size_t at = 1;
  while (true) {
    while (is_json_space(raw_[at]) || raw_[at] == ',') ++at;
    if (raw_[at] == ']') return items;
    if (items.size() == items_max)
      return fail(Error(kTooManyItems, fmt::format("'{}' has more than {} items", path_, items_max)).with_field(path_));
    const std::size_t end = end_of_value(raw_, at);
    items.emplace_back(raw_.substr(at, end - at), fmt::format("{}[{}]", path_, items.size()));
    at = end;
  }
}

Result<JsonObject> JsonObject::parse(std::string_view body, const JsonLimits& limits) {
  const std::string_view text = without_mark(body);
  if (std::ranges::all_of(text, is_json_space)) return fail(kBodyMissing, "the body is empty; a JSON object is wanted");
  TRY_ASSIGN(const auto members, check_json_members(text, limits));
  const auto start = std::ranges::find_if_not(text, is_json_space);
  if (*start != '{') return fail(kFieldType, "the body must be a JSON object");
  JsonObject object;
  object.members_.reserve(members.size());
  for (const auto& [key, value] : members) {
    TRY_ASSIGN(auto name, decode_json_string(std::string_view(key.data() - 1, key.size() + 2), "a key"));
    object.members_.push_back({name, JsonValue(value, name)});
  }
  return object;
}

Result<JsonObject> JsonObject::of(const JsonValue& value) {
  if (value.type() != JsonType::kObject) return fail(wrong_type(value, "an object"));
  JsonObject object;
  object.path_ = value.path();
  const std::string_view raw = value.raw();
  std::size_t at = 1;
  while (true) {
    while (is_json_space(raw[at]) || raw[at] == ',') ++at;
    if (raw[at] == '}') return object;
    const std::size_t key_end = end_of_value(raw, at);
    TRY_ASSIGN(auto name, decode_json_string(raw.substr(at, key_end - at), value.path()));
    at = key_end;
    while (is_json_space(raw[at]) || raw[at] == ':') ++at;
    const std::size_t end = end_of_value(raw, at);
    JsonValue member(raw.substr(at, end - at), joined(object.path_, name));
    object.members_.push_back({std::move(name), std::move(member)});
    at = end;
  }
}

std::optional<JsonValue> JsonObject::find(std::string_view name) const {
  for (const auto& member : members_) {
    if (member.name == name && !member.value.is_null()) return member.value;
  }
  return std::nullopt;
}

Result<JsonValue> JsonObject::need(std::string_view name) const {
  if (auto value = find(name)) return *std::move(value);
  const std::string path = joined(path_, name);
  return fail(Error(kFieldMissing, fmt::format("'{}' is missing", path)).with_field(path));
}

Result<std::string> JsonObject::string_or(std::string_view name, std::string otherwise) const {
  const auto value = find(name);
  return value ? value->string() : Result<std::string>(std::move(otherwise));
}

Result<bool> JsonObject::boolean_or(std::string_view name, bool otherwise) const {
  const auto value = find(name);
  return value ? value->boolean() : Result<bool>(otherwise);
}

Result<double> JsonObject::number_or(std::string_view name, double otherwise, double min, double max) const {
  const auto value = find(name);
  return value ? value->number(min, max) : Result<double>(otherwise);
}

Result<std::int64_t> JsonObject::integer_or(std::string_view name, std::int64_t otherwise, std::int64_t min, std::int64_t max) const {
  const auto value = find(name);
  return value ? value->integer(min, max) : Result<std::int64_t>(otherwise);
}

Result<> JsonObject::only(std::span<const std::string_view> known) const {
  for (const auto& member : members_) {
    if (member.value.is_null() || std::ranges::find(known, member.name) != known.end()) continue;
    Error error(kFieldUnknown, fmt::format("'{}' is not a field of this route", member.value.path().substr(0, 200)));
    std::vector<std::string> candidates(known.begin(), known.end());
    const auto meant = nearest(member.name, candidates);
    if (!meant) return fail(std::move(error).with_field(member.value.path()));
    return fail(std::move(error).with_field(member.value.path()).with_hint(fmt::format("did you mean '{}'?", *meant)));
  }
  return {};
}

}  // namespace forebay::http

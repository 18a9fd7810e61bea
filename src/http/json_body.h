// A JSON body, read in two steps: one pass checks everything that can be wrong with the text (syntax, UTF-8, depth, duplicate keys), then
// fields are taken out by name. Nothing is copied and no tree is built, so an array of a million numbers stays text until a tensor wants
// it. Threads: immutable. Owner: the handler; views the body, which must outlive it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "http/json_check.h"

namespace forebay::http {

enum class JsonType : std::uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };
std::string_view name_of(JsonType type);  // "a string"

// One value of a text that check_json has passed.
class JsonValue {
 public:
  JsonValue() = default;
  JsonValue(std::string_view raw, std::string path) : raw_(raw), path_(std::move(path)) {}
  JsonType type() const;
  bool is_null() const { return type() == JsonType::kNull; }
  std::string_view raw() const { return raw_; }      // without white space around it
  const std::string& path() const { return path_; }  // "messages[2].role"

  // kFieldType, kFieldRange; the error's field is the path.
  Result<std::string> string() const;
  Result<bool> boolean() const;
  Result<double> number(double min, double max) const;
  Result<std::int64_t> integer(std::int64_t min, std::int64_t max) const;
  // At most items_max, kTooManyItems.
  Result<std::vector<JsonValue>> items(std::size_t items_max) const;

 private:
  std::string_view raw_ = "null";
  std::string path_;
};

class JsonObject {
 public:
  // Checks the text, after a byte order mark if there is one; it must be an object. kBodyMissing when it is empty.
  static Result<JsonObject> parse(std::string_view body, const JsonLimits& limits);
  // Of a value that is already checked. kFieldType.
  static Result<JsonObject> of(const JsonValue& value);

  // Null and absent are the same: nothing.
  std::optional<JsonValue> find(std::string_view name) const;
  Result<JsonValue> need(std::string_view name) const;  // kFieldMissing
  // The value of an optional field, or `otherwise`.
  Result<std::string> string_or(std::string_view name, std::string otherwise) const;
  Result<bool> boolean_or(std::string_view name, bool otherwise) const;
  Result<double> number_or(std::string_view name, double otherwise, double min, double max) const;
  Result<std::int64_t> integer_or(std::string_view name, std::int64_t otherwise, std::int64_t min, std::int64_t max) const;

  struct Member {
    std::string name;
    JsonValue value;
  };
  const std::vector<Member>& members() const { return members_; }
  // kFieldUnknown for the first member that is not among `known`, with the nearest known name. Null says nothing, so its name may be any.
  Result<> only(std::span<const std::string_view> known) const;
  Result<> only(std::initializer_list<std::string_view> known) const { return only(std::span(known.begin(), known.size())); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::vector<Member> members_;
};

}  // namespace forebay::http

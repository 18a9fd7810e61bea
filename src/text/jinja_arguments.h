// Binds a call's arguments to the parameter names of a builtin, as Python does.
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja_heap.h"
#include "text/jinja_objects.h"
#include "text/jinja_value.h"

namespace forebay::text::jinja {

class Bound {
 public:
  explicit Bound(std::vector<std::optional<Value>> values) : values_(std::move(values)) {}

  // Given, and not None.
  bool has(std::size_t i) const { return values_[i] && !values_[i]->is(Kind::kNone); }
  Value value(std::size_t i, const Value& missing = Value::none()) const { return values_[i].value_or(missing); }
  bool truth(std::size_t i, bool missing) const { return values_[i] ? is_true(*values_[i]) : missing; }
  // kTemplateFailed when it is given, not None, and of another type.
  Result<std::int64_t> whole(std::size_t i, std::int64_t missing) const;
  Result<std::string_view> text(std::size_t i, std::string_view missing) const;

 private:
  std::vector<std::optional<Value>> values_;
};

// kTemplateFailed for too many, unknown or missing ones; the first `required` must be given.
Result<Bound> bind(const Arguments& arguments, std::initializer_list<std::string_view> names, std::size_t required = 0);

}  // namespace forebay::text::jinja

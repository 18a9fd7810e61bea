// What Python's operators do to values. Each charges the heap for what it looks at or makes.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja_heap.h"
#include "text/jinja_objects.h"
#include "text/jinja_value.h"

namespace forebay::text::jinja {

// a + b, a * b, …; kTemplateFailed for types that have no such operator, kTemplateLimit for results that would be too large.
Result<Value> apply_operator(Heap& heap, std::string_view operation, const Value& left, const Value& right);
Result<Value> negate(const Value& value);

Result<bool> equals(Heap& heap, const Value& left, const Value& right);
Result<bool> less(Heap& heap, const Value& left, const Value& right);
// "==", "!=", "<", "<=", ">", ">=", "in", "not in".
Result<bool> compare(Heap& heap, std::string_view operation, const Value& left, const Value& right);
// `item in container`
Result<bool> contains(Heap& heap, const Value& container, const Value& item);

// What a `for` over the value would give. Uses up a generator.
Result<std::vector<Value>> iterate(Heap& heap, const Value& value);
// len(value)
Result<std::int64_t> length_of(Heap& heap, const Value& value);
Result<Value> slice(Heap& heap, const Value& subject, const Value& start, const Value& stop, const Value& step);
// An index as Python counts: negative from the end; false when out of range.
bool resolve_index(std::int64_t index, std::size_t size, std::size_t& at);

}  // namespace forebay::text::jinja

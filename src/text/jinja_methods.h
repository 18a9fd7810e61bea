// The methods templates may call on text, dicts, lists and loops. Those that change their receiver are refused, as in Jinja's immutable
// sandbox.
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/jinja_heap.h"
#include "text/jinja_objects.h"
#include "text/jinja_value.h"

namespace forebay::text::jinja {

// The method bound to the object; undefined when there is none of that name.
Result<Value> find_method(Heap& heap, const Value& object, std::string_view name);
bool changes_its_receiver(const Value& object, std::string_view name);
Builtin find_string_method(std::string_view name);

}  // namespace forebay::text::jinja

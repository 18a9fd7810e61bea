// JSON text as template values. The one place of this room that parses JSON.
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/jinja_heap.h"

namespace forebay::text::jinja {

// kTemplateInput when it is not JSON or nests deeper than depth_max; kTemplateLimit when it needs too much memory.
Result<Value> parse_json(Heap& heap, std::string_view json);

}  // namespace forebay::text::jinja

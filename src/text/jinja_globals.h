// The functions every template has: range, namespace, dict, joiner, raise_exception, strftime_now.
#pragma once

#include <string_view>

#include "text/jinja_objects.h"
#include "text/jinja_value.h"

namespace forebay::text::jinja {

// nullptr when there is none of that name.
const Callable* find_global(std::string_view name);

}  // namespace forebay::text::jinja

// What may stand after `is`.
#pragma once

#include <string_view>

#include "text/jinja_objects.h"
#include "text/jinja_value.h"

namespace forebay::text::jinja {

// nullptr when there is none of that name.
Builtin find_test(std::string_view name);

}  // namespace forebay::text::jinja

// The filters templates may use, by name.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "text/jinja_objects.h"
#include "text/jinja_value.h"

namespace forebay::text::jinja {

using NamedBuiltins = std::span<const std::pair<std::string_view, Builtin>>;

// nullptr when there is none of that name.
Builtin find_filter(std::string_view name);

NamedBuiltins string_filters();
NamedBuiltins list_filters();
NamedBuiltins selecting_filters();
NamedBuiltins number_filters();

}  // namespace forebay::text::jinja

#include "text/jinja_filters.h"

#include <map>

namespace forebay::text::jinja {

Builtin find_filter(std::string_view name) {
  static const std::map<std::string_view, Builtin> kFilters = [] {
    std::map<std::string_view, Builtin> filters;
    for (const NamedBuiltins& group : {string_filters(), list_filters(), selecting_filters(), number_filters()}) {
      for (const auto& [known, call] : group) filters.emplace(known, call);
    }
    return filters;
  }();
  const auto found = kFilters.find(name);
  return found == kFilters.end() ? nullptr : found->second;
}

}  // namespace forebay::text::jinja

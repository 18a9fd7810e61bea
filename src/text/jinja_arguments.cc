#include "text/jinja_arguments.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/errors.h"

namespace forebay::text::jinja {

Result<std::int64_t> Bound::whole(std::size_t i, std::int64_t missing) const {
  if (!has(i)) return missing;
  if (!values_[i]->is_whole()) return fail(kTemplateFailed, fmt::format("an integer is needed, not {}", type_name(*values_[i])));
  return values_[i]->whole();
}

Result<std::string_view> Bound::text(std::size_t i, std::string_view missing) const {
  if (!has(i)) return missing;
  if (!values_[i]->is(Kind::kString)) return fail(kTemplateFailed, fmt::format("text is needed, not {}", type_name(*values_[i])));
  return values_[i]->text();
}

Result<Bound> bind(const Arguments& arguments, std::initializer_list<std::string_view> names, std::size_t required) {
  std::vector<std::optional<Value>> values(names.size());
  if (arguments.positional.size() > names.size()) {
    return fail(kTemplateFailed, fmt::format("takes at most {} arguments, {} given", names.size(), arguments.positional.size()));
  }
  std::ranges::copy(arguments.positional, values.begin());
  for (const auto& [name, value] : arguments.named) {
    const auto known = std::ranges::find(names, name);
    if (known == names.end()) return fail(kTemplateFailed, fmt::format("unexpected keyword argument '{}'", name));
    std::optional<Value>& slot = values[static_cast<std::size_t>(known - names.begin())];
    if (slot) return fail(kTemplateFailed, fmt::format("got two values for argument '{}'", name));
    slot = value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (!values[i]) return fail(kTemplateFailed, fmt::format("missing argument '{}'", names.begin()[i]));
  }
  return Bound(std::move(values));
}

}  // namespace forebay::text::jinja

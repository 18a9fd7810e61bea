#include "cli/json_members.h"

#include <glaze/json.hpp>
#include <map>

#include "cli/errors.h"

namespace forebay::cli {

Result<std::vector<std::pair<std::string, std::string>>> json_members(std::string_view json) {
  std::map<std::string, glz::raw_json> members;
  const std::string text(json);  // glaze reads up to a terminating zero
  try {
    if (const auto problem = glz::read_json(members, text))
      return fail(kInputNotUnderstood, "not a JSON object: " + glz::format_error(problem, text));
  } catch (const std::exception& exception) {
    return fail(kInputNotUnderstood, std::string("not a JSON object: ") + exception.what());
  }
  std::vector<std::pair<std::string, std::string>> found;
  for (auto& [name, value] : members) found.emplace_back(name, std::move(value.str));
  return found;
}

}  // namespace forebay::cli

#include "inference/field_errors.h"

#include <string_view>
#include <utility>

namespace forebay::inference {

Error about(Error error, const std::string& field) { return error.field().empty() ? std::move(error).with_field(field) : error; }

Error about_texts(Error error, const std::string& field, std::size_t texts) {
  constexpr std::string_view kRunnersName = "input";
  if (!error.field().starts_with(kRunnersName)) return error;
  const std::string index = error.field().substr(kRunnersName.size());
  return std::move(error).with_field(texts == 1 ? field : field + index);
}

}  // namespace forebay::inference

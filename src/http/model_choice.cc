#include "http/model_choice.h"

#include <fmt/format.h>

#include "http/errors.h"
#include "http/exchange.h"

namespace forebay::http {

namespace {
Result<std::string> chosen(const Exchange& exchange, const char* field, const std::string& given) {
  std::string in_query = exchange.query(field);
  if (in_query.empty() || in_query == given) return given;
  if (given.empty()) return in_query;
  return fail(Error(kFieldConflict,
                    fmt::format("'{}' is '{}', and the URL's query says '{}'", field, given.substr(0, 100), in_query.substr(0, 100)))
                  .with_field(field));
}
}  // namespace

Result<std::string> model_name(const Exchange& exchange, const std::string& given) { return chosen(exchange, "model", given); }
Result<std::string> model_version(const Exchange& exchange, const std::string& given) { return chosen(exchange, "version", given); }

}  // namespace forebay::http

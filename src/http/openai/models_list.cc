#include <fmt/format.h>
#include <fmt/ranges.h>

#include "http/errors.h"
#include "http/exchange.h"
#include "http/leases.h"
#include "http/openai/handlers.h"
#include "models/errors.h"
#include "models/served_model.h"

namespace forebay::http::openai {

namespace {

void write_model(JsonWriter& json, const forebay::models::ModelStatus& status) {
  const auto since = std::chrono::duration_cast<std::chrono::seconds>(status.since.time_since_epoch()).count();
  json.object().field("id", status.name).field("object", "model").field("created", since).field("owned_by", "forebay");
  json.field("version", status.version).field("state", name_of(status.state));
  if (status.model != nullptr)
    json.field("task", name_of(status.model->description.task)).field("format", name_of(status.model->description.format));
  if (status.error) {
    json.key("error").object().field("code", status.error->code().name).field("forebay_code", status.error->code().id());
    json.field("message", status.error->message()).field("hint", status.error->hint()).end();
  }
  json.end();
}

}  // namespace

void models(const ExchangePtr& exchange) {
  JsonWriter json;
  json.object().field("object", "list").key("data").array();
  for (const auto& status : exchange->parts().context.catalog->list()) write_model(json, status);
  json.end().end();
  exchange->answer_json(json.take());
}

void model(const ExchangePtr& exchange) {
  const std::string name = fmt::format("{}", fmt::join(exchange->match().parameters, "/"));  // "org/name" may come as two segments
  const auto listing = exchange->parts().context.catalog->list();
  // The listing is by name, then version: the last one of a name is its newest.
  const auto newest =
      std::find_if(listing.rbegin(), listing.rend(), [&name](const forebay::models::ModelStatus& status) { return status.name == name; });
  if (newest == listing.rend()) {
    auto missing = lease_any(*exchange, name);
    return exchange->refuse(
        Error(missing ? Error(forebay::models::kModelNotFound, fmt::format("there is no model '{}'", name)) : missing.error())
            .with_field("model"));
  }
  JsonWriter json;
  write_model(json, *newest);
  exchange->answer_json(json.take());
}

}  // namespace forebay::http::openai

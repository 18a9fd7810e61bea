#include "http/rerank_run.h"

#include <fmt/format.h>

#include "http/errors.h"
#include "http/leases.h"
#include "http/service_call.h"
#include "models/served_model.h"

namespace forebay::http {

namespace {

Result<> start(const ExchangePtr& exchange, const ScoringOrder& order, std::function<std::string(const inference::Scores&)> to_json) {
  TRY(exchange->set_urgency(order.urgency));
  TRY_ASSIGN(const auto model, lease_scorer(*exchange, order.model, order.params.kind));
  const auto call = call_of(exchange);
  TRY_ASSIGN(auto request, inference::prepare_scoring(call, *model, order.params));
  exchange->keep(model, &exchange->parts().context.serving_metrics->for_model(model->name));
  return inference::submit_scoring(call, *model, std::move(request), order.params,
                                   [exchange, to_json = std::move(to_json)](Result<inference::Scores> scores) {
                                     if (!scores) return exchange->refuse(scores.error());
                                     exchange->answer_json(to_json(*scores));
                                   });
}

}  // namespace

void score(const ExchangePtr& exchange, const ScoringOrder& order, std::function<std::string(const inference::Scores&)> to_json) {
  if (auto started = start(exchange, order, std::move(to_json)); !started) exchange->refuse(started.error());
}

Result<std::vector<std::string>> read_documents(const JsonValue& field, std::size_t most) {
  TRY_ASSIGN(const auto items, field.items(most));
  if (items.empty()) return fail(Error(kFieldRange, fmt::format("'{}' is empty", field.path())).with_field(field.path()));
  std::vector<std::string> documents;
  for (const auto& item : items) {
    JsonValue text = item;
    if (item.type() == JsonType::kObject) {
      TRY_ASSIGN(const auto object, JsonObject::of(item));
      TRY_ASSIGN(text, object.need("text"));
    }
    TRY_ASSIGN(auto document, text.string());
    documents.push_back(std::move(document));
  }
  return documents;
}

}  // namespace forebay::http

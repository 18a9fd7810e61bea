#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "http/admin/handlers.h"
#include "http/exchange.h"
#include "models/served_model.h"

namespace forebay::http::admin {

namespace {

std::vector<scheduling::DeadLetter> letters_of(const models::ServedModel& model) {
  if (model.generation) return model.generation->dead_letters();
  if (model.tensors) return model.tensors->dead_letters();
  if (model.embedding) return model.embedding->dead_letters();
  return {};
}

}  // namespace

void dead_letters(const ExchangePtr& exchange) {
  const std::string wanted = exchange->query("model");
  std::vector<scheduling::DeadLetter> all;
  for (const auto& status : exchange->parts().context.catalog->list()) {
    if (status.model == nullptr || (!wanted.empty() && status.name != wanted)) continue;
    for (auto& letter : letters_of(*status.model)) {
      letter.model = status.name;
      all.push_back(std::move(letter));
    }
  }
  std::ranges::stable_sort(all, std::greater<>(), &scheduling::DeadLetter::when);
  JsonWriter json;
  json.object().key("dead_letters").array();
  for (const auto& letter : all) {
    json.object().field("request_id", letter.request_id).field("client", letter.client).field("model", letter.model);
    json.field("code", letter.code).field("message", letter.message);
    json.field("when", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", std::chrono::floor<std::chrono::milliseconds>(letter.when)));
    json.field("attempts", letter.attempts).field("tokens_generated", letter.tokens_generated).end();
  }
  json.end().end();
  exchange->answer_json(json.take());
}

}  // namespace forebay::http::admin

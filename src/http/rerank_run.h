// Texts, or pairs of texts, to a classifier's scores, the same for every dialect: the model leased, the service called.
// Threads: called on the request pool. Not here: any dialect's JSON, and what is done with the texts (inference/scoring.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "http/exchange.h"
#include "http/json_body.h"
#include "http/urgency.h"
#include "inference/scoring.h"

namespace forebay::http {

struct ScoringOrder {
  std::string model;
  Urgency urgency;
  inference::ScoringParams params;
};

// Leases the model and answers with `to_json`, which runs on the request pool, or with an error of inference/scoring.h or kWrongTask.
void score(const ExchangePtr& exchange, const ScoringOrder& order, std::function<std::string(const inference::Scores&)> to_json);

// "documents": strings, or objects with "text"; at least one.
Result<std::vector<std::string>> read_documents(const JsonValue& field, std::size_t most);

}  // namespace forebay::http

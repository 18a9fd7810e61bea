// Where a request gets its model. The name comes from the URL, its query or the body (model_choice.h), the policy is asked whether the
// principal may do the route's action with that model, and the catalogue leases it. Every error is about the field "model".
// Threads: called on the request's loop or pool; never blocks.
#pragma once

#include <string>

#include "base/result.h"
#include "formats/model_description.h"
#include "inference/scoring.h"
#include "models/catalog.h"

namespace forebay::http {

class Exchange;

// A model of any task.
Result<models::Lease> lease_any(const Exchange& exchange, const std::string& name, const std::string& version = {});
// A model of this task; a deployment in the URL goes before `name`. kWrongTask.
Result<models::Lease> lease_for(const Exchange& exchange, const std::string& name, formats::Task task);
// A tensor model. kWrongTask.
Result<models::Lease> lease_tensors(const Exchange& exchange, const std::string& name, const std::string& version = {});
// The model that ranks, or classifies (a reranker does, too, where no classifier is meant). kWrongTask.
Result<models::Lease> lease_scorer(const Exchange& exchange, const std::string& name, inference::ScoringKind kind);

}  // namespace forebay::http

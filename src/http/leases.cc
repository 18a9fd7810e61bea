#include "http/leases.h"

#include "accounts/policy.h"
#include "http/exchange.h"
#include "http/model_choice.h"
#include "inference/field_errors.h"

namespace forebay::http {

namespace {
Result<models::Lease> leased(const Exchange& exchange, const std::string& name, const std::string& version,
                             std::optional<formats::Task> task) {
  TRY_ASSIGN(const auto meant, model_name(exchange, name));
  TRY_ASSIGN(const auto meant_version, model_version(exchange, version));
  TRY(accounts::allowed(exchange.principal(), exchange.match().route->action, meant));
  auto lease = exchange.parts().context.catalog->lease({.name = meant, .version = meant_version, .task = task});
  if (!lease) return fail(inference::about(lease.error(), "model"));
  return lease;
}
}  // namespace

Result<models::Lease> lease_any(const Exchange& exchange, const std::string& name, const std::string& version) {
  return leased(exchange, name, version, std::nullopt);
}

Result<models::Lease> lease_for(const Exchange& exchange, const std::string& name, formats::Task task) {
  const auto& in_url = exchange.match().parameters;
  return leased(exchange, in_url.empty() ? name : in_url.front(), {}, task);
}

Result<models::Lease> lease_tensors(const Exchange& exchange, const std::string& name, const std::string& version) {
  return leased(exchange, name, version, formats::Task::kTensors);
}

Result<models::Lease> lease_scorer(const Exchange& exchange, const std::string& name, inference::ScoringKind kind) {
  using formats::Task;
  if (kind == inference::ScoringKind::kRanking) return lease_for(exchange, name, Task::kReranking);
  auto classifier = lease_for(exchange, name, Task::kClassification);
  if (classifier) return classifier;
  auto reranker = lease_for(exchange, name, Task::kReranking);
  return reranker ? std::move(reranker) : std::move(classifier);
}

}  // namespace forebay::http

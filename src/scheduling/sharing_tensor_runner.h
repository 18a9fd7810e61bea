// A tensor runner in front of another one: an identical request of the same cache scope is answered from the cache, or by the run of the
// one that is in flight.
//   The first request with a question leads a flight and goes to the other runner as it came; those that ask the same meanwhile follow it.
//   When the leader ends for reasons of its own (cancelled, its deadline, refused by admission), the next one leads.
//   A follower that is cancelled is answered at once. No request follows a leader of lower priority, nor one that leads after it.
// Threads: as TensorRunner. Owner: models::ServedModel.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/gate.h"
#include "base/synchronized.h"
#include "scheduling/answer_cache.h"
#include "scheduling/runners.h"
#include "scheduling/tensor_question.h"

namespace forebay::scheduling {

class SharingTensorRunner final : public TensorRunner {
 public:
  SharingTensorRunner(std::unique_ptr<TensorRunner> runner, const TensorOptions& options, const RunnerContext& context);
  ~SharingTensorRunner() override;

  Result<> submit(TensorRequest request, Done done) override;
  RunnerStats stats() const override;
  std::vector<DeadLetter> dead_letters() const override { return runner_->dead_letters(); }
  void help() override { runner_->help(); }
  std::size_t clear_cache() override { return cache_ ? cache_->clear() : 0; }

 private:
  struct Member;
  struct Flight;
  using MemberPtr = std::shared_ptr<Member>;
  using FlightPtr = std::shared_ptr<Flight>;

  bool join_or_list(const FlightPtr& flight, const MemberPtr& member);
  Result<> send(const FlightPtr& flight, const MemberPtr& leader, bool will_help = false);
  void landed(const FlightPtr& flight, Member& leader, Result<TensorAnswer> answer);
  void hand_on(const FlightPtr& flight);
  MemberPtr next_leader(const FlightPtr& flight);
  std::vector<MemberPtr> unlist(const FlightPtr& flight);

  const std::size_t followers_max_;
  const bool shares_;
  const bool shares_caches_;  // between cache scopes
  const Clock& clock_;
  std::optional<AnswerCache> cache_;
  Synchronized<std::unordered_map<std::size_t, FlightPtr>> flights_;
  std::atomic<std::uint64_t> shared_{0};
  Gate sending_;  // of those that lead later: closed before the runner ends
  std::unique_ptr<TensorRunner> runner_;
};

}  // namespace forebay::scheduling

#include "scheduling/sharing_tensor_runner.h"

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "scheduling/errors.h"

namespace forebay::scheduling {

// Answered by whoever comes first: the flight, or its own cancel token.
struct SharingTensorRunner::Member {
  Member(Ticket its_ticket, Done its_done) : ticket(std::move(its_ticket)), done(std::move(its_done)) {}
  bool answer(Result<TensorAnswer> with) {
    if (answered.exchange(true)) return false;
    done(std::move(with));
    return true;
  }
  const Ticket ticket;
  Done done;
  std::atomic<bool> answered{false};
  CancelToken::Subscription on_cancel;  // of followers; the leader's cancel is the other runner's business
};

struct SharingTensorRunner::Flight {
  std::size_t hash = 0;
  TensorQuestion question;
  Priority priority = Priority::kNormal;
  std::vector<MemberPtr> followers;  // under the lock of the flights
  bool listed = false;               // the same
};

namespace {
// What says something about the one who asked and nothing about the question.
bool is_own_end(const Error& error) {
  return error.code() == kCancelledByCaller || error.code() == kDeadlinePassed || error.code() == kOverloaded;
}

bool keeps_answers(const AnswerCacheOptions& options, const std::string& model) {
  return std::ranges::any_of(options.models, [&](const std::string& name) { return name == "*" || name == model; });
}
}  // namespace

SharingTensorRunner::SharingTensorRunner(std::unique_ptr<TensorRunner> runner, const TensorOptions& options, const RunnerContext& context)
    : followers_max_(options.admission.queue_requests_max),
      shares_(options.single_flight),
      shares_caches_(context.shares_caches),
      clock_(*context.clock),
      runner_(std::move(runner)) {
  if (keeps_answers(options.cache, context.model)) cache_.emplace(options.cache, context);
}

// Followers lead no more. The other runner answers everything it holds, and so all that follow.
SharingTensorRunner::~SharingTensorRunner() {
  sending_.close_and_wait_until(Instant::max());
  runner_.reset();
}

Result<> SharingTensorRunner::submit(TensorRequest request, Done done) {
  if (!shares_ && !cache_) return runner_->submit(std::move(request), std::move(done));
  TensorQuestion question{std::move(request.inputs), std::move(request.outputs), shares_caches_ ? 0 : request.ticket.cache_scope};
  const std::size_t hash = hash_of(question);
  if (cache_) {
    if (auto known = cache_->find(hash, question)) {
      done(*std::move(known));
      return {};
    }
  }
  auto flight = std::make_shared<Flight>();
  flight->hash = hash;
  flight->question = std::move(question);
  flight->priority = request.ticket.priority;
  auto member = std::make_shared<Member>(std::move(request.ticket), std::move(done));
  if (shares_ && join_or_list(flight, member)) return {};
  auto sent = send(flight, member, request.will_help);
  if (!sent) hand_on(flight);
  return sent;
}

// True when the member follows another flight now; else this one is listed, unless another with the same hash is.
bool SharingTensorRunner::join_or_list(const FlightPtr& flight, const MemberPtr& member) {
  {
    auto flights = flights_.lock();
    const auto [place, is_new] = flights->try_emplace(flight->hash, flight);
    if (is_new) {
      flight->listed = true;
      return false;
    }
    Flight& other = *place->second;
    if (member->ticket.priority < other.priority || other.followers.size() >= followers_max_ ||
        !identical(other.question, flight->question))
      return false;
    other.followers.push_back(member);
  }
  member->on_cancel = member->ticket.cancel.on_cancel([weak = std::weak_ptr(member)](CancelReason) {
    if (const auto cancelled = weak.lock()) cancelled->answer(fail(cancelled->ticket.cancel.error()));
  });
  return true;
}

Result<> SharingTensorRunner::send(const FlightPtr& flight, const MemberPtr& leader, bool will_help) {
  TensorRequest request{
      .ticket = leader->ticket, .inputs = flight->question.inputs, .outputs = flight->question.outputs, .will_help = will_help};
  return runner_->submit(std::move(request),
                         [this, flight, leader](Result<TensorAnswer> answer) { landed(flight, *leader, std::move(answer)); });
}

void SharingTensorRunner::landed(const FlightPtr& flight, Member& leader, Result<TensorAnswer> answer) {
  if (!answer && is_own_end(answer.error())) {
    leader.answer(std::move(answer));
    return hand_on(flight);
  }
  const auto followers = unlist(flight);
  if (answer && cache_) cache_->insert(flight->hash, flight->question, answer->outputs);
  const Instant now = clock_.now();
  for (const auto& follower : followers) {
    if (follower->ticket.deadline && *follower->ticket.deadline <= now) {
      follower->answer(fail(kDeadlinePassed, "the request's deadline passed"));
      continue;
    }
    auto same = answer;
    if (same) same->source = AnswerSource::kShared;
    if (follower->answer(std::move(same))) ++shared_;
  }
  leader.answer(std::move(answer));
}

void SharingTensorRunner::hand_on(const FlightPtr& flight) {
  while (const auto next = next_leader(flight)) {
    const auto inside = sending_.enter();
    auto sent = inside ? send(flight, next) : Result<>(fail(inside.error()));
    if (sent) return;
    next->answer(fail(std::move(sent).error()));
  }
}

// The follower of the highest priority that came first. Nothing when there is none any more; then the flight is over.
SharingTensorRunner::MemberPtr SharingTensorRunner::next_leader(const FlightPtr& flight) {
  std::vector<MemberPtr> left;  // destroyed after the lock
  auto flights = flights_.lock();
  while (!flight->followers.empty()) {
    const auto place = std::ranges::min_element(flight->followers, {}, [](const MemberPtr& one) { return one->ticket.priority; });
    auto first = std::move(*place);
    flight->followers.erase(place);
    if (!first->answered) {
      flight->priority = first->ticket.priority;
      return first;
    }
    left.push_back(std::move(first));
  }
  if (std::exchange(flight->listed, false)) flights->erase(flight->hash);
  return nullptr;
}

std::vector<SharingTensorRunner::MemberPtr> SharingTensorRunner::unlist(const FlightPtr& flight) {
  if (!shares_) return {};
  auto flights = flights_.lock();
  if (std::exchange(flight->listed, false)) flights->erase(flight->hash);
  return std::exchange(flight->followers, {});
}

RunnerStats SharingTensorRunner::stats() const {
  RunnerStats stats = runner_->stats();
  stats.answers.enabled = cache_.has_value();
  stats.answers.shared = shared_;
  if (cache_) cache_->report(stats.answers);
  return stats;
}

}  // namespace forebay::scheduling

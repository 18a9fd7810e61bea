#include "scheduling/embedding_cache.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/gate.h"
#include "base/lru.h"
#include "base/synchronized.h"
#include "scheduling/cache_memory.h"

namespace forebay::scheduling {

namespace {

constexpr std::size_t kEntriesMax = 1'000'000;
constexpr std::size_t kJoinedMax = 10'000;        // texts that wait for runs of others; admission does not count them
constexpr std::size_t kEntryOverheadBytes = 200;  // of the list, the index and the allocations

using Vector = std::shared_ptr<const std::vector<float>>;

// The tokens themselves: equal keys are equal texts of one cache scope.
std::string key_of(const std::vector<Token>& tokens, std::uint32_t second_from, CacheScope scope) {
  std::string key;
  key.reserve(sizeof scope + sizeof second_from + tokens.size() * sizeof(Token));
  const auto append = [&key](const void* bytes, std::size_t size) { key.append(static_cast<const char*>(bytes), size); };
  append(&scope, sizeof scope);
  append(&second_from, sizeof second_from);
  append(tokens.data(), tokens.size() * sizeof(Token));
  return key;
}

// A request with some of its texts answered: the rest comes from one run of its own and from those of others.
struct Pending {
  EmbeddingRequest request;
  CacheScope scope = 0;
  EmbeddingRunner::Done done;
  EmbeddingAnswer answer;
  std::size_t missing = 0;
  bool ended = false;
  CancelToken::Subscription on_cancel;  // while it waits for the runs of others
};

struct Place {  // where a vector is waited for
  std::shared_ptr<Pending> pending;
  std::size_t index = 0;
  bool joined = false;  // another request computes it
};

struct State {
  State(std::uint64_t bytes_max, ByteBudget* budget)
      : vectors({.bytes_max = bytes_max, .entries_max = kEntriesMax}), is_bounded(budget != nullptr) {
    stats.bytes_max = bytes_max;
    if (budget != nullptr) held = *budget->reserve(0, "the embedding cache");
  }
  // Evicts the oldest until the vectors are so small and the budget has room for them; takes their bytes from it or gives them back.
  void fit_into(std::size_t bytes_max);

  Lru<std::string, Vector> vectors;
  bool is_bounded;               // by the budget
  ByteBudget::Reservation held;  // … in which the vectors' bytes are reserved
  std::unordered_map<std::string, std::vector<Place>> in_flight;
  EmbeddingCacheStats stats;
  std::uint64_t generation = 0;  // of clear(): what began before is not kept
  std::size_t joined = 0;        // places that wait for the run of another request

  // The places that wait for this text; they wait no more.
  std::vector<Place> take_places(const std::string& key) {
    auto waiting = in_flight.extract(key);
    if (waiting.empty()) return {};
    for (const Place& place : waiting.mapped()) joined -= place.joined ? 1 : 0;
    return std::move(waiting.mapped());
  }
};

void State::fit_into(std::size_t bytes_max) {
  while (vectors.bytes() > bytes_max || (is_bounded && !held.resize(vectors.bytes(), "the embedding cache"))) vectors.pop_oldest();
}

class CachingRunner final : public EmbeddingRunner {
 public:
  CachingRunner(std::unique_ptr<EmbeddingRunner> runner, std::uint64_t bytes_max, const RunnerContext& context)
      : state_(std::make_shared<Synchronized<State>>(State(bytes_max, context.budget))),
        memory_(CacheKind::kVectors, bytes_max, context.budget, context.pressure,
                {.bytes = [state = state_] { return state->read([](const State& now) { return now.vectors.bytes(); }); },
                 .shrink_to =
                     [state = state_](std::size_t allowed) {
                       auto now = state->lock();
                       now->fit_into(allowed);
                     }}),
        shares_caches_(context.shares_caches),
        runner_(std::move(runner)) {}

  // What waits for the runs of others is computed no more; the other runner answers everything it holds.
  ~CachingRunner() override {
    sending_.close_and_wait_until(Instant::max());
    runner_.reset();
    // Requests in flight refer to the state that holds them.
    std::unordered_map<std::string, std::vector<Place>> unanswered;
    auto state = state_->lock();
    unanswered.swap(state->in_flight);
    state.unlock();
  }

  Result<> submit(EmbeddingRequest request, Done done) override;
  const engines::EmbeddingSessionInfo& session_info() const override { return runner_->session_info(); }
  RunnerStats stats() const override;
  std::vector<DeadLetter> dead_letters() const override { return runner_->dead_letters(); }
  std::size_t clear_cache() override;
  std::size_t request_texts_max() const override { return runner_->request_texts_max(); }

 private:
  struct Missing {  // what this request computes, for itself and for whoever comes meanwhile
    std::vector<std::string> keys;
    std::vector<std::size_t> indices;
    std::uint64_t generation = 0;
  };
  // Takes what is kept, waits for what is in flight; the rest is in Missing.
  static Missing look_up(State& state, const std::shared_ptr<Pending>& pending);
  Result<> compute(const std::shared_ptr<Pending>& pending, Missing missing);
  void arrived(const std::shared_ptr<Pending>& pending, const Missing& missing, EmbeddingAnswer answer);
  void failed(const std::shared_ptr<Pending>& pending, const Missing& missing, const Error& error);
  void retry(const std::vector<Place>& places);

  const std::shared_ptr<Synchronized<State>> state_;
  const CacheMemory memory_;
  const bool shares_caches_;  // between cache scopes
  Gate sending_;              // of those that compute later: closed before the runner ends
  std::unique_ptr<EmbeddingRunner> runner_;
};

std::uint32_t second_of(const EmbeddingRequest& request, std::size_t index) {
  return request.second_from.empty() ? static_cast<std::uint32_t>(request.texts[index].size()) : request.second_from[index];
}

// Whether a request of at least this priority computes it already, and ends no later: then the deadline of the one that waits is seen too.
bool is_computed_soon(const std::vector<Place>& places, const Ticket& ticket) {
  return std::ranges::any_of(places, [&ticket](const Place& place) {
    const Ticket& other = place.pending->request.ticket;
    const bool ends_first = !ticket.deadline || (other.deadline && *other.deadline <= *ticket.deadline);
    return !place.joined && !place.pending->ended && other.priority <= ticket.priority && ends_first;
  });
}

// With the lock held; the one whose last vector this is, is told without it.
void put(const Place& place, const std::vector<float>& vector, std::vector<std::shared_ptr<Pending>>& finished) {
  Pending& pending = *place.pending;
  pending.answer.vectors[place.index] = vector;
  if (--pending.missing == 0 && !std::exchange(pending.ended, true)) finished.push_back(place.pending);
}

void tell(const std::vector<std::shared_ptr<Pending>>& finished) {
  for (const auto& pending : finished) pending->done(std::move(pending->answer));
}

Result<> CachingRunner::submit(EmbeddingRequest request, Done done) {
  auto pending = std::make_shared<Pending>();
  pending->request = std::move(request);
  pending->scope = shares_caches_ ? 0 : pending->request.ticket.cache_scope;
  pending->done = std::move(done);
  const auto& texts = pending->request.texts;
  pending->answer.vectors.resize(texts.size());
  pending->missing = texts.size();
  for (const auto& text : texts) pending->answer.tokens += static_cast<std::uint32_t>(text.size());
  if (texts.empty()) return runner_->submit(std::move(pending->request), std::move(pending->done));
  Missing missing;
  bool finished = false;
  {
    auto state = state_->lock();
    missing = look_up(*state, pending);
    finished = pending->missing == 0;
    pending->ended = finished;
  }
  if (finished) {
    tell({pending});
    return {};
  }
  pending->on_cancel = pending->request.ticket.cancel.on_cancel([state = state_, weak = std::weak_ptr(pending)](CancelReason) {
    const auto cancelled = weak.lock();
    if (!cancelled) return;
    {
      auto locked = state->lock();
      if (std::exchange(cancelled->ended, true)) return;
    }
    cancelled->done(fail(cancelled->request.ticket.cancel.error()));
  });
  if (missing.indices.empty()) return {};
  return compute(pending, std::move(missing));
}

CachingRunner::Missing CachingRunner::look_up(State& state, const std::shared_ptr<Pending>& pending) {
  Missing missing;
  missing.generation = state.generation;
  for (std::size_t index = 0; index < pending->request.texts.size(); ++index) {
    auto key = key_of(pending->request.texts[index], second_of(pending->request, index), pending->scope);
    if (const Vector* kept = state.vectors.find(key)) {
      ++state.stats.hits;
      pending->answer.vectors[index] = **kept;
      --pending->missing;
      continue;
    }
    auto& places = state.in_flight[key];
    const bool joins = state.joined < kJoinedMax && is_computed_soon(places, pending->request.ticket);
    places.push_back({pending, index, joins});
    state.joined += joins ? 1 : 0;
    ++(joins ? state.stats.joined : state.stats.misses);
    if (joins) continue;
    missing.keys.push_back(std::move(key));
    missing.indices.push_back(index);
  }
  return missing;
}

Result<> CachingRunner::compute(const std::shared_ptr<Pending>& pending, Missing missing) {
  EmbeddingRequest request;
  request.ticket = pending->request.ticket;
  for (const std::size_t index : missing.indices) {
    request.texts.push_back(pending->request.texts[index]);
    request.second_from.push_back(second_of(pending->request, index));
  }
  if (pending->request.second_from.empty()) request.second_from.clear();
  auto shared = std::make_shared<const Missing>(std::move(missing));
  auto submitted = runner_->submit(std::move(request), [this, pending, shared](Result<EmbeddingAnswer> answer) {
    if (answer)
      arrived(pending, *shared, *std::move(answer));
    else
      failed(pending, *shared, answer.error());
  });
  if (submitted) return {};
  // Refused at once: the caller learns it from the result, unless the request was answered meanwhile; the others try for themselves.
  std::vector<Place> others;
  bool mine = false;
  {
    auto state = state_->lock();
    mine = !std::exchange(pending->ended, true);
    for (const auto& key : shared->keys) {
      for (auto& place : state->take_places(key)) {
        if (place.pending != pending) others.push_back(std::move(place));
      }
    }
  }
  retry(others);
  if (!mine) return {};
  return submitted;
}

void CachingRunner::arrived(const std::shared_ptr<Pending>& pending, const Missing& missing, EmbeddingAnswer answer) {
  std::vector<std::shared_ptr<Pending>> finished;
  std::vector<Place> taken;  // outlives the lock: the last reference to a request ends its subscription, whose callback takes the lock
  {
    auto state = state_->lock();
    pending->answer.queued = answer.queued;
    pending->answer.inference = answer.inference;
    for (std::size_t i = 0; i < missing.keys.size(); ++i) {
      const auto& key = missing.keys[i];
      for (auto& place : state->take_places(key)) {
        put(place, answer.vectors[i], finished);
        taken.push_back(std::move(place));
      }
      if (missing.generation != state->generation) continue;
      const std::size_t bytes = 2 * key.size() + answer.vectors[i].size() * sizeof(float) + kEntryOverheadBytes;
      state->vectors.insert(key, std::make_shared<const std::vector<float>>(std::move(answer.vectors[i])), bytes);
    }
    state->fit_into(memory_.bytes_allowed());
  }
  tell(finished);
}

// One request's failure, its deadline say, is not that of the others.
void CachingRunner::failed(const std::shared_ptr<Pending>& pending, const Missing& missing, const Error& error) {
  std::vector<Place> others;
  bool mine = false;
  {
    auto state = state_->lock();
    mine = !std::exchange(pending->ended, true);
    for (const auto& key : missing.keys) {
      for (auto& place : state->take_places(key)) {
        if (place.pending != pending) others.push_back(std::move(place));
      }
    }
  }
  if (mine) pending->done(std::unexpected(error));
  retry(others);
}

void CachingRunner::retry(const std::vector<Place>& places) {
  for (const Place& place : places) {
    Missing missing;
    const auto inside = sending_.enter();
    {
      auto state = state_->lock();
      if (place.pending->ended) continue;
      if (!inside) {
        place.pending->ended = true;
        state.unlock();
        place.pending->done(fail(inside.error()));
        continue;
      }
      auto key = key_of(place.pending->request.texts[place.index], second_of(place.pending->request, place.index), place.pending->scope);
      const auto [found, first] = state->in_flight.try_emplace(key);
      found->second.push_back({place.pending, place.index, !first});
      state->joined += first ? 0 : 1;
      missing.generation = state->generation;
      if (!first) continue;
      missing.keys.push_back(std::move(key));
      missing.indices.push_back(place.index);
    }
    auto submitted = compute(place.pending, std::move(missing));
    if (!submitted) place.pending->done(std::unexpected(std::move(submitted).error()));
  }
}

RunnerStats CachingRunner::stats() const {
  RunnerStats stats = runner_->stats();
  auto state = state_->lock();
  stats.embedding_cache = state->stats;
  stats.embedding_cache.entries = state->vectors.size();
  stats.embedding_cache.bytes = state->vectors.bytes();
  stats.embedding_cache.evictions = state->vectors.evictions();
  return stats;
}

std::size_t CachingRunner::clear_cache() {
  auto state = state_->lock();
  ++state->generation;
  const std::size_t kept = state->vectors.size();
  state->vectors.clear();
  state->fit_into(0);
  return kept;
}

}  // namespace

std::unique_ptr<EmbeddingRunner> with_embedding_cache(std::unique_ptr<EmbeddingRunner> runner, std::uint64_t cache_bytes_max,
                                                      const RunnerContext& context) {
  return std::make_unique<CachingRunner>(std::move(runner), cache_bytes_max, context);
}

}  // namespace forebay::scheduling

#include "base/cancel.h"

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "base/errors.h"

namespace forebay {

// The entry's mutex is held while its callback runs, so that ending a subscription waits for a running call. It is
// recursive because a callback may end its own subscription.
struct CancelToken::Subscription::Entry {
  std::recursive_mutex mutex;
  std::function<void(CancelReason)> then;

  void call(CancelReason reason) {
    std::lock_guard guard(mutex);
    if (auto once = std::exchange(then, nullptr)) once(reason);
  }
  void end() {
    std::lock_guard guard(mutex);
    then = nullptr;
  }
};

struct CancelToken::State {
  std::atomic<CancelReason> reason{CancelReason::kNone};
  std::mutex mutex;
  std::vector<std::weak_ptr<Subscription::Entry>> entries;
};

std::string_view name_of(CancelReason reason) {
  switch (reason) {
    case CancelReason::kNone:
      return "none";
    case CancelReason::kClientGone:
      return "client_gone";
    case CancelReason::kDeadline:
      return "deadline";
    case CancelReason::kShutdown:
      return "shutdown";
    case CancelReason::kSlowReader:
      return "slow_reader";
    case CancelReason::kSuperseded:
      return "superseded";
  }
  return "none";
}

CancelToken::CancelToken() : state_(std::make_shared<State>()) {}

CancelReason CancelToken::reason() const { return state_->reason.load(std::memory_order_acquire); }

void CancelToken::cancel(CancelReason reason) const {
  std::vector<std::weak_ptr<Subscription::Entry>> entries;
  {
    std::lock_guard guard(state_->mutex);
    auto none = CancelReason::kNone;
    if (reason == CancelReason::kNone || !state_->reason.compare_exchange_strong(none, reason)) return;
    entries.swap(state_->entries);
  }
  for (const auto& weak : entries) {
    if (auto entry = weak.lock()) entry->call(reason);
  }
}

Error CancelToken::error() const {
  switch (reason()) {
    case CancelReason::kDeadline:
      return {kDeadlinePassed, "the request did not finish before its deadline"};
    case CancelReason::kShutdown:
      return {kShuttingDown, "the server is shutting down"};
    default:
      return {kCancelledByCaller, "the request was cancelled: " + std::string(name_of(reason()))};
  }
}

CancelToken::Subscription CancelToken::on_cancel(std::function<void(CancelReason)> then) const {
  Subscription subscription;
  subscription.entry_ = std::make_shared<Subscription::Entry>();
  subscription.entry_->then = std::move(then);
  bool already = false;
  {
    std::lock_guard guard(state_->mutex);
    already = cancelled();
    if (!already) {
      std::erase_if(state_->entries, [](const auto& weak) { return weak.expired(); });
      state_->entries.push_back(subscription.entry_);
    }
  }
  if (already) subscription.entry_->call(reason());
  return subscription;
}

CancelToken::Subscription::Subscription(Subscription&&) noexcept = default;
CancelToken::Subscription& CancelToken::Subscription::operator=(Subscription&& other) noexcept {
  if (this != &other) {
    if (entry_) entry_->end();
    entry_ = std::move(other.entry_);
  }
  return *this;
}
CancelToken::Subscription::~Subscription() {
  if (entry_) entry_->end();
}

}  // namespace forebay

// Answers only when the test says so, as a database would.
// Threads: shared. Owner: the test.
#pragma once

#include <chrono>
#include <condition_variable>
#include <utility>
#include <vector>

#include "accounts/authenticator.h"
#include "base/synchronized.h"

namespace forebay::accounts {

class HeldAuthenticator final : public Authenticator {
 public:
  void authenticate(const Credentials&, Completion done) const override {
    auto callers = callers_.lock();
    callers->push_back(std::move(done));
    changed_.notify_all();
  }
  bool open() const override { return false; }

  // Waits until a caller waits, at most 30 seconds, and tells it what was found, on this thread. False: none came.
  bool answer_one(const Result<Principal>& found) {
    auto callers = callers_.lock();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    if (!callers.wait_until(changed_, until, [](const auto& waiting) { return !waiting.empty(); })) return false;
    Completion done = std::move(callers->front());
    callers->erase(callers->begin());
    callers.unlock();
    done(found);
    return true;
  }

 private:
  mutable Synchronized<std::vector<Completion>> callers_;
  mutable std::condition_variable changed_;
};

}  // namespace forebay::accounts

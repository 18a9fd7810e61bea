// A token for work that several requests share: cancelled when the last of them is.
// Threads: shared. Owner: whoever computes the work; it ends the subscriptions.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "base/cancel.h"

namespace forebay::scheduling {

class CancelGroup {
 public:
  void add(const CancelToken& member) {
    ++shared_->left;
    subscriptions_.push_back(member.on_cancel([shared = shared_](CancelReason reason) { shared->leave(reason); }));
  }
  // After the last add().
  const CancelToken& seal() {
    shared_->leave(CancelReason::kSuperseded);
    return shared_->all;
  }

 private:
  struct Shared {
    std::atomic<std::size_t> left = 1;  // one for the time until seal()
    CancelToken all;
    void leave(CancelReason reason) {
      if (--left == 0) all.cancel(reason);
    }
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::vector<CancelToken::Subscription> subscriptions_;
};

}  // namespace forebay::scheduling

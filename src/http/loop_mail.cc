#include "http/loop_mail.h"

#include <trantor/net/EventLoop.h>

#include <algorithm>
#include <utility>

#include "models/served_model.h"

namespace forebay::http {

// The loop is told under the lock, so that it is not told after close().
void LoopMail::post(std::move_only_function<void()> work) {
  auto box = box_.lock();
  if (box->closed) return;
  box->letters.push_back(std::move(work));
  if (box->letters.size() == 1) loop_->queueInLoop([self = shared_from_this()] { self->deliver(); });
}

void LoopMail::close() {
  Letters dropped;
  auto box = box_.lock();
  box->closed = true;
  dropped.swap(box->letters);
  box.unlock();
}

// Without a look at the loop, which may have ended.
bool LoopMail::is_here() const { return trantor::EventLoop::getEventLoopOfCurrentThread() == loop_; }

void LoopMail::deliver() {
  Letters letters;
  {
    auto box = box_.lock();
    letters.swap(box->letters);
  }
  for (auto& letter : letters) letter();
}

void LoopMail::help_later(const models::Lease& model) {
  if (std::ranges::contains(to_help_, model)) return;
  to_help_.push_back(model);
  if (to_help_.size() == 1) loop_->queueInLoop([self = shared_from_this()] { self->help(); });
}

void LoopMail::help() {
  const auto models = std::exchange(to_help_, {});
  for (const auto& model : models) model->tensors->help();
}

}  // namespace forebay::http

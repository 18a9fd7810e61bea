#include "http/wire/event_loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace forebay::http::wire {

namespace asio = boost::asio;

namespace {
thread_local const EventLoop* loop_of_this_thread = nullptr;
}

struct EventLoop::Parts {
  asio::io_context context{1};  // one thread runs it
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  asio::steady_timer timer{context};
  std::chrono::milliseconds interval{0};
  std::function<void()> tick;
  bool finishing = false;
};

EventLoop::EventLoop() : parts_(std::make_unique<Parts>()) {}
EventLoop::~EventLoop() = default;

asio::io_context& EventLoop::context() { return parts_->context; }

void EventLoop::run(std::chrono::milliseconds interval, std::function<void()> tick) {
  loop_of_this_thread = this;
  parts_->interval = interval;
  parts_->tick = std::move(tick);
  wait_for_tick();
  parts_->context.run();
  parts_->tick = nullptr;
  loop_of_this_thread = nullptr;
}

void EventLoop::wait_for_tick() {
  if (parts_->finishing) return;
  parts_->timer.expires_after(parts_->interval);
  parts_->timer.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || parts_->finishing) return;
    parts_->tick();
    wait_for_tick();
  });
}

void EventLoop::finish() {
  parts_->finishing = true;
  parts_->timer.cancel();
  parts_->work.reset();
}

// The context is told under the lock, so that it is not told after close().
void EventLoop::post(std::move_only_function<void()> task) {
  auto tasks = tasks_.lock();
  if (tasks->closed) return;
  tasks->waiting.push_back(std::move(task));
  if (tasks->waiting.size() == 1) asio::post(parts_->context, [self = shared_from_this()] { self->run_posted(); });
}

void EventLoop::close() {
  std::vector<std::move_only_function<void()>> dropped;
  auto tasks = tasks_.lock();
  tasks->closed = true;
  dropped.swap(tasks->waiting);
  tasks.unlock();
}

bool EventLoop::is_here() const { return loop_of_this_thread == this; }

void EventLoop::run_posted() {
  std::vector<std::move_only_function<void()>> ready;
  {
    auto tasks = tasks_.lock();
    ready.swap(tasks->waiting);
  }
  for (auto& task : ready) task();
}

void EventLoop::defer(std::move_only_function<void()> task) { asio::post(parts_->context, std::move(task)); }

}  // namespace forebay::http::wire

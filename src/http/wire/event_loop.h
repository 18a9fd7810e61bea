// One event loop: runs on one thread, waits for sockets and timers, and runs tasks that other threads post. Many posts cause one wake-up.
// Threads: post(), close() and is_here() are shared; the rest is confined to the loop. Owner: Server; requests share it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "base/synchronized.h"

namespace boost::asio {
class io_context;
}

namespace forebay::http::wire {

class EventLoop : public std::enable_shared_from_this<EventLoop> {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs the loop on the calling thread until finish() was called and no socket or timer is waited for. `tick` runs every `interval`.
  void run(std::chrono::milliseconds interval, std::function<void()> tick);
  // On the loop: ends the ticks, so that run() returns once the last connection has closed.
  void finish();

  // Runs `task` on the loop, after the tasks posted before it. A closed loop drops it.
  void post(std::move_only_function<void()> task);
  // Drops the tasks that have not run yet, and those posted later.
  void close();
  // True on the loop's own thread.
  bool is_here() const;
  // On the loop: runs `task` after the events that are ready now.
  void defer(std::move_only_function<void()> task);
  boost::asio::io_context& context();

 private:
  struct Tasks {
    std::vector<std::move_only_function<void()>> waiting;
    bool closed = false;
  };
  struct Parts;
  void run_posted();
  void wait_for_tick();

  std::unique_ptr<Parts> parts_;
  Synchronized<Tasks> tasks_;
};

}  // namespace forebay::http::wire

// Answers requests that die in the queue (deadline, cancel) at once, however long the workers' steps take.
// Threads: has its own; `answer` runs on it and must not block or throw. Owner: the runner; the queue is closed before it is destroyed.
#pragma once

#include <functional>
#include <thread>

#include "base/executor.h"
#include "scheduling/shared_queue.h"

namespace forebay::scheduling {

template <class Queue>
class QueueWatch {
 public:
  using Taken = Queue::Queue::Taken;
  QueueWatch(Queue& queue, const Clock& clock, std::function<void(Taken)> answer)
      : thread_([&queue, &clock, answer = std::move(answer)] {
          name_this_thread("queue-watch");
          std::uint64_t seen_cancels = 0;
          while (!queue.closed()) {
            queue.wait_for_deaths(seen_cancels);
            while (auto dead = queue.with([&](auto& waiting, auto&) { return waiting.take_dead(clock.now()); })) answer(*std::move(dead));
          }
        }) {}
  ~QueueWatch() { thread_.join(); }
  QueueWatch(const QueueWatch&) = delete;
  QueueWatch& operator=(const QueueWatch&) = delete;

 private:
  std::thread thread_;
};

}  // namespace forebay::scheduling

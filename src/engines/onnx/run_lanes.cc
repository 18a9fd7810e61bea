#include "engines/onnx/run_lanes.h"

#include <algorithm>
#include <latch>

namespace forebay::engines {

RunLanes::RunLanes(std::size_t threads) : threads_(std::max<std::size_t>(threads, 1)) {
  if (threads_ > 1)
    pool_ = std::make_unique<ThreadPool>(ThreadPoolOptions{.name = "encode", .threads = threads_ - 1, .queue_tasks_max = threads_});
}

void RunLanes::run(std::size_t parts, const std::function<void(std::size_t)>& part) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < parts; i = next++) part(i);
  };
  const std::size_t others = pool_ ? std::min(threads_ - 1, parts > 0 ? parts - 1 : 0) : 0;
  std::latch ended(static_cast<std::ptrdiff_t>(others));
  for (std::size_t i = 0; i < others; ++i) {
    const auto posted = pool_->post([&] {
      work();
      ended.count_down();
    });
    if (!posted) ended.count_down();  // The calling thread does its part too.
  }
  work();
  ended.wait();
}

}  // namespace forebay::engines

// What admission costs a request: one push and one take, with others waiting.
#include <benchmark/benchmark.h>

#include "scheduling/admission_queue.h"

namespace forebay::scheduling {
namespace {

void push_and_take(benchmark::State& state) {
  AdmissionQueue<int> queue({.queue_requests_max = 100'000});
  Instant now{};
  auto next = [&now, client = 0]() mutable {
    client = (client + 1) % 16;
    now += std::chrono::microseconds(10);
    return Ticket{.client = std::to_string(client), .priority = static_cast<Priority>(client % 3)};
  };
  for (std::int64_t i = 0; i < state.range(0); ++i) benchmark::DoNotOptimize(queue.push(next(), 0, now));
  for (auto _ : state) {
    benchmark::DoNotOptimize(queue.push(next(), 0, now));
    benchmark::DoNotOptimize(queue.take(now));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(push_and_take)->Arg(0)->Arg(16)->Arg(256)->Arg(10'000);

}  // namespace
}  // namespace forebay::scheduling

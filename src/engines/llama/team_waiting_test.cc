#include "engines/llama/team_waiting.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <time.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/machine.h"
#include "engines/testing/model_files.h"

namespace forebay::engines {
namespace {
using namespace std::chrono_literals;

TEST(StepTimes, AStallIsManyTimesTheBestOfItsKind) {
  StepTimes times;
  EXPECT_EQ(times.stalled_after(1), Duration::max());
  times.note(1, 2ms);
  times.note(1, 40ms);  // a stalled step teaches nothing
  EXPECT_LT(times.stalled_after(1), 12ms);
  EXPECT_GE(times.stalled_after(1), 11ms);
  EXPECT_EQ(times.stalled_after(512), Duration::max()) << "another kind of step";
}

TEST(StepTimes, LongerTextsBecomeTheMeasure) {
  StepTimes times;
  times.note(1, 2ms);
  for (int i = 0; i < 1'000; ++i) times.note(1, 9ms);
  EXPECT_EQ(times.stalled_after(1), 46ms);
}

class TeamWaitingTest : public testing::Test {
 protected:
  TeamWaiting waiting{[this](bool sleep) { calls.push_back(sleep); }};
  Instant now{1h};
  std::vector<bool> calls;
};

TEST_F(TeamWaitingTest, AStallMakesTeamsSleepForAWhile) {
  waiting.begin_step(now, true);
  EXPECT_FALSE(waiting.sleeps());
  waiting.note_stall(now);
  waiting.note_stall(now);
  EXPECT_TRUE(waiting.sleeps());
  waiting.begin_step(now + TeamWaiting::kSleepMin - 1ms, true);
  EXPECT_TRUE(waiting.sleeps());
  waiting.begin_step(now + TeamWaiting::kSleepMin, true);
  EXPECT_FALSE(waiting.sleeps());
  EXPECT_EQ(calls, (std::vector<bool>{true, false}));
}

TEST_F(TeamWaitingTest, StepsOfAnUnknownKindAreComputedAsleep) {
  waiting.begin_step(now, false);
  EXPECT_TRUE(waiting.sleeps());
  waiting.begin_step(now + TeamWaiting::kSleepMin, true);
  EXPECT_FALSE(waiting.sleeps());
  EXPECT_EQ(calls, (std::vector<bool>{true, false}));
}

// How long they sleep after another stall that comes `after` their return.
Duration sleep_after(TeamWaiting& waiting, Instant& now, Duration after) {
  now += after;
  waiting.note_stall(now);
  const Instant began = now;
  while (waiting.sleeps()) waiting.begin_step(now += 1ms, true);
  return now - began;
}

TEST_F(TeamWaitingTest, StallsThatReturnAtOnceMakeThemSleepLonger) {
  EXPECT_EQ(sleep_after(waiting, now, 0ms), TeamWaiting::kSleepMin);
  EXPECT_EQ(sleep_after(waiting, now, 1ms), 2 * TeamWaiting::kSleepMin);
  EXPECT_EQ(sleep_after(waiting, now, 1ms), 4 * TeamWaiting::kSleepMin);
  for (int i = 0; i < 10; ++i) sleep_after(waiting, now, 1ms);
  EXPECT_EQ(sleep_after(waiting, now, 1ms), TeamWaiting::kSleepMax);
  EXPECT_EQ(sleep_after(waiting, now, 1min), TeamWaiting::kSleepMin) << "it went well in between";
}

double seconds_on(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Threads that want the cores for themselves.
class Burners {
 public:
  explicit Burners(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      threads_.emplace_back([this] {
        while (!stop_) turns_.fetch_add(1, std::memory_order_relaxed);
      });
  }
  ~Burners() { stop_ = true; }
  Burners(const Burners&) = delete;
  Burners& operator=(const Burners&) = delete;
  // What they have computed so far.
  double seconds() {
    double all = 0;
    for (auto& thread : threads_) {
      clockid_t clock{};
      if (::pthread_getcpuclockid(thread.native_handle(), &clock) == 0) all += seconds_on(clock);
    }
    return all;
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> turns_{0};
  std::vector<std::jthread> threads_;
};

// What the tokens take of the processors, which does not depend on what else the machine does: a thread that spins computes, one that
// sleeps does not.
double seconds_of_tokens(LoadedModel& model, std::size_t threads, int tokens, Burners* burners = nullptr) {
  const GenerationSessionOptions options{.context_tokens = 512, .sequences_max = 1, .threads = threads};
  auto session = model.open_generation_session(options).value();
  const auto own = [&] { return seconds_on(CLOCK_PROCESS_CPUTIME_ID) - (burners != nullptr ? burners->seconds() : 0); };
  const double began = own();
  for (int i = 0; i < tokens; ++i) {
    const std::vector<Token> token = {static_cast<Token>(200 + i)};
    const StepSlice slice{.sequence = 0, .position = i, .tokens = token, .logits = 1};
    EXPECT_EQ(session->step(std::span(&slice, 1), CancelToken()).value(), StepOutcome::kDone);
  }
  return own() - began;
}

// Spinning teams take ten to sixty times as long as one thread here, and compute all the while.
TEST(TeamWaiting, ATeamOnABusyMachineIsNoDisaster) {
  const auto model = load_model(std::filesystem::path(FOREBAY_EXAMPLE_MODELS) / "chat.gguf").value();
  const std::size_t threads = std::max<std::size_t>(2, usable_cores());
  seconds_of_tokens(*model, threads, 50);
  Burners burners(4 * threads);
  const double one = seconds_of_tokens(*model, 1, 200, &burners);
  const double team = seconds_of_tokens(*model, threads, 200, &burners);
  EXPECT_LT(team, 4 * one);
}

}  // namespace
}  // namespace forebay::engines

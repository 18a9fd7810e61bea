#include "models/lease.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/testing/inline_executor.h"
#include "models/served_model.h"

namespace forebay::models {
namespace {

// Tells on which thread it ends, and may be held there.
struct Ending {
  std::promise<void> begun;
  std::shared_future<void> go;  // without a state: at once
  std::atomic<bool> over{false};
  std::thread::id thread;
};

class WatchedRunner final : public scheduling::TensorRunner {
 public:
  explicit WatchedRunner(Ending& ending) : ending_(ending) {}
  ~WatchedRunner() override {
    ending_.thread = std::this_thread::get_id();
    ending_.begun.set_value();
    if (ending_.go.valid()) ending_.go.wait();
    ending_.over = true;
  }
  Result<> submit(scheduling::TensorRequest, Done) override { return {}; }
  scheduling::RunnerStats stats() const override { return {}; }
  std::vector<scheduling::DeadLetter> dead_letters() const override { return {}; }
  void help() override {}
  std::size_t clear_cache() override { return 0; }

 private:
  Ending& ending_;
};

std::shared_ptr<ServedModel> watched(Ending& ending) {
  auto model = std::make_shared<ServedModel>();
  model->tensors = std::make_unique<WatchedRunner>(ending);
  return model;
}

TEST(Lease, TheLastReleaseHandsTheVersionToTheExecutorAndDestroysNothing) {
  Ending ending;
  InlineExecutor executor;
  executor.hold = true;
  Lease first = Retirement::create(executor)->lease(watched(ending));
  Lease second = first;
  EXPECT_EQ(first, second);
  first = {};
  executor.run_all();
  EXPECT_FALSE(ending.over) << "one lease is left";
  second = {};
  EXPECT_FALSE(ending.over);
  executor.run_all();
  EXPECT_TRUE(ending.over);
}

TEST(Lease, AVersionIsDestroyedOnAThreadOfThePoolWhereverItsLastLeaseEnds) {
  Ending ending;
  ThreadPool pool({.name = "background", .threads = 1});
  Lease lease = Retirement::create(pool)->lease(watched(ending));
  std::thread::id releasing;
  std::jthread([&] {
    releasing = std::this_thread::get_id();
    lease = {};
  }).join();
  ASSERT_EQ(ending.begun.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_NE(ending.thread, releasing);
  EXPECT_NE(ending.thread, std::this_thread::get_id());
}

TEST(Lease, AVersionThatThePoolDoesNotTakeWaitsForTheNextOneThatItTakes) {
  Ending refused;
  Ending taken;
  InlineExecutor executor;
  const auto retirement = Retirement::create(executor);
  Lease first = retirement->lease(watched(refused));
  Lease second = retirement->lease(watched(taken));
  executor.refuse = true;
  first = {};
  EXPECT_FALSE(refused.over);
  executor.refuse = false;
  second = {};
  EXPECT_TRUE(refused.over);
  EXPECT_TRUE(taken.over);
}

TEST(Lease, FinishDestroysWhatThePoolHasNotTaken) {
  Ending ending;
  InlineExecutor executor;
  executor.refuse = true;
  const auto retirement = Retirement::create(executor);
  {
    const Lease lease = retirement->lease(watched(ending));
  }
  EXPECT_FALSE(ending.over);
  retirement->finish();
  EXPECT_TRUE(ending.over);
}

TEST(Lease, FinishWaitsForWhatThePoolDestroys) {
  Ending ending;
  std::promise<void> go;
  ending.go = go.get_future().share();
  ThreadPool pool({.name = "background", .threads = 1});
  const auto retirement = Retirement::create(pool);
  {
    const Lease lease = retirement->lease(watched(ending));
  }
  ending.begun.get_future().wait();
  std::jthread later([&] { go.set_value(); });
  retirement->finish();
  EXPECT_TRUE(ending.over);
}

TEST(Lease, AWeakLeaseGivesALeaseWhileThereIsOne) {
  Ending ending;
  InlineExecutor executor;
  Lease lease = Retirement::create(executor)->lease(watched(ending));
  const WeakLease weak(lease);
  EXPECT_EQ(weak.lock(), lease);
  lease = {};
  EXPECT_TRUE(ending.over);
  EXPECT_TRUE(weak.lock() == nullptr);
  EXPECT_FALSE(weak.lock());
}

}  // namespace
}  // namespace forebay::models

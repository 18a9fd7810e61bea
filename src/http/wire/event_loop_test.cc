#include "http/wire/event_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

namespace forebay::http::wire {
namespace {

class EventLoopTest : public testing::Test {
 protected:
  EventLoopTest() {
    thread_ = std::jthread([this] { loop_->run(std::chrono::milliseconds(1), [this] { ++ticks_; }); });
  }
  ~EventLoopTest() override {
    loop_->post([this] { loop_->finish(); });
    thread_ = {};
  }
  std::atomic<int> ticks_{0};
  std::shared_ptr<EventLoop> loop_ = std::make_shared<EventLoop>();
  std::jthread thread_;
};

TEST_F(EventLoopTest, RunsEverythingInTheOrderItWasPosted) {
  std::vector<int> order;
  std::promise<bool> done;
  for (int i = 0; i < 100; ++i) loop_->post([&order, i] { order.push_back(i); });
  loop_->post([&] { done.set_value(loop_->is_here()); });
  EXPECT_TRUE(done.get_future().get());
  EXPECT_FALSE(loop_->is_here());
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST_F(EventLoopTest, TakesTasksThatAreMadeWhileItRuns) {
  std::promise<void> posted;
  std::promise<void> deferred;
  loop_->post([&] {
    loop_->post([&] { posted.set_value(); });
    loop_->defer([&] { deferred.set_value(); });
  });
  posted.get_future().get();
  deferred.get_future().get();
}

TEST_F(EventLoopTest, Ticks) {
  std::promise<void> third;
  std::function<void()> wait = [&] {
    if (ticks_ >= 3) return third.set_value();
    loop_->defer([&] { wait(); });
  };
  loop_->post([&] { wait(); });
  third.get_future().get();
}

TEST(EventLoop, DropsWhatHasNotRunWhenItIsClosed) {
  const auto loop = std::make_shared<EventLoop>();
  auto kept = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = kept;
  loop->post([kept = std::move(kept)] { ADD_FAILURE() << "it was dropped"; });
  loop->close();
  loop->post([] { ADD_FAILURE() << "nothing is taken any more"; });
  EXPECT_TRUE(watched.expired());
  loop->finish();
  loop->run(std::chrono::milliseconds(1), [] {});
  EXPECT_FALSE(loop->is_here());
}

}  // namespace
}  // namespace forebay::http::wire

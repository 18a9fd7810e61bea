#include "http/loop_mail.h"

#include <gtest/gtest.h>
#include <trantor/net/EventLoopThread.h>

#include <algorithm>
#include <future>

namespace forebay::http {
namespace {

class LoopMailTest : public testing::Test {
 protected:
  LoopMailTest() {
    thread_.run();
    mail_ = std::make_shared<LoopMail>(thread_.getLoop());
  }
  trantor::EventLoopThread thread_;
  std::shared_ptr<LoopMail> mail_;
};

TEST_F(LoopMailTest, RunsEverythingOnTheLoopInTheOrderItWasPosted) {
  std::vector<int> order;
  std::promise<bool> done;
  for (int i = 0; i < 100; ++i) mail_->post([&order, i] { order.push_back(i); });
  mail_->post([&] { done.set_value(mail_->is_here()); });
  EXPECT_TRUE(done.get_future().get());
  EXPECT_FALSE(mail_->is_here());
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST_F(LoopMailTest, TakesMailThatIsPostedWhileItDelivers) {
  std::promise<void> done;
  mail_->post([&] { mail_->post([&] { done.set_value(); }); });
  done.get_future().get();
}

TEST_F(LoopMailTest, DropsWhatHasNotRunWhenItIsClosed) {
  std::promise<void> begun;
  std::promise<void> held;
  mail_->post([&begun, waiting = held.get_future().share()] {
    begun.set_value();
    waiting.wait();
  });
  begun.get_future().get();
  auto kept = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = kept;
  mail_->post([kept] { ADD_FAILURE() << "it was dropped"; });
  kept.reset();
  mail_->close();
  mail_->post([] { ADD_FAILURE() << "nothing is taken any more"; });
  EXPECT_TRUE(watched.expired());
  held.set_value();
}

TEST(LoopMail, IsNotHereOnceItsLoopHasEnded) {
  std::shared_ptr<LoopMail> mail;
  {
    trantor::EventLoopThread thread;
    thread.run();
    mail = std::make_shared<LoopMail>(thread.getLoop());
    mail->close();
  }
  EXPECT_FALSE(mail->is_here());
}

}  // namespace
}  // namespace forebay::http

#include "scheduling/pipeline_runner.h"

#include <gtest/gtest.h>

#include <map>

#include "base/errors.h"
#include "base/testing/virtual_clock.h"
#include "engines/errors.h"
#include "scheduling/errors.h"

namespace forebay::scheduling {
namespace {

using tensors::Tensor;

Tensor floats(const std::vector<float>& values) { return Tensor::of<float>({static_cast<std::int64_t>(values.size())}, values); }

// Answers when the test says so; a cancelled request is answered at once.
class HeldRunner final : public TensorRunner {
 public:
  Result<> submit(TensorRequest request, Done done) override {
    if (refusal) return fail(*refusal);
    auto asked = std::make_shared<Asked>(std::move(request), std::move(done));
    asked->on_cancel = asked->request.ticket.cancel.on_cancel([weak = std::weak_ptr(asked)](CancelReason) {
      if (const auto cancelled = weak.lock()) cancelled->answer(fail(cancelled->request.ticket.cancel.error()));
    });
    waiting.push_back(std::move(asked));
    return {};
  }
  RunnerStats stats() const override { return {}; }
  std::vector<DeadLetter> dead_letters() const override { return {}; }
  void help() override {}
  std::size_t clear_cache() override { return 0; }

  void answer(tensors::NamedTensors outputs) {
    auto first = std::move(waiting.front());
    waiting.erase(waiting.begin());
    first->answer(TensorAnswer{.outputs = std::move(outputs)});
  }
  void fail_first(Error error) {
    auto first = std::move(waiting.front());
    waiting.erase(waiting.begin());
    first->answer(fail(std::move(error)));
  }

  struct Asked {
    Asked(TensorRequest its_request, Done its_done) : request(std::move(its_request)), done(std::move(its_done)) {}
    void answer(Result<TensorAnswer> with) {
      if (auto once = std::exchange(done, nullptr)) once(std::move(with));
    }
    TensorRequest request;
    Done done;
    CancelToken::Subscription on_cancel;
  };
  std::vector<std::shared_ptr<Asked>> waiting;
  std::optional<Error> refusal;
};

// Two models side by side and their mean; a third model when the mean is low; the third's word or the mean.
class PipelineRunnerTest : public testing::Test {
 protected:
  void open() {
    PipelinePlan plan{.inputs = {"x"}, .outputs = {{"out", 5}, {"mean", 3}}, .slots = 6};
    plan.steps.push_back({.name = "one", .inputs = {0}, .input_names = {"in"}, .output_names = {"y"}, .outputs = {1}, .runner = &one_});
    plan.steps.push_back({.name = "two", .inputs = {0}, .input_names = {"in"}, .output_names = {"y"}, .outputs = {2}, .runner = &two_});
    plan.steps.push_back({.name = "mean", .kind = PipelineStepKind::kAverage, .inputs = {1, 2}, .outputs = {3}});
    plan.steps.push_back({.name = "third",
                          .inputs = {3},
                          .input_names = {"in"},
                          .output_names = {"y"},
                          .outputs = {4},
                          .when = PipelineCondition{.slot = 3, .below = 0.5},
                          .runner = &third_});
    plan.steps.push_back({.name = "out", .kind = PipelineStepKind::kFirstOf, .inputs = {4, 3}, .outputs = {5}});
    runner_ = open_pipeline(std::move(plan), {}, {.clock = &clock_, .model = "pipeline"});
  }
  Result<> ask(TensorRequest request = {.inputs = {{"x", floats({1})}}}) {
    token_ = request.ticket.cancel;
    return runner_->submit(std::move(request), [this](Result<TensorAnswer> answer) { answers_.push_back(std::move(answer)); });
  }
  float value(std::string_view output) { return tensors::find_tensor(answers_.at(0)->outputs, output)->values<float>()[0]; }

  VirtualClock clock_;
  HeldRunner one_;
  HeldRunner two_;
  HeldRunner third_;
  std::unique_ptr<TensorRunner> runner_;
  std::vector<Result<TensorAnswer>> answers_;
  CancelToken token_;
};

TEST_F(PipelineRunnerTest, RunsBranchesAtTheSameTimeAndLeavesOutWhatIsNotAskedFor) {
  open();
  ASSERT_TRUE(ask());
  ASSERT_EQ(one_.waiting.size(), 1U);
  ASSERT_EQ(two_.waiting.size(), 1U);
  EXPECT_EQ(one_.waiting[0]->request.outputs, (std::vector<std::string>{"y"}));
  two_.answer({{"y", floats({0.8F})}});
  EXPECT_TRUE(answers_.empty());
  one_.answer({{"y", floats({0.6F})}});
  ASSERT_EQ(answers_.size(), 1U);
  ASSERT_TRUE(answers_[0]) << answers_[0].error().to_string();
  EXPECT_TRUE(third_.waiting.empty());
  EXPECT_FLOAT_EQ(value("out"), 0.7F);
  EXPECT_EQ(runner_->stats().finished, 1U);
  EXPECT_EQ(runner_->stats().running, 0U);
}

TEST_F(PipelineRunnerTest, TakesTheBranchWhoseConditionHolds) {
  open();
  ASSERT_TRUE(ask({.inputs = {{"x", floats({1})}}, .outputs = {"out"}}));
  one_.answer({{"y", floats({0.1F})}});
  two_.answer({{"y", floats({0.3F})}});
  ASSERT_EQ(third_.waiting.size(), 1U);
  third_.answer({{"y", floats({9})}});
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(value("out"), 9);
  EXPECT_EQ(answers_[0]->outputs.size(), 1U) << "only what was asked for";
}

TEST_F(PipelineRunnerTest, PassesTensorsOnWithoutCopies) {
  open();
  const Tensor input = floats({1, 2, 3});
  ASSERT_TRUE(ask({.inputs = {{"x", input}}}));
  EXPECT_EQ(one_.waiting[0]->request.inputs[0].tensor.bytes().data(), input.bytes().data());
  EXPECT_EQ(two_.waiting[0]->request.inputs[0].tensor.bytes().data(), input.bytes().data());
  token_.cancel(CancelReason::kClientGone);
}

TEST_F(PipelineRunnerTest, NamesTheStepThatFailsAndCancelsTheOthers) {
  open();
  ASSERT_TRUE(ask());
  one_.fail_first(Error(engines::kRunFailed, "the library says no"));
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].error().code(), engines::kRunFailed);
  EXPECT_TRUE(answers_[0].error().message().starts_with("step 'one': "));
  EXPECT_FALSE(static_cast<bool>(two_.waiting[0]->done)) << "it was cancelled";
  EXPECT_EQ(runner_->stats().failed, 1U);
}

TEST_F(PipelineRunnerTest, NamesTheStepWhoseValuesDoNotFit) {
  open();
  ASSERT_TRUE(ask());
  one_.answer({{"y", floats({0.1F})}});
  two_.answer({{"y", floats({0.3F, 0.4F})}});
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_TRUE(answers_[0].error().message().starts_with("step 'mean': "));
}

TEST_F(PipelineRunnerTest, EndsWhenTheFirstStepIsRefused) {
  one_.refusal = Error(kOverloaded, "full").with_retry_after(std::chrono::milliseconds(7));
  open();
  ASSERT_TRUE(ask());
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].error().code(), kOverloaded);
  EXPECT_EQ(answers_[0].error().retry_after(), std::chrono::milliseconds(7));
}

TEST_F(PipelineRunnerTest, IsCancelledAsAWhole) {
  open();
  TensorRequest request{.inputs = {{"x", floats({1})}}};
  request.ticket.deadline = clock_.now() + std::chrono::seconds(5);
  ASSERT_TRUE(ask(std::move(request)));
  EXPECT_EQ(one_.waiting[0]->request.ticket.deadline, clock_.now() + std::chrono::seconds(5));
  token_.cancel(CancelReason::kClientGone);
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].error().code(), kCancelledByCaller);
  EXPECT_EQ(runner_->stats().cancelled, 1U);
}

TEST_F(PipelineRunnerTest, AnswersEverybodyWhenItIsDestroyed) {
  open();
  ASSERT_TRUE(ask());
  ASSERT_TRUE(ask());
  EXPECT_TRUE(answers_.empty());
  runner_.reset();
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_EQ(answers_[0].error().code(), kShuttingDown);
}

TEST_F(PipelineRunnerTest, WantsItsInputs) {
  open();
  EXPECT_EQ(ask({.inputs = {{"y", floats({1})}}}).error().code(), kStepInputMissing);
}

}  // namespace
}  // namespace forebay::scheduling

#include "scheduling/tensor_batcher.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <thread>

#include "base/errors.h"
#include "base/testing/virtual_clock.h"
#include "engines/errors.h"
#include "engines/testing/fake_engine.h"

namespace forebay::scheduling {
namespace {

using std::chrono::microseconds;
using tensors::NamedTensors;
using tensors::Tensor;

// A batcher under virtual time over the fake model y = 2x + 1.
class BatcherFixture {
 public:
  explicit BatcherFixture(const TensorOptions& options = {}, engines::FakeOptions fake = {}) : engine(std::move(fake)), queue({}) {
    model = *engine.load("fake", engines::fake_description(formats::Task::kTensors), {});
    batcher = std::make_unique<TensorBatcher>(*model->open_tensor_session(), options,
                                              TensorSurroundings{{&clock, &metrics_, nullptr, &pressure}, &queue, &ledger, &cost, &idle});
  }
  using Answers = std::vector<std::optional<Result<TensorAnswer>>>;
  // The answer comes to answers[index].
  void submit(NamedTensors inputs, Ticket ticket = {}) {
    const std::size_t index = answers.size();
    answers.emplace_back();
    const std::size_t rows = common_rows(inputs);
    TensorWork work{{.inputs = std::move(inputs)},
                    [this, index](Result<TensorAnswer> answer) {
                      EXPECT_FALSE(answers[index].has_value()) << "answered twice";
                      answers[index] = std::move(answer);
                    },
                    rows,
                    0,
                    {},
                    {}};
    ASSERT_TRUE(queue.push(std::move(ticket), std::move(work), clock.now()).has_value());
  }
  void run() {
    while (batcher->run_once()) {
    }
  }
  std::vector<std::size_t> runs() const { return engine_control().run_rows(); }
  engines::FakeControl& engine_control() const { return const_cast<engines::FakeEngine&>(engine).control(); }

 private:
  telemetry::ModelMetrics metrics_;

 public:
  VirtualClock clock;
  PressureGauge pressure;
  engines::FakeEngine engine;
  std::shared_ptr<engines::LoadedModel> model;
  TensorQueue queue;
  RequestLedger ledger{clock, "fake", {}, 10};
  RunCost cost;
  std::atomic<std::uint32_t> idle{0};
  Answers answers;
  std::unique_ptr<TensorBatcher> batcher;
};

NamedTensors rows_from(float first, std::int64_t rows) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < rows * 4; ++i) values.push_back(first + static_cast<float>(i));
  return {{"x", Tensor::of<float>({rows, 4}, values)}};
}
std::vector<float> output_of(const Result<TensorAnswer>& answer) {
  const auto values = answer->outputs.front().tensor.values<float>();
  return {values.begin(), values.end()};
}
std::vector<float> expected_from(float first, std::int64_t rows) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < rows * 4; ++i) values.push_back(2 * (first + static_cast<float>(i)) + 1);
  return values;
}

TEST(TensorBatcher, RunsWhatWaitsAsOneBatchAndSplitsItExactly) {
  BatcherFixture fixture;
  fixture.submit(rows_from(0, 1));
  fixture.submit(rows_from(100, 3));
  fixture.submit(rows_from(200, 2));
  fixture.run();
  EXPECT_EQ(fixture.runs(), (std::vector<std::size_t>{6}));
  EXPECT_EQ(output_of(*fixture.answers[0]), expected_from(0, 1));
  EXPECT_EQ(output_of(*fixture.answers[1]), expected_from(100, 3));
  EXPECT_EQ(output_of(*fixture.answers[2]), expected_from(200, 2));
  EXPECT_EQ((*fixture.answers[1])->batch_rows, 6U);
  EXPECT_EQ((*fixture.answers[1])->outputs.front().tensor.shape(), (tensors::Shape{3, 4}));
}

TEST(TensorBatcher, RunsABatchOfOneOnTheRequestsOwnMemory) {
  const std::byte* seen = nullptr;
  BatcherFixture fixture({}, {.run = [&seen](const NamedTensors& inputs) -> Result<NamedTensors> {
                           seen = inputs.front().tensor.bytes().data();
                           return NamedTensors{{"y", inputs.front().tensor}};
                         }});
  auto inputs = rows_from(0, 2);
  const std::byte* sent = inputs.front().tensor.bytes().data();
  fixture.submit(std::move(inputs));
  fixture.run();
  EXPECT_EQ(seen, sent);
}

TEST(TensorBatcher, DoesNotJoinRequestsThatDoNotFitEachOther) {
  TensorWork one{{.inputs = rows_from(0, 1)}, {}, 1, {}};
  TensorWork same{{.inputs = rows_from(5, 2)}, {}, 2, {}};
  TensorWork wider{{.inputs = {{"x", Tensor::zeros(tensors::DType::kFloat32, {1, 5})}}}, {}, 1, {}};
  TensorWork other_type{{.inputs = {{"x", Tensor::zeros(tensors::DType::kFloat64, {1, 4})}}}, {}, 1, {}};
  TensorWork other_name{{.inputs = {{"z", Tensor::zeros(tensors::DType::kFloat32, {1, 4})}}}, {}, 1, {}};
  TensorWork other_outputs{{.inputs = rows_from(0, 1), .outputs = {"y"}}, {}, 1, {}};
  TensorWork alone{{.inputs = rows_from(0, 1)}, {}, 0, {}};
  EXPECT_TRUE(can_join(one, same));
  for (const TensorWork* other : {&wider, &other_type, &other_name, &other_outputs, &alone}) EXPECT_FALSE(can_join(one, *other));
}

TEST(TensorBatcher, FindsNoCommonRowsWhereInputsDisagreeOrHaveNone) {
  const auto zeros = [](tensors::Shape shape) { return Tensor::zeros(tensors::DType::kFloat32, std::move(shape)); };
  EXPECT_EQ(common_rows({{"a", zeros({3, 2})}, {"b", zeros({3})}}), 3U);
  EXPECT_EQ(common_rows({{"a", zeros({3, 2})}, {"b", zeros({2})}}), 0U);
  EXPECT_EQ(common_rows({{"a", zeros({})}}), 0U);
  EXPECT_EQ(common_rows({{"a", zeros({0, 2})}}), 0U);
  EXPECT_EQ(common_rows({}), 0U);
}

TEST(TensorBatcher, RunsARequestWithMoreRowsThanABatchAlone) {
  BatcherFixture fixture({.batch_rows_max = 4});
  fixture.submit(rows_from(0, 9));
  fixture.submit(rows_from(50, 4));
  fixture.submit(rows_from(90, 1));
  fixture.run();
  EXPECT_EQ(fixture.runs(), (std::vector<std::size_t>{9, 4, 1}));
}

TEST(TensorBatcher, RunsOneByOneAModelWhoseOutputsDoNotFollowItsRows) {
  BatcherFixture fixture(
      {}, {.run = [](const NamedTensors&) -> Result<NamedTensors> { return NamedTensors{{"y", Tensor::of<float>({1}, {7.0F})}}; }});
  fixture.submit(rows_from(0, 1));
  fixture.submit(rows_from(1, 1));
  fixture.run();
  EXPECT_EQ(output_of(*fixture.answers[0]), std::vector<float>{7});
  EXPECT_EQ(output_of(*fixture.answers[1]), std::vector<float>{7});
  EXPECT_EQ(fixture.runs().size(), 3U) << "once together, then each alone";
  fixture.submit(rows_from(0, 1));
  fixture.submit(rows_from(1, 1));
  fixture.run();
  EXPECT_EQ(fixture.runs().size(), 5U) << "and never together again";
}

TEST(TensorBatcher, DropsExpiredAndCancelledRequestsBeforeComputing) {
  BatcherFixture fixture;
  Ticket gone;
  fixture.submit(rows_from(0, 1), Ticket{.deadline = fixture.clock.now() + microseconds(5)});
  fixture.submit(rows_from(1, 1), gone);
  fixture.submit(rows_from(2, 1));
  fixture.clock.advance(microseconds(5));
  gone.cancel.cancel(CancelReason::kClientGone);
  fixture.run();
  EXPECT_EQ((*fixture.answers[0]).error().code(), kDeadlinePassed);
  EXPECT_EQ((*fixture.answers[1]).error().code(), kCancelledByCaller);
  EXPECT_TRUE((*fixture.answers[2]).has_value());
  EXPECT_EQ(fixture.runs(), (std::vector<std::size_t>{1}));
}

TEST(TensorBatcher, ACancelReachesTheEngineWhenAllOfTheBatchAreGone) {
  BatcherFixture fixture;
  Ticket first;
  Ticket second;
  fixture.submit(rows_from(0, 1), first);
  fixture.submit(rows_from(1, 1), second);
  auto& control = fixture.engine_control();
  control.block();
  std::thread clients([&] {
    control.wait_until_blocked();
    first.cancel.cancel(CancelReason::kClientGone);
    second.cancel.cancel(CancelReason::kClientGone);
  });
  fixture.run();
  clients.join();
  EXPECT_EQ((*fixture.answers[0]).error().code(), kCancelledByCaller);
  EXPECT_EQ((*fixture.answers[1]).error().code(), kCancelledByCaller);
  EXPECT_EQ(fixture.ledger.counters.cancelled, 2U);
}

TEST(TensorBatcher, StoppedItCancelsWhatRuns) {
  BatcherFixture fixture;
  fixture.submit(rows_from(0, 1));
  fixture.engine_control().block();
  std::thread owner([&] {
    fixture.engine_control().wait_until_blocked();
    fixture.batcher->stop();
  });
  fixture.run();
  owner.join();
  EXPECT_EQ((*fixture.answers[0]).error().code(), kShuttingDown);
}

TEST(Property04, ABatchFormsWithinItsWindowOrAtItsSize) {
  EXPECT_TRUE(rc::check("batch window", [] {
    TensorOptions options;
    options.batch_rows_max = static_cast<std::uint32_t>(*rc::gen::inRange(1, 10));
    options.queue_delay_max = microseconds(*rc::gen::inRange(0, 100));
    BatcherFixture fixture(options);
    std::deque<std::pair<Instant, std::size_t>> waiting;  // arrival and rows
    const int actions = *rc::gen::inRange(1, 60);
    for (int i = 0; i < actions; ++i) {
      fixture.clock.advance(microseconds(*rc::gen::inRange(0, 40)));
      if (*rc::gen::arbitrary<bool>()) {
        const auto rows = *rc::gen::inRange<std::int64_t>(1, 4);
        fixture.submit(rows_from(static_cast<float>(i), rows));
        waiting.emplace_back(fixture.clock.now(), rows);
      }
      const std::size_t runs_before = fixture.runs().size();
      std::size_t rows = 0;
      for (const auto& [arrived, own] : waiting) rows += own;
      const bool due =
          !waiting.empty() && (fixture.clock.now() - waiting.front().first >= options.queue_delay_max || rows >= options.batch_rows_max);
      RC_ASSERT(fixture.batcher->run_once() == due);
      if (!due) {
        RC_ASSERT(waiting.empty() || fixture.batcher->look_again() == waiting.front().first + options.queue_delay_max);
        continue;
      }
      RC_ASSERT(fixture.runs().size() == runs_before + 1);
      RC_ASSERT(fixture.runs().back() <= std::max<std::size_t>(options.batch_rows_max, 3));
      // What did not fit starts afresh: let it out before the next round.
      fixture.clock.advance(options.queue_delay_max);
      fixture.run();
      waiting.clear();
      for (const auto& answer : fixture.answers) RC_ASSERT(answer.has_value());
    }
  }));
}

TEST(Property05, EveryRequestGetsItsOwnRowsBackWithItsOwnLength) {
  EXPECT_TRUE(rc::check("split", [] {
    TensorOptions options;
    options.batch_rows_max = static_cast<std::uint32_t>(*rc::gen::inRange(1, 20));
    BatcherFixture fixture(options);
    std::vector<std::pair<float, std::int64_t>> sent;
    const int requests = *rc::gen::inRange(1, 20);
    for (int i = 0; i < requests; ++i) {
      sent.emplace_back(static_cast<float>(*rc::gen::inRange(-1000, 1000)), *rc::gen::inRange<std::int64_t>(1, 6));
      fixture.submit(rows_from(sent.back().first, sent.back().second));
      if (*rc::gen::inRange(0, 4) == 0) fixture.batcher->run_once();
    }
    fixture.run();
    for (std::size_t i = 0; i < sent.size(); ++i) {
      RC_ASSERT(fixture.answers[i].has_value() && fixture.answers[i]->has_value());
      RC_ASSERT(output_of(*fixture.answers[i]) == expected_from(sent[i].first, sent[i].second));
    }
  }));
}

TEST(Property22, AFailingTensorRequestFailsAlone) {
  EXPECT_TRUE(rc::check("one poisoned request in a batch", [] {
    const float poison = 777;
    BatcherFixture fixture({}, {.run = [poison](const NamedTensors& inputs) -> Result<NamedTensors> {
                             for (const float value : inputs.front().tensor.values<float>()) {
                               if (value == poison) return fail(engines::kRunFailed, "poisoned");
                             }
                             return NamedTensors{{"y", inputs.front().tensor}};
                           }});
    const auto requests = *rc::gen::inRange<std::size_t>(1, 10);
    const auto poisoned = *rc::gen::inRange<std::size_t>(0, requests);
    for (std::size_t i = 0; i < requests; ++i) fixture.submit(rows_from(i == poisoned ? poison : 0, 1));
    fixture.run();
    for (std::size_t i = 0; i < requests; ++i) RC_ASSERT(fixture.answers[i]->has_value() == (i != poisoned));
  }));
}

TEST(TensorBatcher, BatchesAreSmallerWhileMemoryIsShortAndAsLargeAsBeforeAfterwards) {
  BatcherFixture fixture({.batch_rows_max = 16});
  const auto runs_of_twelve = [&](PressureLevel level) {
    fixture.pressure.set(level);
    const std::size_t before = fixture.runs().size();
    for (int i = 0; i < 12; ++i) fixture.submit(rows_from(static_cast<float>(i), 1));
    fixture.run();
    return fixture.runs().size() - before;
  };
  EXPECT_EQ(runs_of_twelve(PressureLevel::kNormal), 1U);
  EXPECT_EQ(runs_of_twelve(PressureLevel::kElevated), 3U);
  EXPECT_EQ(runs_of_twelve(PressureLevel::kCritical), 12U);
  EXPECT_EQ(runs_of_twelve(PressureLevel::kNormal), 1U);
  fixture.pressure.set(PressureLevel::kCritical);
  fixture.submit(rows_from(1, 9));
  fixture.run();
  EXPECT_EQ(fixture.runs().back(), 9U) << "one request always runs";
}

}  // namespace
}  // namespace forebay::scheduling

#include "scheduling/length_rule.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <future>

#include "base/testing/virtual_clock.h"
#include "engines/testing/fake_engine.h"
#include "scheduling/runners.h"

namespace forebay::scheduling {
namespace {

using tensors::DType;
using tensors::NamedTensors;
using tensors::Tensor;

formats::TensorSpec spec(std::string name, DType dtype, tensors::Shape shape, std::vector<std::string> names) {
  return {.name = std::move(name), .dtype = dtype, .shape = std::move(shape), .dimension_names = std::move(names)};
}

// Ids and a mask [batch, length] to [batch, length] and [batch, 1].
formats::ModelDescription masked_model() {
  formats::ModelDescription description;
  description.task = formats::Task::kTensors;
  description.format = formats::Format::kOnnx;
  description.batchable = true;
  description.inputs = {spec("ids", DType::kFloat32, {-1, -1}, {"batch", "length"}),
                        spec("attention_mask", DType::kFloat32, {-1, -1}, {"batch", "length"})};
  description.outputs = {spec("each", DType::kFloat32, {-1, -1}, {"batch", "length"}),
                         spec("sum", DType::kFloat32, {-1, 1}, {"batch", ""})};
  return description;
}

NamedTensors text(const std::vector<float>& ids) {
  const tensors::Shape shape{1, static_cast<std::int64_t>(ids.size())};
  return {{"ids", Tensor::of<float>(shape, ids)}, {"attention_mask", Tensor::of<float>(shape, std::vector<float>(ids.size(), 1))}};
}

TEST(LengthRule, IsThereForModelsWithAnAttentionMaskAndOneLength) {
  EXPECT_TRUE(LengthRule::of(masked_model()));
  auto other = masked_model();
  other.inputs[1].name = "type";
  EXPECT_FALSE(LengthRule::of(other)) << "nothing says that padding is not looked at";
  other = masked_model();
  other.inputs[1].dimension_names[1] = "other";
  EXPECT_FALSE(LengthRule::of(other));
  other = masked_model();
  other.inputs[0].shape = {-1, 4};
  EXPECT_FALSE(LengthRule::of(other)) << "an input without the length";
  other = masked_model();
  other.outputs[1].shape = {-1, -1};
  other.outputs[1].dimension_names[1] = "kept";
  EXPECT_FALSE(LengthRule::of(other)) << "an output whose length nobody knows";
  other = masked_model();
  other.batchable = false;
  EXPECT_FALSE(LengthRule::of(other));
  EXPECT_FALSE(LengthRule::of(engines::fake_description(formats::Task::kTensors)));
}

TEST(LengthRule, KnowsTheLengthOnlyWhenTheInputsAgree) {
  const auto rule = LengthRule::of(masked_model()).value();
  EXPECT_EQ(rule.length_of(text({1, 2, 3})), 3U);
  auto odd = text({1, 2, 3});
  odd[1] = text({1})[1];
  EXPECT_EQ(rule.length_of(odd), 0U);
  odd.pop_back();
  EXPECT_EQ(rule.length_of(odd), 0U);
}

TEST(LengthRule, PutsLengthsIntoBucketsThatWasteAtMostAThird) {
  for (const std::size_t length : {1U, 16U}) EXPECT_EQ(LengthRule::bucket_of(length), 16U);
  for (const std::size_t length : {17U, 24U}) EXPECT_EQ(LengthRule::bucket_of(length), 24U);
  for (const std::size_t length : {25U, 32U}) EXPECT_EQ(LengthRule::bucket_of(length), 32U);
  EXPECT_EQ(LengthRule::bucket_of(33), 48U);
  for (std::size_t length = 17; length < 5'000; ++length) EXPECT_LE(LengthRule::bucket_of(length), length + length / 2);
}

RC_GTEST_PROP(LengthRule, PaddingAndCuttingGivesBackWhatWasThere, ()) {
  const auto shape = *rc::gen::container<std::vector<int>>(3, rc::gen::inRange(1, 6));
  const std::size_t axis = *rc::gen::inRange<std::size_t>(1, 3);
  const auto count = static_cast<std::size_t>(shape[0]) * static_cast<std::size_t>(shape[1]) * static_cast<std::size_t>(shape[2]);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i) + 1;
  const Tensor tensor = Tensor::of<float>({shape[0], shape[1], shape[2]}, values);
  const std::size_t longer = static_cast<std::size_t>(shape[axis]) + *rc::gen::inRange<std::size_t>(0, 4);
  const Tensor padded = resized(tensor, axis, longer).value();
  RC_ASSERT(padded.shape()[axis] == static_cast<std::int64_t>(longer));
  RC_ASSERT(std::ranges::count_if(padded.values<float>(), [](float value) { return value > 0; }) == static_cast<std::ptrdiff_t>(count));
  const Tensor back = resized(padded, axis, static_cast<std::size_t>(shape[axis])).value();
  RC_ASSERT(std::ranges::equal(back.bytes(), tensor.bytes()));
}

// A model that looks at what the mask shows, and can be told to look at the padding too.
class MaskedModel {
 public:
  explicit MaskedModel(bool honest) : engine_({.run = [honest](const NamedTensors& inputs) { return run(inputs, honest); }}) {
    runner = TensorRunner::open(engine_.load("fake", masked_model(), {}).value(),
                                {.single_flight = false, .workers = 1, .helping_max = std::chrono::microseconds(0)},
                                {.clock = &clock_, .budget = &budget_, .model = "fake"})
                 .value();
  }
  // All of them while the worker is busy with one before them: they wait together.
  std::vector<NamedTensors> answers_to(const std::vector<std::vector<float>>& texts) {
    engine_.control().block();
    std::vector<std::promise<NamedTensors>> answers(texts.size() + 1);
    const auto submit = [&](std::size_t at, const std::vector<float>& ids) {
      const auto submitted = runner->submit({.inputs = text(ids)}, [&answers, at](Result<TensorAnswer> answer) {
        EXPECT_TRUE(answer.has_value());
        answers[at].set_value(answer ? answer->outputs : NamedTensors());
      });
      EXPECT_TRUE(submitted.has_value());
    };
    submit(texts.size(), {1});
    engine_.control().wait_until_blocked();
    for (std::size_t i = 0; i < texts.size(); ++i) submit(i, texts[i]);
    engine_.control().release();
    std::vector<NamedTensors> outputs;
    for (auto& answer : answers) outputs.push_back(answer.get_future().get());
    outputs.pop_back();
    return outputs;
  }
  std::vector<std::size_t> runs() { return engine_.control().run_rows(); }

 private:
  static Result<NamedTensors> run(const NamedTensors& inputs, bool honest) {
    const Tensor& ids = inputs[0].tensor;
    const std::size_t rows = static_cast<std::size_t>(ids.shape()[0]);
    const std::size_t length = static_cast<std::size_t>(ids.shape()[1]);
    std::vector<float> each;
    std::vector<float> sums(rows);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const float seen = ids.values<float>()[i] * (honest ? inputs[1].tensor.values<float>()[i] : 1) + (honest ? 0 : 1);
      each.push_back(2 * seen);
      sums[i / length] += seen;
    }
    return NamedTensors{{"each", Tensor::of<float>(ids.shape(), each)}, {"sum", Tensor::of<float>({ids.shape()[0], 1}, sums)}};
  }
  VirtualClock clock_;  // runs take no time: whatever waits makes a batch
  ByteBudget budget_{1 << 20};
  engines::FakeEngine engine_;

 public:
  std::unique_ptr<TensorRunner> runner;
};

TEST(LengthRule, LetsTextsOfDifferentLengthsShareARunAndGetsTheirOwnAnswers) {
  MaskedModel model(true);
  for (int round = 0; round < 2; ++round) {
    const auto answers = model.answers_to({{1, 2, 3}, {4}, std::vector<float>(40, 1), {5, 6}});
    EXPECT_EQ(answers[0][0].tensor.shape(), (tensors::Shape{1, 3}));
    EXPECT_TRUE(std::ranges::equal(answers[0][0].tensor.values<float>(), std::vector<float>{2, 4, 6}));
    EXPECT_EQ(answers[0][1].tensor.values<float>()[0], 6);
    EXPECT_TRUE(std::ranges::equal(answers[1][0].tensor.values<float>(), std::vector<float>{8}));
    EXPECT_EQ(answers[2][1].tensor.values<float>()[0], 40);
    EXPECT_EQ(answers[3][1].tensor.values<float>()[0], 11);
  }
  // Busy; the three short ones; one of them alone, to see whether that is the same; the long one. Then without the proof.
  EXPECT_EQ(model.runs(), (std::vector<std::size_t>{1, 3, 1, 1, 1, 3, 1}));
}

TEST(LengthRule, StopsPaddingForAModelThatLooksAtThePadding) {
  MaskedModel model(false);
  for (int round = 0; round < 2; ++round) {
    const auto answers = model.answers_to({{1, 2, 3}, {4}});
    EXPECT_EQ(answers[0][1].tensor.values<float>()[0], 9);
    EXPECT_EQ(answers[1][1].tensor.values<float>()[0], 5);
  }
  EXPECT_EQ(model.runs(), (std::vector<std::size_t>{1, 2, 1, 1, 1, 1, 1, 1}));
}

}  // namespace
}  // namespace forebay::scheduling

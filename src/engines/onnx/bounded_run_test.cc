#include "engines/onnx/bounded_run.h"

#include <gtest/gtest.h>

#include "engines/errors.h"
#include "engines/testing/model_files.h"
#include "formats/onnx_graph_builder.h"
#include "formats/testing/tiny_models.h"

namespace forebay::engines {
namespace {

using formats::OnnxGraphBuilder;
using tensors::DType;
using tensors::NamedTensors;
using tensors::Tensor;

NamedTensors number(std::string_view name, std::int64_t value) { return {{std::string(name), Tensor::of<std::int64_t>({}, {value})}}; }

// y = n zeros.
std::string zeros_model() {
  OnnxGraphBuilder model("zeros");
  model.input("n", DType::kInt64, {}).initialiser("one", Tensor::of<std::int64_t>({1}, {1})).node("Reshape", {"n", "one"}, {"shape"});
  model.node("ConstantOfShape", {"shape"}, {"y"}).output("y", DType::kFloat32, {-1});
  return model.build();
}

TEST(BoundedRun, EndsAtItsTime) {
  const auto model =
      load_bytes(formats::slow_loop_model(), "loop.onnx", {.threads = 1, .run = {.time_max = std::chrono::milliseconds(50)}});
  const auto session = model->open_tensor_session().value();
  const auto outcome = session->run(number("steps", 1'000'000'000'000), {}, CancelToken());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), kRunTooLong);
  EXPECT_TRUE(session->run(number("steps", 2), {}, CancelToken()));
}

TEST(BoundedRun, EndsAtTheTimeOfTheCall) {
  const auto model = load_bytes(formats::slow_loop_model(), "loop.onnx", {.threads = 1, .run = {.time_max = std::chrono::hours(1)}});
  const auto outcome = model->open_tensor_session().value()->run_within(number("steps", 1'000'000'000'000), {}, CancelToken(),
                                                                        std::chrono::milliseconds(20));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), kRunTooLong);
}

TEST(BoundedRun, EndsAtItsMemoryAndGivesItBack) {
  ByteBudget budget(std::size_t{1} << 30);
  const auto model = load_bytes(zeros_model(), "zeros.onnx", {.threads = 1, .run = {.bytes_max = 64U << 20U, .budget = &budget}});
  const auto session = model->open_tensor_session().value();
  for (const std::int64_t count : {std::int64_t{1} << 30, std::int64_t{17} << 20, std::int64_t{1} << 50}) {
    const auto outcome = session->run(number("n", count), {}, CancelToken());
    ASSERT_FALSE(outcome) << count;
    EXPECT_EQ(outcome.error().code(), kRunTooLarge) << outcome.error().message();
    EXPECT_EQ(budget.bytes_held(), 0U);
  }
  {
    const auto fits = session->run(number("n", std::int64_t{4} << 20), {}, CancelToken());
    ASSERT_TRUE(fits) << fits.error().message();
    EXPECT_GE(budget.bytes_held(), std::size_t{16} << 20);  // the answer
  }
  EXPECT_EQ(budget.bytes_held(), 0U);
}

TEST(BoundedRun, TakesNoMoreThanTheBudgetHas) {
  ByteBudget budget(std::size_t{8} << 20);
  const auto model = load_bytes(zeros_model(), "zeros.onnx", {.threads = 1, .run = {.budget = &budget}});
  const auto outcome = model->open_tensor_session().value()->run(number("n", std::int64_t{4} << 20), {}, CancelToken());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), kRunTooLarge);
}

TEST(BoundedRun, RefusesOutputsBeyondTheirLimit) {
  const auto model = load_bytes(zeros_model(), "zeros.onnx", {.threads = 1, .run = {.output_bytes_max = 1U << 20U}});
  const auto session = model->open_tensor_session().value();
  EXPECT_TRUE(session->run(number("n", 1 << 18), {}, CancelToken()));
  const auto outcome = session->run(number("n", (1 << 18) + 1), {}, CancelToken());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), kRunTooLarge);
}

TEST(EmptyInput, IsAnsweredWhereTheOutputIsKnown) {
  const auto session = load_bytes(formats::linear_model())->open_tensor_session().value();
  const auto answer = session->run({{"x", Tensor::zeros(DType::kFloat32, {0, 3})}}, {}, CancelToken());
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ((*answer)[0].tensor.shape(), (tensors::Shape{0, 2}));
}

TEST(EmptyInput, IsRefusedByNameWhereItIsNot) {
  const auto named = load_bytes(formats::dynamic_shape_model())->open_tensor_session().value();
  const auto answer = named->run({{"x", Tensor::zeros(DType::kFloat32, {0, 5, 7})}}, {}, CancelToken());
  ASSERT_TRUE(answer) << answer.error().message();  // its names say the shape
  EXPECT_EQ((*answer)[0].tensor.shape(), (tensors::Shape{0, 5, 7}));
  OnnxGraphBuilder model("sum");
  model.input("x", DType::kFloat32, {"n"}).node("ReduceSum", {"x"}, {"y"}).output("y", DType::kFloat32, {1});
  const auto refused =
      load_bytes(model.build())->open_tensor_session().value()->run({{"x", Tensor::zeros(DType::kFloat32, {0})}}, {}, CancelToken());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), kInputEmpty);
  EXPECT_EQ(refused.error().field(), "x");
}

}  // namespace
}  // namespace forebay::engines

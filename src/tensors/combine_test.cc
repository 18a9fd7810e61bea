#include "tensors/combine.h"

#include <gtest/gtest.h>

#include "tensors/errors.h"

namespace forebay::tensors {
namespace {

Tensor floats(const std::vector<float>& values) { return Tensor::of<float>({static_cast<std::int64_t>(values.size())}, values); }
Tensor labels(const std::vector<std::int64_t>& values) {
  return Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
}

TEST(Average, IsWeighedByWeights) {
  const std::vector<Tensor> parts = {floats({0, 4}), floats({1, 8})};
  EXPECT_EQ(average(parts)->values<float>()[1], 6);
  EXPECT_EQ(average(parts, std::vector<float>{1, 3})->values<float>()[0], 0.75F);
  EXPECT_EQ(average(parts, std::vector<float>{1}).error().code(), kTensorShapeMismatch);
  EXPECT_EQ(average(parts, std::vector<float>{1, 0}).error().code(), kTensorShapeMismatch);
  EXPECT_EQ(average({}).error().code(), kTensorShapeMismatch);
  EXPECT_EQ(average(std::vector<Tensor>{floats({1}), floats({1, 2})}).error().code(), kTensorShapeMismatch);
  EXPECT_EQ(average(std::vector<Tensor>{floats({1}), labels({1})}).error().code(), kTensorTypeMismatch);
  EXPECT_FALSE(average(std::vector<Tensor>{*Tensor::from_strings({1}, {"a"})}));
}

TEST(Majority, TakesTheFirstOfEquallyMany) {
  const std::vector<Tensor> parts = {labels({1, 1, 1}), labels({2, 2, 2}), labels({2, 3, 1})};
  const auto chosen = majority(parts);
  ASSERT_TRUE(chosen);
  EXPECT_EQ((std::vector<std::int64_t>(chosen->values<std::int64_t>().begin(), chosen->values<std::int64_t>().end())),
            (std::vector<std::int64_t>{2, 1, 1}));
  const std::vector<Tensor> texts = {*Tensor::from_strings({1}, {"a"}), *Tensor::from_strings({1}, {"b"}),
                                     *Tensor::from_strings({1}, {"b"})};
  EXPECT_EQ(majority(texts)->strings()[0], "b");
  EXPECT_EQ(majority({}).error().code(), kTensorShapeMismatch);
}

TEST(Argmax, LosesTheLastDimension) {
  const auto best = argmax(Tensor::of<float>({2, 3}, {1, 3, 3, 9, 0, 0}));
  ASSERT_TRUE(best);
  EXPECT_EQ(best->shape(), (Shape{2}));
  EXPECT_EQ(best->values<std::int64_t>()[0], 1);
  EXPECT_EQ(best->values<std::int64_t>()[1], 0);
  EXPECT_EQ(argmax(Tensor::zeros(DType::kFloat32, {2, 0})).error().code(), kTensorShapeMismatch);
  EXPECT_EQ(argmax(Tensor::zeros(DType::kFloat32, {})).error().code(), kTensorShapeMismatch);
}

}  // namespace
}  // namespace forebay::tensors

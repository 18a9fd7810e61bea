#include "tensors/tensor.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <set>

#include "tensors/errors.h"

namespace forebay::tensors {
namespace {

std::vector<float> floats_of(const Tensor& tensor) { return {tensor.values<float>().begin(), tensor.values<float>().end()}; }

TEST(DTypes, HaveTwoNamesEachAndAreFoundByBoth) {
  for (int i = 0; i <= static_cast<int>(DType::kString); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(dtype_named(name_of(dtype)), dtype);
    EXPECT_EQ(dtype_named(oip_name_of(dtype)), dtype);
    EXPECT_EQ(dtype_of_oip(oip_name_of(dtype)), dtype);
    EXPECT_EQ(dtype_of_oip(name_of(dtype)), std::nullopt);
  }
  EXPECT_EQ(dtype_named("float"), std::nullopt);
  EXPECT_EQ(oip_name_of(DType::kFloat32), "FP32");
  EXPECT_EQ(oip_name_of(DType::kString), "BYTES");
}

TEST(Shapes, PrintTheirFreeDimensionsAsQuestionMarks) {
  EXPECT_EQ(to_string(Shape{}), "[]");
  EXPECT_EQ(to_string(Shape{-1, 3, 224}), "[?, 3, 224]");
}

TEST(Shapes, CountTheirElementsAndRefuseWhatCannotBe) {
  EXPECT_EQ(element_count({}), 1u);
  EXPECT_EQ(element_count({2, 3}), 6u);
  EXPECT_EQ(element_count({2, 0, 3}), 0u);
  EXPECT_EQ(element_count({2, -1}), std::nullopt);
  EXPECT_EQ(element_count({1LL << 40, 1LL << 40}), std::nullopt);
  EXPECT_EQ(element_count({0, 1LL << 40, 1LL << 40}), std::nullopt);
  EXPECT_EQ(element_count({INT64_MAX, INT64_MAX}), std::nullopt);
}

TEST(Shapes, HoldTheLimitOnElementsExactly) {
  EXPECT_EQ(element_count({10, 10}, 100), 100u);
  EXPECT_EQ(element_count({10, 10}, 99), std::nullopt);
  EXPECT_EQ(element_count({0, 1000}, 99), 0u);
}

TEST(Tensor, IsEmptyWhenMadeWithoutAnything) {
  const Tensor tensor;
  EXPECT_EQ(tensor.shape(), Shape{0});
  EXPECT_EQ(tensor.size(), 0u);
  EXPECT_TRUE(tensor.bytes().empty());
}

TEST(Tensor, StartsAtAnAlignedAddressFullOfZeros) {
  Tensor tensor = Tensor::zeros(DType::kInt16, {3, 5});
  EXPECT_EQ(tensor.bytes().size(), 30u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.bytes().data()) % 64, 0u);
  for (const auto value : tensor.values<std::int16_t>()) EXPECT_EQ(value, 0);
}

TEST(Tensor, OfRankZeroHasOneElement) {
  const Tensor tensor = Tensor::of<float>({}, {2.5f});
  EXPECT_EQ(tensor.size(), 1u);
  EXPECT_EQ(floats_of(tensor), std::vector{2.5f});
}

TEST(Tensor, RefusesBytesThatDoNotFitItsShape) {
  EXPECT_TRUE(Tensor::from_bytes(DType::kFloat32, {2}, std::vector<std::byte>(8)));
  EXPECT_EQ(Tensor::from_bytes(DType::kFloat32, {2}, std::vector<std::byte>(7)).error().code(), kTensorSizeMismatch);
  EXPECT_EQ(Tensor::from_bytes(DType::kFloat32, {-2}, {}).error().code(), kTensorShapeInvalid);
  EXPECT_EQ(Tensor::from_bytes(DType::kString, {2}, {}).error().code(), kTensorTypeMismatch);
}

TEST(Tensor, RefusesBoolsThatAreNeitherZeroNorOne) {
  EXPECT_TRUE(Tensor::from_bytes(DType::kBool, {2}, {std::byte{0}, std::byte{1}}));
  EXPECT_EQ(Tensor::from_bytes(DType::kBool, {2}, {std::byte{0}, std::byte{2}}).error().code(), kTensorValueOutOfRange);
}

TEST(Tensor, ViewsMemoryWithoutACopyAndKeepsItAlive) {
  auto memory = std::make_shared<std::vector<float>>(std::vector{1.0f, 2.0f, 3.0f});
  const auto bytes = std::as_bytes(std::span(*memory));
  std::weak_ptr<std::vector<float>> watch = memory;
  auto tensor = Tensor::view(DType::kFloat32, {3}, bytes, std::move(memory));
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->bytes().data(), bytes.data());
  EXPECT_FALSE(watch.expired());
  *tensor = Tensor();
  EXPECT_TRUE(watch.expired());
}

TEST(Tensor, CopiesMemoryThatIsNotAligned) {
  std::vector<std::byte> body(9);
  const float value = 4.5f;
  std::memcpy(body.data() + 1, &value, 4);
  const auto tensor = Tensor::view(DType::kFloat32, {1}, std::span(body).subspan(1, 4), nullptr);
  ASSERT_TRUE(tensor);
  EXPECT_EQ(floats_of(*tensor), std::vector{4.5f});
}

TEST(Tensor, HoldsStrings) {
  const auto tensor = Tensor::from_strings({2, 1}, {"a", std::string("b\0c", 3)});
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->strings()[1].size(), 3u);
  EXPECT_TRUE(tensor->bytes().empty());
  EXPECT_EQ(Tensor::from_strings({3}, {"a"}).error().code(), kTensorSizeMismatch);
  EXPECT_EQ(Tensor::from_strings({-1}, {"a"}).error().code(), kTensorShapeInvalid);
  EXPECT_EQ(Tensor::zeros(DType::kString, {2}).strings().size(), 2u);
}

TEST(Tensor, TakesAnotherShapeOfTheSameCount) {
  const Tensor tensor = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(tensor.reshaped({3, 2})->shape(), (Shape{3, 2}));
  EXPECT_EQ(tensor.reshaped({7}).error().code(), kTensorShapeMismatch);
  EXPECT_EQ(tensor.reshaped({-1}).error().code(), kTensorShapeInvalid);
}

TEST(Tensor, GivesItsRowsAsViews) {
  const Tensor tensor = Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  const auto rows = tensor.rows(1, 2);
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->shape(), (Shape{2, 2}));
  EXPECT_EQ(floats_of(*rows), (std::vector<float>{3, 4, 5, 6}));
  EXPECT_EQ(rows->bytes().data(), tensor.bytes().data() + 8);
  EXPECT_EQ(tensor.rows(3, 0)->size(), 0u);
}

TEST(Tensor, RefusesRowsThatAreNotThere) {
  const Tensor tensor = Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(tensor.rows(2, 2).error().code(), kTensorRowsOutOfRange);
  EXPECT_EQ(tensor.rows(4, 0).error().code(), kTensorRowsOutOfRange);
  EXPECT_EQ(tensor.rows(1, SIZE_MAX).error().code(), kTensorRowsOutOfRange);
  EXPECT_EQ(Tensor::of<float>({}, {1}).rows(0, 0).error().code(), kTensorRowsOutOfRange);
}

TEST(Tensor, RefusesToJoinWhatDoesNotFitTogether) {
  const std::vector<Tensor> shapes = {Tensor::zeros(DType::kFloat32, {1, 2}), Tensor::zeros(DType::kFloat32, {1, 3})};
  EXPECT_EQ(Tensor::concatenate(shapes).error().code(), kTensorShapeMismatch);
  const std::vector<Tensor> types = {Tensor::zeros(DType::kFloat32, {1}), Tensor::zeros(DType::kInt32, {1})};
  EXPECT_EQ(Tensor::concatenate(types).error().code(), kTensorShapeMismatch);
  const std::vector<Tensor> ranks = {Tensor::zeros(DType::kFloat32, {})};
  EXPECT_EQ(Tensor::concatenate(ranks).error().code(), kTensorShapeMismatch);
  EXPECT_EQ(Tensor::concatenate({}).error().code(), kTensorShapeMismatch);
}

TEST(Tensor, JoinsStrings) {
  const std::vector<Tensor> parts = {*Tensor::from_strings({1}, {"a"}), *Tensor::from_strings({2}, {"b", "c"})};
  const auto whole = Tensor::concatenate(parts);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->shape(), Shape{3});
  EXPECT_EQ(whole->strings()[2], "c");
  EXPECT_EQ(whole->rows(1, 1)->strings()[0], "b");
}

// What is joined comes apart again, exactly, whatever the sizes.
RC_GTEST_PROP(Property21, WhatIsJoinedSplitsBackExactly, ()) {
  const auto row_elements = *rc::gen::inRange<std::int64_t>(0, 5);
  const auto counts = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(0, 6)));
  std::vector<Tensor> parts;
  for (const std::int64_t count : counts) {
    const auto values =
        *rc::gen::container<std::vector<std::int64_t>>(static_cast<std::size_t>(count * row_elements), rc::gen::arbitrary<std::int64_t>());
    parts.push_back(Tensor::of<std::int64_t>({count, row_elements}, values));
  }
  const auto whole = Tensor::concatenate(parts);
  RC_ASSERT(whole.has_value());
  std::size_t first = 0;
  for (const Tensor& part : parts) {
    const auto rows = whole->rows(first, static_cast<std::size_t>(part.shape()[0]));
    RC_ASSERT(rows.has_value());
    RC_ASSERT(rows->shape() == part.shape());
    RC_ASSERT(std::ranges::equal(rows->bytes(), part.bytes()));
    first += static_cast<std::size_t>(part.shape()[0]);
  }
  RC_ASSERT(first == static_cast<std::size_t>(whole->shape()[0]));
}

TEST(NamedTensors, AreFoundByName) {
  const NamedTensors tensors = {{"a", Tensor::zeros(DType::kInt8, {1})}, {"b", Tensor::zeros(DType::kInt8, {2})}};
  ASSERT_NE(find_tensor(tensors, "b"), nullptr);
  EXPECT_EQ(find_tensor(tensors, "b")->size(), 2u);
  EXPECT_EQ(find_tensor(tensors, "c"), nullptr);
}

TEST(TensorErrors, HaveNumbersOfTheirRangeOnceEach) {
  std::set<int> numbers;
  for (const ErrorCode* code : kTensorErrors) {
    EXPECT_TRUE(code->number >= 500 && code->number <= 599) << code->name;
    EXPECT_TRUE(numbers.insert(code->number).second) << code->name;
  }
}

}  // namespace
}  // namespace forebay::tensors

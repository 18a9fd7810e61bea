#include "inference/tensor_inputs.h"

#include <gtest/gtest.h>

#include "inference/errors.h"
#include "tensors/errors.h"

namespace forebay::inference {
namespace {

using formats::TensorSpec;
using tensors::DType;
using tensors::Shape;
using tensors::Tensor;

formats::ModelDescription two_inputs() {
  formats::ModelDescription description;
  description.inputs.push_back({.name = "left", .dtype = DType::kFloat32, .shape = {-1, 2}});
  description.inputs.push_back({.name = "right", .dtype = DType::kInt64, .shape = {-1}, .is_optional = true});
  return description;
}
Tensor zeros(Shape shape, DType dtype = DType::kFloat32) { return Tensor::zeros(dtype, std::move(shape)); }

TEST(TensorInputs, AreFoundByName) {
  const auto description = two_inputs();
  EXPECT_EQ(input_of(description, "right").value(), &description.inputs[1]);
  const auto near = input_of(description, "rihgt");
  ASSERT_FALSE(near);
  EXPECT_EQ(near.error().code(), kInputUnknown);
  EXPECT_EQ(near.error().hint(), "did you mean 'right'?");
  EXPECT_EQ(near.error().field(), "inputs.rihgt");
  EXPECT_EQ(input_of(description, "something else").error().hint(), kInputUnknown.hint);
}

TEST(TensorInputs, AreThereOnceUnlessTheyAreOptional) {
  const auto description = two_inputs();
  EXPECT_TRUE(check_complete(description, {{"left", zeros({1, 2})}}));
  const auto missing = check_complete(description, {{"right", zeros({1}, DType::kInt64)}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), kInputMissing);
  EXPECT_EQ(missing.error().message(), "the input 'left' (float32 [?, 2]) is missing");
  const auto twice = check_complete(description, {{"left", zeros({1, 2})}, {"left", zeros({1, 2})}});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code(), kFieldConflict);
  EXPECT_EQ(twice.error().message(), "the input 'left' is given 2 times");
}

TEST(TensorInputs, HaveTheModelsTypeAndShape) {
  const TensorSpec spec{.name = "x", .dtype = DType::kFloat32, .shape = {-1, 2}};
  EXPECT_TRUE(check_input(spec, zeros({0, 2})));
  for (const auto& tensor : {zeros({1, 3}), zeros({2}), zeros({1, 2}, DType::kInt64)}) {
    const auto refused = check_input(spec, tensor);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), kInputMismatch);
    EXPECT_EQ(refused.error().field(), "inputs.x");
  }
  EXPECT_TRUE(check_input({.name = "x", .has_shape = false}, zeros({5, 4, 3}))) << "a file without shapes";
}

TEST(TensorInputs, TakeOneElementAsAScalarAndBack) {
  EXPECT_EQ(fitted_input({.name = "x", .shape = {}}, zeros({1})).value().shape(), Shape{});
  EXPECT_EQ(fitted_input({.name = "x", .shape = {-1}}, zeros({})).value().shape(), Shape{1});
  EXPECT_EQ(fitted_input({.name = "x", .shape = {2}}, zeros({})).error().code(), kInputMismatch);
  EXPECT_EQ(fitted_input({.name = "x", .shape = {}}, zeros({2})).error().code(), kInputMismatch);
}

TEST(TensorInputs, AreReadFromJsonInTheirShape) {
  const TensorSpec spec{.name = "x", .shape = {-1, 2}};
  for (const char* json : {"[1,2]", "[[1,2]]"}) EXPECT_EQ(input_from_json(spec, json).value().shape(), (Shape{1, 2})) << json;
  EXPECT_EQ(input_from_json({.name = "x", .has_shape = false}, "[1,2]").value().shape(), Shape{2});
  EXPECT_EQ(input_from_json(spec, "[1,2,3]").error().code(), tensors::kTensorShapeMismatch);
  EXPECT_EQ(input_from_json(spec, "[1,2,3,4]", {.elements_max = 3}).error().code(), tensors::kTensorTooLarge);
  EXPECT_EQ(input_from_json(spec, "[1,null]").error().code(), tensors::kArrayNotFinite);
}

TEST(TensorInputs, NameTheInputInErrors) {
  const auto named = about_input(Error(tensors::kArrayRagged, "row 2 is short"), "x", "inputs[0]");
  EXPECT_EQ(named.message(), "input 'x': row 2 is short");
  EXPECT_EQ(named.field(), "inputs[0]");
  EXPECT_EQ(named.hint(), tensors::kArrayRagged.hint);
  EXPECT_EQ(about_input(Error(tensors::kArrayRagged, "m").with_hint("own"), "x", "f").hint(), "own");
}

}  // namespace
}  // namespace forebay::inference

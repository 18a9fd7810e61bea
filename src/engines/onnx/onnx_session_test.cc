#include "engines/onnx/onnx_session.h"

#include <gtest/gtest.h>

#include <cmath>
#include <future>
#include <limits>
#include <thread>

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

constexpr DType kDtypes[] = {DType::kBool,     DType::kUint8,   DType::kUint16, DType::kUint32, DType::kUint64,
                             DType::kInt8,     DType::kInt16,   DType::kInt32,  DType::kInt64,  DType::kFloat16,
                             DType::kBfloat16, DType::kFloat32, DType::kFloat64};

Result<NamedTensors> run(LoadedModel& model, const NamedTensors& inputs, const std::vector<std::string>& outputs = {}) {
  return model.open_tensor_session().value()->run(inputs, outputs, CancelToken());
}

void expect_mismatch(LoadedModel& model, const NamedTensors& inputs, std::string_view field, std::string_view message) {
  const auto outcome = run(model, inputs);
  ASSERT_FALSE(outcome) << message;
  EXPECT_EQ(outcome.error().code(), kInputMismatch);
  EXPECT_EQ(outcome.error().field(), field);
  EXPECT_EQ(outcome.error().message(), message);
}

TEST(OnnxSession, CarriesEveryElementTypeThroughUnchanged) {
  for (const DType dtype : kDtypes) {
    auto model = load_bytes(formats::identity_model(dtype));
    Tensor x = Tensor::zeros(dtype, {2, 4});
    std::size_t i = 0;
    for (std::byte& byte : x.mutable_bytes()) byte = static_cast<std::byte>(dtype == DType::kBool ? i++ % 2 : ++i * 7);
    const auto outputs = run(*model, {{"x", x}});
    ASSERT_TRUE(outputs) << tensors::name_of(dtype) << ": " << outputs.error().to_string();
    EXPECT_EQ(outputs->front().name, "y");
    EXPECT_EQ(outputs->front().tensor.dtype(), dtype);
    EXPECT_EQ(outputs->front().tensor.shape(), (tensors::Shape{2, 4}));
    EXPECT_TRUE(std::ranges::equal(outputs->front().tensor.bytes(), x.bytes())) << tensors::name_of(dtype);
  }
}

TEST(OnnxSession, CarriesStringsWithZeroBytesAndEmptyOnes) {
  auto model = load_bytes(formats::identity_model(DType::kString));
  const std::vector<std::string> texts = {"", "a", std::string("b\0c", 3), "grüße"};
  const auto outputs = run(*model, {{"x", Tensor::from_strings({1, 4}, texts).value()}}).value();
  EXPECT_TRUE(std::ranges::equal(outputs[0].tensor.strings(), texts));
  EXPECT_EQ(run(*model, {{"x", Tensor::from_strings({0, 4}, {}).value()}}).value()[0].tensor.size(), 0U);
}

TEST(OnnxSession, TakesEmptyBatchesScalarsAndMisalignedMemory) {
  auto add = load_bytes(formats::add_one_model());
  EXPECT_EQ(run(*add, {{"x", Tensor::zeros(DType::kFloat32, {0, 4})}}).value()[0].tensor.shape(), (tensors::Shape{0, 4}));

  auto scalar = load_bytes(formats::scalar_model());
  const auto& input = scalar->description().inputs.front();
  const auto one = run(*scalar, {{input.name, Tensor::zeros(input.dtype, {})}}).value();
  EXPECT_EQ(one[0].tensor.shape(), tensors::Shape{});
  EXPECT_EQ(one[0].tensor.size(), 1U);

  const auto bytes = std::make_shared<std::vector<std::byte>>(17);
  const auto crooked = Tensor::view(DType::kFloat32, {1, 4}, std::span(*bytes).subspan(1), bytes).value();
  EXPECT_EQ(run(*add, {{"x", crooked}}).value()[0].tensor.values<float>()[3], 1.0F);
}

TEST(OnnxSession, OutputsOutliveTheSessionAndTheModel) {
  NamedTensors outputs;
  {
    auto model = load_bytes(formats::add_one_model());
    outputs = run(*model, {{"x", Tensor::of<float>({1, 4}, {1, 2, 3, 4})}}).value();
  }
  EXPECT_EQ(outputs[0].tensor.values<float>()[3], 5.0F);
}

TEST(OnnxSession, TakesSeveralInputsInAnyOrderAndGivesTheOutputsAskedFor) {
  auto model = load_bytes(formats::concat_model());
  const Tensor x = Tensor::of<float>({1, 2}, {1, 2});
  const Tensor y = Tensor::of<float>({1, 3}, {3, 4, 5});
  const auto outputs = run(*model, {{"y", y}, {"x", x}}).value();
  EXPECT_TRUE(std::ranges::equal(outputs[0].tensor.values<float>(), std::vector<float>{1, 2, 3, 4, 5}));
  EXPECT_EQ(run(*model, {{"x", x}, {"y", y}}, {"z", "z"}).value().size(), 2U);
  const auto unknown = run(*model, {{"x", x}, {"y", y}}, {"nothing"});
  EXPECT_EQ(unknown.error().code(), kOutputUnknown);
  EXPECT_EQ(unknown.error().message(), "the model has no output 'nothing'; it has 'z'");
}

TEST(OnnxSession, SaysExactlyWhatIsWrongWithAnInput) {
  auto model = load_bytes(formats::concat_model());
  const Tensor x = Tensor::of<float>({1, 2}, {1, 2});
  const Tensor y = Tensor::of<float>({1, 3}, {3, 4, 5});
  expect_mismatch(*model, {{"x", x}}, "y", "input 'y' is missing: the model takes float32 [?, 3]");
  expect_mismatch(*model, {{"x", x}, {"y", y}, {"z", y}}, "z", "the model has no input 'z'; it has 'x', 'y'");
  expect_mismatch(*model, {{"x", x}, {"x", x}, {"y", y}}, "x", "input 'x' is given twice");
  expect_mismatch(*model, {{"x", Tensor::of<double>({1, 2}, {1, 2})}, {"y", y}}, "x", "input 'x' is float64, the model takes float32");
  expect_mismatch(*model, {{"x", Tensor::of<float>({2}, {1, 2})}, {"y", y}}, "x", "input 'x' has the shape [2], the model takes [?, 2]");
  expect_mismatch(*model, {{"x", Tensor::of<float>({1, 1}, {1})}, {"y", y}}, "x", "input 'x' has the shape [1, 1], the model takes [?, 2]");
  expect_mismatch(*model, {}, "x", "input 'x' is missing: the model takes float32 [?, 2]");
}

TEST(OnnxSession, WhatOnlyTheLibraryCanSeeIsARunFailure) {
  auto model = load_bytes(formats::failing_model());
  const auto outcome = run(*model, {{"x", Tensor::of<float>({4}, {1, 2, 3, 4})}});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), kRunFailed);
  EXPECT_FALSE(outcome.error().message().contains("/usr")) << outcome.error().message();
  EXPECT_TRUE(run(*model, {{"x", Tensor::of<float>({3}, {1, 2, 3})}}));
}

TEST(OnnxSession, FlattensAZipMapToColumnsInAscendingOrder) {
  auto model = load_bytes(formats::zip_map_model());
  const auto outputs = run(*model, {{model->description().inputs[0].name, Tensor::of<float>({2, 2}, {1, 0, 0, 1})}}).value();
  const auto& maps = std::ranges::find_if(model->description().outputs, &formats::TensorSpec::is_sequence_of_maps);
  ASSERT_NE(maps, model->description().outputs.end());
  const Tensor* table = tensors::find_tensor(outputs, maps->name);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->dtype(), DType::kFloat32);
  ASSERT_EQ(table->shape().size(), 2U);
  EXPECT_EQ(table->shape()[0], 2);
}

// ZipMap over labels in no order: 10 before 9 as text, after it as a number.
std::string labelled_model(DType label) {
  OnnxGraphBuilder model("labelled");
  model.opset("ai.onnx.ml", 1).input("x", DType::kFloat32, {"batch", 3}).output_of_maps("y", label);
  const OnnxGraphBuilder::Attribute labels =
      label == DType::kString ? OnnxGraphBuilder::Attribute{"classlabels_strings", std::vector<std::string>{"9", "b", "10"}}
                              : OnnxGraphBuilder::Attribute{"classlabels_int64s", std::vector<std::int64_t>{9, 100, 10}};
  model.node("ZipMap", {"x"}, {"y"}, {labels}, "ai.onnx.ml");
  return model.build();
}

TEST(OnnxSession, OrdersTextLabelsAsTextAndNumbersAsNumbers) {
  const NamedTensors inputs = {{"x", Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6})}};
  const auto text = run(*load_bytes(labelled_model(DType::kString)), inputs).value();
  EXPECT_TRUE(std::ranges::equal(text[0].tensor.values<float>(), std::vector<float>{3, 1, 2, 6, 4, 5}));
  const auto numbers = run(*load_bytes(labelled_model(DType::kInt64)), inputs).value();
  EXPECT_TRUE(std::ranges::equal(numbers[0].tensor.values<float>(), std::vector<float>{1, 3, 2, 4, 6, 5}));
  EXPECT_EQ(run(*load_bytes(labelled_model(DType::kInt64)), {{"x", Tensor::zeros(DType::kFloat32, {0, 3})}}).value()[0].tensor.size(), 0U);
}

TEST(OnnxSession, ARequestCancelledBeforehandComputesNothing) {
  auto model = load_bytes(formats::add_one_model());
  CancelToken cancel;
  cancel.cancel(CancelReason::kDeadline);
  const auto outcome = model->open_tensor_session().value()->run({{"x", Tensor::zeros(DType::kFloat32, {1, 4})}}, {}, cancel);
  EXPECT_EQ(outcome.error().kind(), ErrorKind::kDeadlineExceeded);
}

TEST(OnnxSession, CancellingReachesTheLibraryWhileItComputes) {
  auto model = load_bytes(formats::slow_loop_model());
  auto session = model->open_tensor_session().value();
  NamedTensors inputs;
  for (const auto& input : model->description().inputs) {
    Tensor tensor = Tensor::zeros(input.dtype, input.shape);
    if (input.dtype == DType::kInt64)
      *reinterpret_cast<std::int64_t*>(tensor.mutable_bytes().data()) = std::numeric_limits<std::int64_t>::max() / 2;
    inputs.push_back({input.name, std::move(tensor)});
  }
  CancelToken cancel;
  std::promise<void> started;
  std::thread canceller([&] {
    started.get_future().wait();
    cancel.cancel(CancelReason::kClientGone);
  });
  started.set_value();
  const auto outcome = session->run(inputs, {}, cancel);  // would run for years
  canceller.join();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind(), ErrorKind::kCancelled);
  EXPECT_TRUE(run(*load_bytes(formats::add_one_model()), {{"x", Tensor::zeros(DType::kFloat32, {1, 4})}}));
}

TEST(OnnxSession, ManySessionsRunOneModelAtTheSameTime) {
  auto model = load_bytes(formats::linear_model(), "model.onnx", {.threads = 1});
  std::vector<std::thread> workers;
  std::atomic<int> right = 0;
  for (int worker = 0; worker < 4; ++worker) {
    workers.emplace_back([&, worker] {
      auto session = model->open_tensor_session().value();
      for (int i = 0; i < 50; ++i) {
        const auto value = static_cast<float>(worker * 100 + i);
        const auto outputs = session->run({{"x", Tensor::of<float>({1, 3}, {value, 0, 0})}}, {}, CancelToken()).value();
        if (outputs[0].tensor.values<float>()[0] == value + 10) ++right;
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(right, 200);
}

TEST(OnnxSession, ASequenceOfDifferentTensorsCannotBeReturned) {
  OnnxGraphBuilder model("split");
  model.input("x", DType::kFloat32, {3}).output_of_any_shape("y", DType::kFloat32);
  model.initialiser("sizes", Tensor::of<std::int64_t>({2}, {1, 2})).node("SplitToSequence", {"x", "sizes"}, {"s"});
  model.initialiser("first", Tensor::of<std::int64_t>({}, {0})).node("SequenceAt", {"s", "first"}, {"y"});
  auto loaded = load_bytes(model.build());
  EXPECT_EQ(run(*loaded, {{"x", Tensor::of<float>({3}, {7, 8, 9})}}).value()[0].tensor.values<float>()[0], 7.0F);
}

}  // namespace
}  // namespace forebay::engines

#include "engines/onnx/guarded_graph.h"

#include <gtest/gtest.h>

#include <limits>

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

bool is_guarded(const OnnxGraphBuilder& model) {
  const std::string bytes = model.build();
  return guarded_graph(std::as_bytes(std::span(bytes))).value().has_value();
}

OnnxGraphBuilder division(DType dtype, std::string_view op = "Div") {
  OnnxGraphBuilder model("division");
  model.input("a", dtype, {"n"}).input("b", dtype, {"n"}).node(op, {"a", "b"}, {"c"}).output("c", dtype, {"n"});
  return model;
}

Result<NamedTensors> run(const OnnxGraphBuilder& model, const NamedTensors& inputs) {
  return load_bytes(model.build())->open_tensor_session().value()->run(inputs, {}, CancelToken());
}

void expect_refused(const OnnxGraphBuilder& model, const NamedTensors& inputs, std::string_view why) {
  const auto outcome = run(model, inputs);
  ASSERT_FALSE(outcome) << why;
  EXPECT_EQ(outcome.error().code(), kOperandRefused);
  EXPECT_NE(std::string_view(outcome.error().message()).find(why), std::string_view::npos) << outcome.error().message();
}

TEST(GuardedGraph, AnIntegerDivisionByZeroEndsTheRunAlone) {
  for (const char* op : {"Div", "Mod"}) {
    const auto model = division(DType::kInt64, op);
    expect_refused(model, {{"a", Tensor::of<std::int64_t>({2}, {1, 2})}, {"b", Tensor::of<std::int64_t>({2}, {1, 0})}}, "divided by zero");
    expect_refused(model,
                   {{"a", Tensor::of<std::int64_t>({2}, {1, std::numeric_limits<std::int64_t>::min()})},
                    {"b", Tensor::of<std::int64_t>({2}, {1, -1})}},
                   "divided by -1");
    expect_refused(division(DType::kUint8, op), {{"a", Tensor::of<std::uint8_t>({1}, {1})}, {"b", Tensor::of<std::uint8_t>({1}, {0})}},
                   "divided by zero");
  }
  const auto right =
      run(division(DType::kInt64), {{"a", Tensor::of<std::int64_t>({2}, {7, -9})}, {"b", Tensor::of<std::int64_t>({2}, {2, -1})}});
  ASSERT_TRUE(right) << right.error().message();
  EXPECT_EQ((*right)[0].tensor.values<std::int64_t>()[0], 3);
  EXPECT_EQ((*right)[0].tensor.values<std::int64_t>()[1], 9);
}

TEST(GuardedGraph, ASubgraphIsGuardedToo) {
  OnnxGraphBuilder then("then");
  then.node("Div", {"a", "b"}, {"t"}).output("t", DType::kInt64, {"n"});
  OnnxGraphBuilder otherwise("otherwise");
  otherwise.node("Identity", {"a"}, {"e"}).output("e", DType::kInt64, {"n"});
  OnnxGraphBuilder model("if");
  model.input("a", DType::kInt64, {"n"}).input("b", DType::kInt64, {"n"}).input("c", DType::kBool, {1}).output("y", DType::kInt64, {"n"});
  model.node("If", {"c"}, {"y"},
             {{"then_branch", std::make_shared<const OnnxGraphBuilder>(std::move(then))},
              {"else_branch", std::make_shared<const OnnxGraphBuilder>(std::move(otherwise))}});
  Tensor yes = Tensor::zeros(DType::kBool, {1});
  yes.mutable_bytes()[0] = std::byte{1};
  expect_refused(model, {{"a", Tensor::of<std::int64_t>({1}, {1})}, {"b", Tensor::of<std::int64_t>({1}, {0})}, {"c", yes}},
                 "divided by zero");
}

TEST(GuardedGraph, FloatsAndSafeConstantsStayAsTheyAre) {
  EXPECT_FALSE(is_guarded(division(DType::kFloat32)));
  EXPECT_TRUE(is_guarded(division(DType::kInt32)));
  const auto by = [](std::int64_t divisor) {
    OnnxGraphBuilder model("constant");
    model.input("a", DType::kInt64, {"n"}).initialiser("b", Tensor::of<std::int64_t>({}, {divisor}));
    model.node("Div", {"a", "b"}, {"c"}).output("c", DType::kInt64, {"n"});
    return model;
  };
  EXPECT_FALSE(is_guarded(by(2)));
  EXPECT_TRUE(is_guarded(by(0)));
  EXPECT_TRUE(is_guarded(by(-1)));
  OnnxGraphBuilder derived("derived");  // a float by a cast
  derived.input("a", DType::kInt64, {"n"}).node("Cast", {"a"}, {"f"}, {{"to", std::int64_t{1}}}).node("Div", {"f", "f"}, {"c"});
  EXPECT_FALSE(is_guarded(derived.output("c", DType::kFloat32, {"n"})));
}

TEST(GuardedGraph, OtherOperatorsThatTrapOrWriteAnywhereAreGuarded) {
  OnnxGraphBuilder trilu("trilu");
  trilu.input("x", DType::kFloat32, {2, 2})
      .input("k", DType::kInt64, {})
      .node("Trilu", {"x", "k"}, {"y"})
      .output("y", DType::kFloat32, {2, 2});
  const auto nothing = run(trilu, {{"x", Tensor::of<float>({2, 2}, {1, 2, 3, 4})},
                                   {"k", Tensor::of<std::int64_t>({}, {std::numeric_limits<std::int64_t>::max()})}});
  ASSERT_TRUE(nothing) << nothing.error().message();
  for (const float value : (*nothing)[0].tensor.values<float>()) EXPECT_EQ(value, 0);
  const auto whole = run(trilu, {{"x", Tensor::of<float>({2, 2}, {1, 2, 3, 4})},
                                 {"k", Tensor::of<std::int64_t>({}, {std::numeric_limits<std::int64_t>::min()})}});
  ASSERT_TRUE(whole) << whole.error().message();
  EXPECT_EQ((*whole)[0].tensor.values<float>()[2], 3);

  OnnxGraphBuilder unpool("unpool");
  unpool.input("x", DType::kFloat32, {1, 1, 1, 1}).input("i", DType::kInt64, {1, 1, 1, 1}).output("y", DType::kFloat32, {1, 1, 2, 2});
  unpool.node("MaxUnpool", {"x", "i"}, {"y"},
              {{"kernel_shape", std::vector<std::int64_t>{2, 2}}, {"strides", std::vector<std::int64_t>{2, 2}}});
  for (const std::int64_t index : {std::int64_t{4}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::max()})
    expect_refused(unpool, {{"x", Tensor::of<float>({1, 1, 1, 1}, {5})}, {"i", Tensor::of<std::int64_t>({1, 1, 1, 1}, {index})}},
                   "outside of the output");
  const auto inside = run(unpool, {{"x", Tensor::of<float>({1, 1, 1, 1}, {5})}, {"i", Tensor::of<std::int64_t>({1, 1, 1, 1}, {3})}});
  ASSERT_TRUE(inside) << inside.error().message();
  EXPECT_EQ((*inside)[0].tensor.values<float>()[3], 5);

  OnnxGraphBuilder columns("columns");
  columns.opset("", 18).input("x", DType::kFloat32, {1, 4, 1}).input("image", DType::kInt64, {2}).input("block", DType::kInt64, {2});
  columns.node("Col2Im", {"x", "image", "block"}, {"y"}).output("y", DType::kFloat32, {1, -1, -1, -1});
  expect_refused(columns,
                 {{"x", Tensor::zeros(DType::kFloat32, {1, 4, 1})},
                  {"image", Tensor::of<std::int64_t>({2}, {2, 2})},
                  {"block", Tensor::of<std::int64_t>({2}, {0, 2})}},
                 "not positive");
  const auto image_of = [](std::int64_t side) {
    return NamedTensors{{"x", Tensor::zeros(DType::kFloat32, {1, 4, 1})},
                        {"image", Tensor::of<std::int64_t>({2}, {side, side})},
                        {"block", Tensor::of<std::int64_t>({2}, {2, 2})}};
  };
  EXPECT_TRUE(run(columns, image_of(2)));
  expect_refused(columns, image_of(3), "as many columns");
  expect_refused(columns, image_of(100), "as many columns");

  OnnxGraphBuilder reversed("reversed");
  reversed.input("x", DType::kFloat32, {1, 2}).input("l", DType::kInt64, {1}).node("ReverseSequence", {"x", "l"}, {"y"}, {{"batch_axis", std::int64_t{0}}, {"time_axis", std::int64_t{1}}});
  reversed.output("y", DType::kFloat32, {1, 2});
  expect_refused(reversed, {{"x", Tensor::of<float>({1, 2}, {1, 2})}, {"l", Tensor::of<std::int64_t>({1}, {0})}}, "not positive");

  OnnxGraphBuilder transform("transform");
  transform.opset("", 20).ir_version(9).input("x", DType::kFloat32, {1, 4, 1}).input("axis", DType::kInt64, {});
  transform.node("DFT", {"x", "", "axis"}, {"y"}).output("y", DType::kFloat32, {-1, -1, -1});
  for (const std::int64_t axis : {std::int64_t{3}, std::int64_t{-4}, std::numeric_limits<std::int64_t>::min()})
    expect_refused(transform, {{"x", Tensor::zeros(DType::kFloat32, {1, 4, 1})}, {"axis", Tensor::of<std::int64_t>({}, {axis})}},
                   "there is no axis");
}

TEST(GuardedGraph, LeavesOrdinaryModelsAlone) {
  for (const auto& bytes : {formats::add_one_model(), formats::linear_model(), formats::zip_map_model(), formats::slow_loop_model()})
    EXPECT_FALSE(guarded_graph(std::as_bytes(std::span(bytes))).value().has_value());
}

}  // namespace
}  // namespace forebay::engines

#include "engines/onnx/guarded_graph.h"

#include <gtest/gtest.h>

#include <limits>

#include "engines/errors.h"
#include "engines/testing/model_files.h"
#include "formats/onnx_graph_builder.h"
#include "formats/protobuf_wire.h"
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

// The names in it are floats in the graph.
TEST(GuardedGraph, AFunctionIsGuardedWhateverItsNamesMeanElsewhere) {
  OnnxGraphBuilder model("calls");
  model.opset("own", 1).input("a", DType::kInt64, {1}).input("b", DType::kInt64, {1}).output("c", DType::kInt64, {1});
  model.node("Cast", {"a"}, {"p"}, {{"to", std::int64_t{1}}}).node("Cast", {"b"}, {"q"}, {{"to", std::int64_t{1}}});
  model.node("Quotient", {"a", "b"}, {"c"}, {}, "own");
  formats::WireWriter division;
  for (const char* name : {"p", "q"}) division.bytes(1, name);
  division.bytes(2, "r");
  division.bytes(4, "Div");
  formats::WireWriter import;
  import.bytes(1, "");
  import.varint(2, 17);
  formats::WireWriter function;
  function.bytes(1, "Quotient");
  for (const char* name : {"p", "q"}) function.bytes(4, name);
  function.bytes(5, "r");
  function.message(7, division);
  function.message(9, import);
  function.bytes(10, "own");
  formats::WireWriter more;
  more.message(25, function);
  const auto session = load_bytes(model.build() + more.written())->open_tensor_session().value();
  const auto outcome =
      session->run({{"a", Tensor::of<std::int64_t>({1}, {1})}, {"b", Tensor::of<std::int64_t>({1}, {0})}}, {}, CancelToken());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), kOperandRefused);
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
  reversed.input("x", DType::kFloat32, {1, 2})
      .input("l", DType::kInt64, {1})
      .node("ReverseSequence", {"x", "l"}, {"y"}, {{"batch_axis", std::int64_t{0}}, {"time_axis", std::int64_t{1}}});
  reversed.output("y", DType::kFloat32, {1, 2});
  expect_refused(reversed, {{"x", Tensor::of<float>({1, 2}, {1, 2})}, {"l", Tensor::of<std::int64_t>({1}, {0})}}, "not positive");

  OnnxGraphBuilder transform("transform");
  transform.opset("", 20).ir_version(9).input("x", DType::kFloat32, {1, 4, 1}).input("axis", DType::kInt64, {});
  transform.node("DFT", {"x", "", "axis"}, {"y"}).output("y", DType::kFloat32, {-1, -1, -1});
  for (const std::int64_t axis : {std::int64_t{3}, std::int64_t{-4}, std::numeric_limits<std::int64_t>::min()})
    expect_refused(transform, {{"x", Tensor::zeros(DType::kFloat32, {1, 4, 1})}, {"axis", Tensor::of<std::int64_t>({}, {axis})}},
                   "there is no axis");
}

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

Tensor scalar(std::int64_t value) { return Tensor::of<std::int64_t>({}, {value}); }
Tensor list(const std::vector<std::int64_t>& values) { return Tensor::of<std::int64_t>({std::ssize(values)}, values); }
std::vector<float> floats_of(const Result<NamedTensors>& answer) {
  if (!answer) throw std::runtime_error(answer.error().to_log_string());
  const auto values = (*answer)[0].tensor.values<float>();
  return {values.begin(), values.end()};
}

TEST(GuardedGraph, ARangeThatCannotBeCountedIsRefused) {
  OnnxGraphBuilder model("range");
  for (const char* name : {"a", "b", "c"}) model.input(name, DType::kInt64, {});
  model.node("Range", {"a", "b", "c"}, {"y"}).output("y", DType::kInt64, {"n"});
  const auto between = [](std::int64_t a, std::int64_t b, std::int64_t c) {
    return NamedTensors{{"a", scalar(a)}, {"b", scalar(b)}, {"c", scalar(c)}};
  };
  expect_refused(model, between(kLeast, kMost, 1), "too far apart");
  expect_refused(model, between(kMost, kLeast, 1), "too far apart");
  expect_refused(model, between(0, kMost, 1), "too many numbers");
  const auto counted = run(model, between(3, -5, -4));
  ASSERT_TRUE(counted) << counted.error().message();
  EXPECT_EQ((*counted)[0].tensor.values<std::int64_t>()[1], -1);

  OnnxGraphBuilder floats("floats");
  for (const char* name : {"a", "b", "c"}) floats.input(name, DType::kFloat32, {});
  floats.node("Range", {"a", "b", "c"}, {"y"}).output("y", DType::kFloat32, {"n"});
  for (const auto& [limit, delta] : {std::pair{1e30F, 1.F}, std::pair{1.F, 1e-40F}})
    expect_refused(floats,
                   {{"a", Tensor::of<float>({}, {0})}, {"b", Tensor::of<float>({}, {limit})}, {"c", Tensor::of<float>({}, {delta})}},
                   "too many numbers");
}

TEST(GuardedGraph, ARangeOverAShapeNeedsNoCheck) {
  OnnxGraphBuilder model("places");
  model.input("x", DType::kFloat32, {"n"}).initialiser("zero", scalar(0)).initialiser("one", scalar(1)).initialiser("first", scalar(0));
  model.node("Shape", {"x"}, {"shape"}).node("Gather", {"shape", "first"}, {"n"}).node("Add", {"n", "one"}, {"more"});
  model.node("Range", {"zero", "more", "one"}, {"y"}).output("y", DType::kInt64, {"m"});
  EXPECT_FALSE(is_guarded(model));
}

TEST(GuardedGraph, ASizeBeyond32BitsIsRefused) {
  OnnxGraphBuilder top("top");
  top.input("x", DType::kFloat32, {4}).input("k", DType::kInt64, {1}).node("TopK", {"x", "k"}, {"y", "i"});
  top.output("y", DType::kFloat32, {"n"}).output("i", DType::kInt64, {"n"});
  const Tensor four = Tensor::of<float>({4}, {1, 2, 3, 4});
  for (const std::int64_t k : {std::int64_t{1} << 32, (std::int64_t{1} << 32) + 1, kMost, std::int64_t{-1}})
    expect_refused(top, {{"x", four}, {"k", list({k})}}, "a size is negative, or too large");
  EXPECT_EQ(floats_of(run(top, {{"x", four}, {"k", list({2})}})), (std::vector<float>{4, 3}));
  OnnxGraphBuilder fixed("fixed");
  fixed.input("x", DType::kFloat32, {4}).initialiser("k", list({2})).node("TopK", {"x", "k"}, {"y", "i"});
  EXPECT_FALSE(is_guarded(fixed.output("y", DType::kFloat32, {"n"}).output("i", DType::kInt64, {"n"})));

  OnnxGraphBuilder crop("crop");
  crop.opset("", 18).input("x", DType::kFloat32, {4}).input("s", DType::kInt64, {1});
  crop.node("CenterCropPad", {"x", "s"}, {"y"}).output("y", DType::kFloat32, {"n"});
  for (const std::int64_t size : {std::int64_t{-1}, kLeast, kMost}) expect_refused(crop, {{"x", four}, {"s", list({size})}}, "a size is");
  EXPECT_EQ(floats_of(run(crop, {{"x", four}, {"s", list({2})}})), (std::vector<float>{2, 3}));
}

OnnxGraphBuilder padding(const char* mode) {
  OnnxGraphBuilder model("pad");
  model.opset("", 19).ir_version(9).input("x", DType::kFloat32, {"n"}).input("p", DType::kInt64, {2});
  model.node("Pad", {"x", "p"}, {"y"}, {{"mode", std::string(mode)}}).output("y", DType::kFloat32, {"m"});
  return model;
}

TEST(GuardedGraph, PadsRepeatOnlyWhatIsThere) {
  const Tensor three = Tensor::of<float>({3}, {1, 2, 3});
  for (const auto& pads : {list({kMost, kMost}), list({kLeast, 0}), list({std::int64_t{1} << 62, std::int64_t{1} << 62})})
    expect_refused(padding("constant"), {{"x", three}, {"p", pads}}, "a pad is too large");
  expect_refused(padding("constant"), {{"x", three}, {"p", list({-2, -2})}}, "take more away");
  expect_refused(padding("reflect"), {{"x", three}, {"p", list({0, 3})}}, "repeats more than there is");
  expect_refused(padding("reflect"), {{"x", three}, {"p", list({-1, 100})}}, "repeats more than there is");
  expect_refused(padding("wrap"), {{"x", three}, {"p", list({4, 0})}}, "repeats more than there is");
  for (const char* mode : {"constant", "edge"}) expect_refused(padding(mode), {{"x", three}, {"p", list({-3, 1})}}, "take all away");
  EXPECT_EQ(floats_of(run(padding("reflect"), {{"x", three}, {"p", list({2, 1})}})), (std::vector<float>{3, 2, 1, 2, 3, 2}));
  EXPECT_EQ(floats_of(run(padding("edge"), {{"x", three}, {"p", list({2, -1})}})), (std::vector<float>{1, 1, 1, 2}));
  EXPECT_EQ(floats_of(run(padding("constant"), {{"x", three}, {"p", list({1, -2})}})), (std::vector<float>{0, 1}));

  OnnxGraphBuilder stated("stated");  // the pads in an attribute, and a tensor of any length
  stated.opset("", 10).input("x", DType::kFloat32, {"n"}).output("y", DType::kFloat32, {"m"});
  stated.node("Pad", {"x"}, {"y"}, {{"mode", std::string("reflect")}, {"pads", std::vector<std::int64_t>{0, 2}}});
  expect_refused(stated, {{"x", Tensor::of<float>({2}, {1, 2})}}, "repeats more than there is");
  EXPECT_EQ(floats_of(run(stated, {{"x", three}})), (std::vector<float>{1, 2, 3, 2, 1}));

  OnnxGraphBuilder axis("axis");
  axis.opset("", 19).ir_version(9).input("x", DType::kFloat32, {"n", "m"}).input("p", DType::kInt64, {2}).initialiser("a", list({-1}));
  axis.node("Pad", {"x", "p", "", "a"}, {"y"}, {{"mode", std::string("reflect")}}).output("y", DType::kFloat32, {"n", "k"});
  EXPECT_EQ(floats_of(run(axis, {{"x", Tensor::of<float>({1, 3}, {1, 2, 3})}, {"p", list({0, 2})}})), (std::vector<float>{1, 2, 3, 2, 1}));
  expect_refused(axis, {{"x", Tensor::of<float>({3, 1}, {1, 2, 3})}, {"p", list({0, 2})}}, "repeats more than there is");

  OnnxGraphBuilder fixed("fixed");
  fixed.input("x", DType::kFloat32, {"n"})
      .initialiser("p", list({1, 1}))
      .node("Pad", {"x", "p"}, {"y"})
      .output("y", DType::kFloat32, {"m"});
  EXPECT_FALSE(is_guarded(fixed));
}

TEST(GuardedGraph, PlacesThatAreNotThereAreRefused) {
  OnnxGraphBuilder affine("affine");
  affine.opset("", 20).ir_version(9).input("t", DType::kFloat32, {"n", 2, 3}).input("s", DType::kInt64, {4});
  affine.node("AffineGrid", {"t", "s"}, {"y"}).output("y", DType::kFloat32, {-1, -1, -1, -1});
  const Tensor theta = Tensor::of<float>({1, 2, 3}, {1, 0, 0, 0, 1, 0});
  expect_refused(affine, {{"t", theta}, {"s", list({100, 1, 2, 2})}}, "one matrix for each grid");
  EXPECT_EQ(floats_of(run(affine, {{"t", theta}, {"s", list({1, 1, 1, 2})}})), (std::vector<float>{-0.5, 0, 0.5, 0}));

  OnnxGraphBuilder grid("grid");
  grid.input("x", DType::kFloat32, {1, 1, 2, 2}).input("g", DType::kFloat32, {1, 1, 1, 2}).output("y", DType::kFloat32, {1, 1, 1, 1});
  grid.node("GridSample", {"x", "g"}, {"y"}, {{"padding_mode", std::string("reflection")}});
  const Tensor image = Tensor::of<float>({1, 1, 2, 2}, {1, 2, 3, 4});
  for (const float far : {1e18F, -5e9F, std::numeric_limits<float>::quiet_NaN()})
    expect_refused(grid, {{"x", image}, {"g", Tensor::of<float>({1, 1, 1, 2}, {0, far})}}, "too far away");
  EXPECT_EQ(floats_of(run(grid, {{"x", image}, {"g", Tensor::of<float>({1, 1, 1, 2}, {0, 0})}})), (std::vector<float>{2.5}));

  OnnxGraphBuilder columns("columns");
  columns.opset("ai.onnx.ml", 3).input("x", DType::kFloat32, {1, 2}).input("i", DType::kInt64, {1});
  columns.node("ArrayFeatureExtractor", {"x", "i"}, {"y"}, {}, "ai.onnx.ml").output("y", DType::kFloat32, {1, 1});
  for (const std::int64_t column : {std::int64_t{-1}, std::int64_t{2}, kLeast})
    expect_refused(columns, {{"x", Tensor::of<float>({1, 2}, {7, 8})}, {"i", list({column})}}, "there is no column");
  EXPECT_EQ(floats_of(run(columns, {{"x", Tensor::of<float>({1, 2}, {7, 8})}, {"i", list({1})}})), (std::vector<float>{8}));

  OnnxGraphBuilder regions("regions");
  regions.input("x", DType::kFloat32, {1, 1, 2, 2}).input("r", DType::kFloat32, {1, 4}).input("b", DType::kInt64, {1});
  regions.node("RoiAlign", {"x", "r", "b"}, {"y"}).output("y", DType::kFloat32, {1, 1, 1, 1});
  const auto region = [&](float side) {
    return NamedTensors{{"x", image}, {"r", Tensor::of<float>({1, 4}, {-side, -side, side, side})}, {"b", list({0})}};
  };
  expect_refused(regions, region(3e38F), "larger than any image");
  expect_refused(regions, region(1e6F), "too many pixels");
  EXPECT_TRUE(run(regions, region(2)));
}

TEST(GuardedGraph, LeavesOrdinaryModelsAlone) {
  for (const auto& bytes : {formats::add_one_model(), formats::linear_model(), formats::zip_map_model(), formats::slow_loop_model()})
    EXPECT_FALSE(guarded_graph(std::as_bytes(std::span(bytes))).value().has_value());
}

}  // namespace
}  // namespace forebay::engines

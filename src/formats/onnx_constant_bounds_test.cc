#include "formats/onnx_constant_bounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/errors.h"
#include "formats/onnx_graph_builder.h"
#include "formats/onnx_reader.h"

namespace forebay::formats {
namespace {
using tensors::DType;
using tensors::Tensor;
using Names = OnnxGraphBuilder::Names;
using Attributes = std::vector<OnnxGraphBuilder::Attribute>;
using Integers = std::vector<std::int64_t>;

Tensor integers(const Integers& values) { return Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values); }
Tensor truth() {
  Tensor tensor = Tensor::zeros(DType::kBool, {});
  tensor.mutable_bytes()[0] = std::byte{1};
  return tensor;
}
Tensor integer(std::int64_t value) { return Tensor::of<std::int64_t>({}, {value}); }

// "refused", or whether the library may fold: "folds" or "runs".
std::string outcome(const OnnxGraphBuilder& model, const ReadLimits& limits = {}) {
  const auto bytes = model.build();
  const auto description = read_onnx(std::as_bytes(std::span(std::string_view(bytes))), limits, std::nullopt);
  if (description) return description->foldable ? "folds" : "runs";
  return description.error().code() == kOnnxLimitExceeded ? "refused" : std::string(description.error().to_string());
}

// One node that makes y of x [2, 3], and of weights.
struct OneNode {
  std::string op;
  Names inputs;
  std::vector<std::pair<std::string, Tensor>> weights;
  Attributes attributes;
  std::int64_t opset = 17;

  std::string outcome(std::uint64_t bytes_max) const {
    OnnxGraphBuilder model("one");
    model.opset("", opset).input("x", DType::kFloat32, {2, 3});
    for (const auto& [name, tensor] : weights) model.initialiser(name, tensor);
    model.node(op, inputs, {"made"}, attributes).node("Identity", {"made"}, {"y"}).output_of_any_shape("y", DType::kFloat32);
    return formats::outcome(model, {.constant_bytes_max = bytes_max});
  }
};

struct Case {
  OneNode node;
  std::uint64_t bytes;  // that it makes
};

class Growth : public testing::TestWithParam<Case> {};

TEST_P(Growth, IsTakenAtTheLimitAndRefusedBeyond) {
  EXPECT_THAT(GetParam().node.outcome(GetParam().bytes), testing::AnyOf("folds", "runs"));
  EXPECT_EQ(GetParam().node.outcome(GetParam().bytes - 1), "refused");
}

INSTANTIATE_TEST_SUITE_P(
    OfEveryOperator, Growth,
    testing::Values(
        Case{{"ConstantOfShape", {"s"}, {{"s", integers({10, 20})}}, {}}, 800},
        Case{{"ConstantOfShape", {"s"}, {{"s", integers({10, 20})}}, {{"value", Tensor::of<std::int64_t>({1}, {7})}}}, 1600},
        Case{{"Expand", {"x", "s"}, {{"s", integers({50, 2, 3})}}, {}}, 1200},
        Case{{"Expand", {"one", "s"}, {{"one", Tensor::of<double>({1}, {1})}, {"s", integers({1000})}}, {}}, 8000},
        Case{{"Tile", {"x", "r"}, {{"r", integers({10, 20})}}, {}}, 4800},
        Case{{"Range", {"a", "b", "c"}, {{"a", integer(5)}, {"b", integer(1005)}, {"c", integer(2)}}, {}}, 4000},
        Case{{"Range",
              {"a", "b", "c"},
              {{"a", Tensor::of<float>({}, {0})}, {"b", Tensor::of<float>({}, {-100})}, {"c", Tensor::of<float>({}, {-0.5F})}},
              {}},
             800},
        Case{{"OneHot", {"i", "d", "v"}, {{"i", integers({1, 2, 3})}, {"d", integer(100)}, {"v", Tensor::of<float>({2}, {0, 1})}}, {}},
             1200},
        Case{{"Pad", {"x", "p"}, {{"p", integers({0, 10, 0, 20})}}, {}}, 264},
        Case{{"Pad", {"x"}, {}, {{"pads", Integers{0, 10, 0, 20}}}, 9}, 264},
        Case{{"Resize", {"x", "", "", "n"}, {{"n", integers({100, 30})}}, {}}, 12'000},
        Case{{"Resize", {"x", "", "k"}, {{"k", Tensor::of<float>({2}, {10, 1})}}, {}}, 240},
        Case{{"Upsample", {"x"}, {}, {{"scales", std::vector<float>{10, 1}}}, 7}, 240},
        Case{{"RandomNormal", {}, {}, {{"shape", Integers{30, 40}}}}, 4800},
        Case{{"RandomUniform", {}, {}, {{"shape", Integers{30, 40}}}}, 4800}));

TEST(ConstantBounds, FollowShapesThatTheGraphComputes) {
  const auto of = [](std::int64_t factor) {
    OnnxGraphBuilder model("computed");
    model.input("x", DType::kFloat32, {"batch", 3, 1000})
        .initialiser("factor", integers({factor}))
        .initialiser("last", integer(2))
        .initialiser("zero", integers({0}))
        .node("Shape", {"x"}, {"shape"})
        .node("Gather", {"shape", "last"}, {"width"})
        .node("Unsqueeze", {"width", "zero"}, {"widths"})
        .node("Mul", {"widths", "factor"}, {"product"})
        .node("Concat", {"product", "factor"}, {"sizes"}, {{"axis", std::int64_t{0}}})
        .node("ConstantOfShape", {"sizes"}, {"made"})
        .node("Identity", {"made"}, {"y"})
        .output_of_any_shape("y", DType::kFloat32);
    return outcome(model);
  };
  EXPECT_EQ(of(10), "folds");
  EXPECT_EQ(of(1'000'000), "refused");
}

TEST(ConstantBounds, LeaveToTheRunsWhatMayGrowUnseen) {
  // Doubles itself: no single node makes much more than its inputs hold.
  const auto doubled = [](int times) {
    OnnxGraphBuilder model("doubled");
    model.input("x", DType::kFloat32, {1}).initialiser("v0", Tensor::zeros(DType::kFloat32, {1000}));
    for (int i = 0; i < times; ++i) {
      const auto from = "v" + std::to_string(i);
      model.node("Concat", {from, from}, {"v" + std::to_string(i + 1)}, {{"axis", std::int64_t{0}}});
    }
    return outcome(model.node("ReduceSum", {"v" + std::to_string(times)}, {"y"}).output_of_any_shape("y", DType::kFloat32));
  };
  EXPECT_EQ(doubled(5), "folds");
  EXPECT_EQ(doubled(40), "runs");

  // A shape that this analysis cannot know.
  OnnxGraphBuilder unknown("unknown");
  unknown.input("x", DType::kFloat32, {"batch", 4})
      .initialiser("numbers", integers({1, 2, 3}))
      .node("Einsum", {"numbers", "numbers"}, {"shape"}, {{"equation", std::string("i,i->i")}})
      .node("ConstantOfShape", {"shape"}, {"made"})
      .node("Identity", {"made"}, {"y"})
      .output_of_any_shape("y", DType::kFloat32);
  EXPECT_EQ(outcome(unknown), "runs");

  OnnxGraphBuilder product("product");
  product.input("x", DType::kFloat32, {1})
      .initialiser("a", Tensor::zeros(DType::kFloat32, {2000, 1}))
      .initialiser("b", Tensor::zeros(DType::kFloat32, {1, 2000}))
      .node("MatMul", {"a", "b"}, {"square"})
      .node("MatMul", {"square", "square"}, {"long"})
      .node("Identity", {"long"}, {"y"})
      .output_of_any_shape("y", DType::kFloat32);
  EXPECT_EQ(outcome(product), "runs");
}

TEST(ConstantBounds, TakeShapesOfRequestsForWhatTheyAre) {
  // Masks as exporters write them: their shapes are known when a request comes, so the library folds nothing of them.
  OnnxGraphBuilder mask("mask");
  mask.input("ids", DType::kInt64, {"batch", "length"})
      .initialiser("table", Tensor::zeros(DType::kFloat32, {100, 8}))
      .initialiser("one", Tensor::of<float>({1}, {1}))
      .node("Gather", {"table", "ids"}, {"hidden"})
      .node("Shape", {"hidden"}, {"shape"})
      .node("ConstantOfShape", {"shape"}, {"zeros"})
      .node("Expand", {"one", "shape"}, {"ones"})
      .node("Add", {"zeros", "ones"}, {"mask"})
      .node("Add", {"hidden", "mask"}, {"y"})
      .output_of_any_shape("y", DType::kFloat32);
  EXPECT_EQ(outcome(mask), "folds");
}

TEST(ConstantBounds, AreSeenInsideBranchesAndFunctions) {
  const auto branch = [](std::int64_t size) {
    auto inside = std::make_shared<OnnxGraphBuilder>("inside");
    inside->node("ConstantOfShape", {"sizes"}, {"made"}).output_of_any_shape("made", DType::kFloat32);
    OnnxGraphBuilder model("branches");
    model.input("condition", DType::kBool, {})
        .initialiser("sizes", integers({size}))
        .node("If", {"condition"}, {"y"},
              {{"then_branch", std::shared_ptr<const OnnxGraphBuilder>(inside)},
               {"else_branch", std::shared_ptr<const OnnxGraphBuilder>(inside)}})
        .output_of_any_shape("y", DType::kFloat32);
    return outcome(model);
  };
  EXPECT_EQ(branch(100), "folds");
  EXPECT_EQ(branch(1'000'000'000), "refused");
}

TEST(ConstantBounds, RefuseALoopThatRunsForItsWholeCount) {
  const auto loop = [](std::int64_t count, std::string_view condition_of_body) {
    auto body = std::make_shared<OnnxGraphBuilder>("body");
    body->input("i", DType::kInt64, {}).input("c", DType::kBool, {}).input("a", DType::kFloat32, {1});
    if (condition_of_body == "handed on") body->node("Identity", {"c"}, {"co"});
    if (condition_of_body == "true") body->initialiser("co", truth());
    if (condition_of_body == "computed") body->node("Less", {"a", "a"}, {"less"}).node("Squeeze", {"less"}, {"co"});
    body->node("Add", {"a", "a"}, {"ao"}).output("co", DType::kBool, {}).output("ao", DType::kFloat32, {1});
    OnnxGraphBuilder model("loop");
    model.input("x", DType::kFloat32, {1})
        .initialiser("count", integer(count))
        .initialiser("go", truth())
        .node("Loop", {"count", "go", "x"}, {"y"}, {{"body", std::shared_ptr<const OnnxGraphBuilder>(body)}})
        .output_of_any_shape("y", DType::kFloat32);
    return outcome(model, {.loop_steps_max = 1000});
  };
  for (const char* condition : {"handed on", "true"}) {
    EXPECT_EQ(loop(1000, condition), "folds") << condition;
    EXPECT_EQ(loop(1001, condition), "refused") << condition;
    EXPECT_EQ(loop(INT64_MAX, condition), "refused") << condition;
  }
  EXPECT_EQ(loop(INT64_MAX, "computed"), "folds");  // Exporters write loops of "while" with that count.
}

}  // namespace
}  // namespace forebay::formats

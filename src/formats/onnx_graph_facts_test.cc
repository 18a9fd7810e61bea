#include "formats/onnx_graph_facts.h"

#include <gtest/gtest.h>

#include "formats/onnx_graph_builder.h"
#include "formats/testing/tiny_models.h"

namespace forebay::formats {
namespace {

using tensors::DType;
using tensors::Tensor;
using Attributes = std::vector<OnnxGraphBuilder::Attribute>;

OnnxGraphFacts facts(const std::string& bytes) { return facts_of(decode_onnx(std::as_bytes(std::span(bytes)), {}).value()); }

// y = OP(x, axes) of x ["batch", 4]; without axes when there are none.
OnnxGraphFacts facts(std::string_view op, const std::vector<std::int64_t>& axes, const Attributes& attributes = {}) {
  OnnxGraphBuilder model("facts");
  model.input("x", DType::kFloat32, {"batch", 4}).output("y", DType::kFloat32, {"batch", 4});
  if (axes.empty()) return facts(model.node(op, {"x"}, {"y"}, attributes).build());
  model.initialiser("axes", Tensor::of<std::int64_t>({static_cast<std::int64_t>(axes.size())}, axes));
  return facts(model.node(op, {"x", "axes"}, {"y"}, attributes).build());
}

TEST(OnnxGraphFacts, AReductionMixesRowsWhereItTakesTheFirstAxis) {
  EXPECT_EQ(facts("ReduceSum", {0}).mixes_rows, "ReduceSum");
  EXPECT_EQ(facts("ReduceSum", {1, 0}).mixes_rows, "ReduceSum");
  EXPECT_EQ(facts("ReduceSum", {1}).mixes_rows, "");
  EXPECT_EQ(facts("ReduceSum", {-1}).mixes_rows, "");
  EXPECT_EQ(facts("ReduceMax", {}).mixes_rows, "ReduceMax");
  EXPECT_EQ(facts("ReduceMax", {}, {{"axes", std::vector<std::int64_t>{0}}}).mixes_rows, "ReduceMax");
  EXPECT_EQ(facts("ReduceMax", {}, {{"axes", std::vector<std::int64_t>{1}}}).mixes_rows, "");
  EXPECT_EQ(facts("ReduceSum", {}, {{"noop_with_empty_axes", std::int64_t{1}}}).mixes_rows, "");
}

TEST(OnnxGraphFacts, OrdersAndSumsAlongTheFirstAxisMixRows) {
  EXPECT_EQ(facts("CumSum", {0}).mixes_rows, "CumSum");
  EXPECT_EQ(facts("CumSum", {1}).mixes_rows, "");
  EXPECT_EQ(facts("Softmax", {}, {{"axis", std::int64_t{0}}}).mixes_rows, "Softmax");
  EXPECT_EQ(facts("Softmax", {}).mixes_rows, "");
  EXPECT_EQ(facts("ArgMax", {}).mixes_rows, "ArgMax");
  EXPECT_EQ(facts("ArgMax", {}, {{"axis", std::int64_t{1}}}).mixes_rows, "");
  EXPECT_EQ(facts("NonZero", {}).mixes_rows, "NonZero");
  EXPECT_EQ(facts("Unique", {}).mixes_rows, "Unique");
  EXPECT_EQ(facts("DynamicQuantizeLinear", {}).mixes_rows, "DynamicQuantizeLinear");
  EXPECT_EQ(facts("RandomNormalLike", {}).mixes_rows, "RandomNormalLike");
  EXPECT_EQ(facts("Relu", {}).mixes_rows, "");
}

TEST(OnnxGraphFacts, WhatDependsOnShapesAloneMixesNothing) {
  OnnxGraphBuilder model("shapes");
  model.input("x", DType::kFloat32, {"batch", 4}).output("y", DType::kFloat32, {"batch", 4});
  model.node("Shape", {"x"}, {"shape"}).node("ReduceProd", {"shape"}, {"count"}).node("Cast", {"count"}, {"f"}, {{"to", std::int64_t{1}}});
  model.node("Expand", {"x", "shape"}, {"same"}).node("Mul", {"same", "f"}, {"y"});
  const auto found = facts(model.build());
  EXPECT_EQ(found.mixes_rows, "");
  EXPECT_EQ(found.unbounded, "");
}

TEST(OnnxGraphFacts, RowsChosenByValuesMix) {
  OnnxGraphBuilder model("neighbours");
  model.input("x", DType::kFloat32, {"n", 4}).input("i", DType::kInt64, {"n"}).output("y", DType::kFloat32, {"n", 4});
  EXPECT_EQ(facts(model.node("Gather", {"x", "i"}, {"y"}).build()).mixes_rows, "Gather");
  OnnxGraphBuilder table("table");
  table.input("i", DType::kInt64, {"n"}).output("y", DType::kFloat32, {"n", 2}).initialiser("w", Tensor::zeros(DType::kFloat32, {9, 2}));
  EXPECT_EQ(facts(table.node("Gather", {"w", "i"}, {"y"}).build()).mixes_rows, "");
}

TEST(OnnxGraphFacts, LoopsAndSizesByValuesAreUnbounded) {
  EXPECT_EQ(facts(slow_loop_model()).unbounded.substr(0, 4), "Loop");
  EXPECT_EQ(facts(linear_model()).unbounded, "");
  OnnxGraphBuilder range("range");
  range.input("n", DType::kInt64, {}).output("y", DType::kInt64, {-1}).initialiser("zero", Tensor::zeros(DType::kInt64, {}));
  EXPECT_EQ(facts(range.node("Range", {"zero", "n", "n"}, {"y"}).build()).unbounded, "Range");
  OnnxGraphBuilder tile("tile");
  tile.input("x", DType::kFloat32, {4}).input("n", DType::kInt64, {1}).output("y", DType::kFloat32, {-1});
  EXPECT_EQ(facts(tile.node("Tile", {"x", "n"}, {"y"}).build()).unbounded, "Tile");
}

}  // namespace
}  // namespace forebay::formats

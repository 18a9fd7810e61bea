#include "formats/onnx_operator_use.h"

#include <gtest/gtest.h>

#include "formats/errors.h"
#include "formats/onnx_graph_builder.h"
#include "formats/onnx_reader.h"

namespace forebay::formats {
namespace {
using tensors::DType;
using tensors::Tensor;
using Attributes = std::vector<OnnxGraphBuilder::Attribute>;
using Integers = std::vector<std::int64_t>;
using Reals = std::vector<float>;
using Dimensions = std::vector<OnnxGraphBuilder::Dimension>;

std::string verdict_of(const OnnxGraphBuilder& model) {
  const auto bytes = model.build();
  const auto description = read_onnx(std::as_bytes(std::span(std::string_view(bytes))), {}, std::nullopt);
  return description ? "accepted" : std::string(description.error().code().name);
}

constexpr std::string_view kMisused = "onnx_operator_misused";
constexpr std::string_view kAccepted = "accepted";

// A node whose inputs are inputs of the model.
std::string use(std::string_view op, const std::vector<Dimensions>& inputs, const Attributes& attributes = {},
                std::string_view domain = "") {
  OnnxGraphBuilder model("use");
  model.opset("", 20).opset("ai.onnx.ml", 3);
  OnnxGraphBuilder::Names names;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    names.push_back("x" + std::to_string(i));
    model.input(names.back(), DType::kFloat32, inputs[i]);
  }
  return verdict_of(model.node(op, names, {"y"}, attributes, domain).output_of_any_shape("y", DType::kFloat32));
}

TEST(OperatorUse, TakesNumbersThatTheEngineCanDivideBy) {
  const std::vector<Dimensions> picture = {{1, 1, 8, 8}};
  const auto pool = [&](const Attributes& attributes) { return use("MaxPool", picture, attributes); };
  EXPECT_EQ(pool({{"kernel_shape", Integers{2, 2}}, {"strides", Integers{1, 1}}}), kAccepted);
  for (const std::int64_t stride : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN, INT64_MAX})
    EXPECT_EQ(pool({{"kernel_shape", Integers{2, 2}}, {"strides", Integers{1, stride}}}), kMisused) << stride;
  EXPECT_EQ(pool({{"kernel_shape", Integers{2, 0}}}), kMisused);
  EXPECT_EQ(pool({{"kernel_shape", Integers{2, std::int64_t{1} << 62}}}), kMisused);
  EXPECT_EQ(pool({{"kernel_shape", Integers{2048, 2048}}}), kMisused);
  EXPECT_EQ(pool({{"kernel_shape", Integers{2, 2}}, {"dilations", Integers{0, 1}}}), kMisused);
  EXPECT_EQ(use("DepthToSpace", picture, {{"blocksize", std::int64_t{1}}}), kAccepted);
  EXPECT_EQ(use("DepthToSpace", picture, {{"blocksize", std::int64_t{1} << 62}}), kMisused);
  EXPECT_EQ(use("GroupNormalization", {{1, 4, 8}, {4}, {4}}, {{"num_groups", std::int64_t{0}}}), kMisused);
  EXPECT_EQ(use("Attention", {{1, 4, 8}, {1, 4, 8}, {1, 4, 8}}, {{"q_num_heads", std::int64_t{0}}}), kMisused);
  EXPECT_EQ(use("TfIdfVectorizer", {{4}}, {{"max_skip_count", INT64_MAX}}), kMisused);
}

TEST(OperatorUse, TakesRanksThatFitTogether) {
  const Dimensions picture = {1, 1, 8, 8};
  EXPECT_EQ(use("ConvTranspose", {picture, {1, 1, 3, 3}}), kAccepted);
  EXPECT_EQ(use("ConvTranspose", {picture, {}}), kMisused);
  EXPECT_EQ(use("Conv", {picture, {1, 1, 3, 3}}), kAccepted);
  EXPECT_EQ(use("Conv", {picture, {}}), kMisused);
  EXPECT_EQ(use("ConvTranspose", {picture, {1, 1}}), kMisused);
  EXPECT_EQ(use("ConvTranspose", {{1, 1}, {1, 1, 3}}), kMisused);
  EXPECT_EQ(use("ConvInteger", {picture, {1, 1, 3, 3, 3}}), kMisused);
  EXPECT_EQ(use("MaxUnpool", {picture, {1}}), kMisused);
  EXPECT_EQ(use("ReduceMax", {picture, {}}), kMisused);
  EXPECT_EQ(use("ReduceMax", {picture, {1}}), kAccepted);
  const Dimensions text = {1, 4, 8};
  const Attributes heads = {{"q_num_heads", std::int64_t{2}}, {"kv_num_heads", std::int64_t{2}}};
  EXPECT_EQ(use("Attention", {text, text, text, {4, 6}, {1, 2, 2, 4}, {1, 2, 2, 4}}, heads), kAccepted);
  EXPECT_EQ(use("Attention", {text, text, text, {4, 6}, {}, {1, 2, 2, 4}}, heads), kMisused);
  EXPECT_EQ(use("STFT", {{1, 128, 1}, {}, {16}}), kAccepted);
  EXPECT_EQ(use("STFT", {{1, 128, 1}, {}, {}}), kMisused);
  EXPECT_EQ(use("DFT", {{1, 16, 1}}), kAccepted);
  EXPECT_EQ(use("DFT", {{1, 16}}), kMisused);
  EXPECT_EQ(use("DFT", {{1, 16, "n"}}), kMisused);
  EXPECT_EQ(use("GatherND", {{2, 3}, {2, 1}}, {{"batch_dims", std::int64_t{1}}}), kAccepted);
  EXPECT_EQ(use("GatherND", {{3, 3}, {2, 1}}, {{"batch_dims", std::int64_t{1}}}), kMisused);
  EXPECT_EQ(use("GatherND", {{2, 3}, {2, 1}}, {{"batch_dims", std::int64_t{2}}}), kMisused);
}

TEST(OperatorUse, TakesNoRankThatARequestChooses) {
  const auto of = [](const Dimensions& length) {
    OnnxGraphBuilder model("rank");
    model.input("x", DType::kFloat32, {64})
        .input("shape", DType::kInt64, length)
        .initialiser("w", Tensor::zeros(DType::kFloat32, {1, 1, 3, 3}));
    model.node("Reshape", {"x", "shape"}, {"z"}).node("ConvTranspose", {"z", "w"}, {"y"});
    return verdict_of(model.output_of_any_shape("y", DType::kFloat32));
  };
  EXPECT_EQ(of({4}), kAccepted);
  EXPECT_EQ(of({3}), kMisused);
  EXPECT_EQ(of({"length"}), kMisused);
}

TEST(OperatorUse, TakesTransposedConvolutionsThatStayInTheirPicture) {
  const auto of = [](const Attributes& attributes) { return use("ConvTranspose", {{1, 1, 8, 8}, {1, 1, 3, 3}}, attributes); };
  EXPECT_EQ(of({{"strides", Integers{2, 2}}, {"output_padding", Integers{1, 1}}}), kAccepted);
  EXPECT_EQ(of({{"strides", Integers{2, 2}}, {"output_padding", Integers{1, 2}}}), kMisused);
  EXPECT_EQ(of({{"strides", Integers{2, 2}}, {"output_padding", Integers{1}}}), kMisused);
  EXPECT_EQ(of({{"output_shape", Integers{10, 10}}}), kAccepted);
  EXPECT_EQ(of({{"output_shape", Integers{10, 11}}}), kMisused);
  EXPECT_EQ(of({{"output_shape", Integers{0, 10}}}), kMisused);
  EXPECT_EQ(use("ConvTranspose", {{1, 1, 8, "width"}, {1, 1, 3, 3}}, {{"output_shape", Integers{10, 10}}}), kMisused);
}

TEST(OperatorUse, TakesRecurrentWeightsOfTheirSize) {
  const auto lstm = [](const Dimensions& w, const Dimensions& r, std::int64_t hidden) {
    return use("LSTM", {{2, 1, 3}, w, r}, {{"hidden_size", hidden}});
  };
  EXPECT_EQ(lstm({1, 8, 3}, {1, 8, 2}, 2), kAccepted);
  EXPECT_EQ(lstm({1, 8, 3}, {1, 8, 2}, 100), kMisused);
  EXPECT_EQ(lstm({8, 3}, {1, 8, 2}, 2), kMisused);
  EXPECT_EQ(lstm({1, 8, 3}, {1, 8, 4}, 2), kMisused);
}

TEST(OperatorUse, TakesLaidOutInputsOnly) {
  const auto with_gap = [](std::string_view op, const OnnxGraphBuilder::Names& names) {
    OnnxGraphBuilder model("gap");
    return verdict_of(model.input("x", DType::kFloat32, {1, 4, 1})
                          .input("z", DType::kFloat32, {1})
                          .node(op, names, {"y"})
                          .output_of_any_shape("y", DType::kFloat32));
  };
  for (const char* op : {"Max", "Min", "Sum", "Mean", "Einsum", "Concat"}) EXPECT_EQ(with_gap(op, {"x", ""}), kMisused) << op;
  EXPECT_EQ(with_gap("LayerNormalization", {"x", "z", ""}), kMisused);
  EXPECT_EQ(with_gap("DFT", {"x", "", ""}), kMisused);
  EXPECT_EQ(with_gap("Clip", {"x", "z", ""}), kAccepted);  // The engine looks.
}

TEST(OperatorUse, TakesOneScaleADimension) {
  const auto resize = [](const Integers& axes, std::size_t scales) {
    OnnxGraphBuilder model("resize");
    model.opset("", 18)
        .input("x", DType::kFloat32, {1, 1, 4, 4})
        .initialiser("k", Tensor::of<float>({static_cast<std::int64_t>(scales)}, Reals(scales, 2)));
    model.node("Resize", {"x", "", "k"}, {"y"}, axes.empty() ? Attributes{} : Attributes{{"axes", axes}});
    return verdict_of(model.output_of_any_shape("y", DType::kFloat32));
  };
  EXPECT_EQ(resize({}, 4), kAccepted);
  EXPECT_EQ(resize({}, 8), kMisused);
  EXPECT_EQ(resize({2, 3}, 2), kAccepted);
  EXPECT_EQ(resize({2, -1}, 2), kMisused);
  EXPECT_EQ(resize({2, 4}, 2), kMisused);
}

// Two leaves below one branch.
Attributes tree(const Integers& yes, const Integers& no, std::int64_t target = 0) {
  return {{"nodes_treeids", Integers{0, 0, 0}},
          {"nodes_nodeids", Integers{0, 1, 2}},
          {"nodes_featureids", Integers{0, 0, 0}},
          {"nodes_modes", std::vector<std::string>{"BRANCH_LEQ", "LEAF", "LEAF"}},
          {"nodes_values", Reals{0, 0, 0}},
          {"nodes_truenodeids", yes},
          {"nodes_falsenodeids", no},
          {"target_treeids", Integers{0, 0}},
          {"target_nodeids", Integers{1, 2}},
          {"target_ids", Integers{0, target}},
          {"target_weights", Reals{1, 2}}};
}

TEST(OperatorUse, TakesTreesThatEnd) {
  const auto of = [](const Attributes& attributes) { return use("TreeEnsembleRegressor", {{1, 4}}, attributes, "ai.onnx.ml"); };
  EXPECT_EQ(of(tree({1, 0, 0}, {2, 0, 0})), kAccepted);
  EXPECT_EQ(of(tree({0, 0, 0}, {2, 0, 0})), kMisused);
  EXPECT_EQ(of(tree({7, 0, 0}, {2, 0, 0})), kMisused);
  EXPECT_EQ(of(tree({1, 0}, {2, 0, 0})), kMisused);
  EXPECT_EQ(of(tree({1, 0, 0}, {2, 0, 0}, 5)), kMisused);
  auto long_base = tree({1, 0, 0}, {2, 0, 0});
  long_base.push_back({"base_values", Reals{1, 2, 3}});
  EXPECT_EQ(of(long_base), kMisused);
}

TEST(OperatorUse, TakesLinearModelsOfTheirInputsWidth) {
  const auto of = [](const Dimensions& input, const Integers& labels, std::size_t coefficients) {
    return use("LinearClassifier", {input},
               {{"coefficients", Reals(coefficients, 1)}, {"intercepts", Reals{0, 0}}, {"classlabels_ints", labels}}, "ai.onnx.ml");
  };
  EXPECT_EQ(of({1, 3}, {0, 1}, 6), kAccepted);
  EXPECT_EQ(of({1, 1'000'000}, {0, 1}, 6), kMisused);
  EXPECT_EQ(of({1, 3}, {}, 6), kMisused);
  EXPECT_EQ(of({1, 3}, {0, 1}, 0), kMisused);
  EXPECT_EQ(of({1, 3}, {0, 1}, 5), kMisused);
}

TEST(OperatorUse, StatesTheColumnsThatALinearModelTakes) {
  OnnxGraphBuilder model("free");
  model.opset("ai.onnx.ml", 1).input("x", DType::kFloat32, {"rows", "columns"});
  model.node("LinearRegressor", {"x"}, {"y"}, {{"coefficients", Reals{1, 2, 3}}}, "ai.onnx.ml").output_of_any_shape("y", DType::kFloat32);
  const auto bytes = model.build();
  const auto description = read_onnx(std::as_bytes(std::span(std::string_view(bytes))), {}, std::nullopt);
  ASSERT_TRUE(description) << description.error().to_string();
  EXPECT_EQ(description->inputs[0].shape, (tensors::Shape{-1, 3}));
}

TEST(OperatorUse, TakesSupportVectorsThatAddUp) {
  const auto of = [](const Integers& per_class, const Reals& rho) {
    return use("SVMClassifier", {{1, 2}},
               {{"coefficients", Reals(3, 1)},
                {"support_vectors", Reals(6, 1)},
                {"vectors_per_class", per_class},
                {"rho", rho},
                {"classlabels_ints", Integers{0, 1}}},
               "ai.onnx.ml");
  };
  EXPECT_EQ(of({1, 2}, {0}), kAccepted);
  EXPECT_EQ(of({1, 1'000'000}, {0}), kMisused);
  EXPECT_EQ(of({3, 0}, {0}), kMisused);
  EXPECT_EQ(of({1, 2}, {}), kMisused);
}

}  // namespace
}  // namespace forebay::formats

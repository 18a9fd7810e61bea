#include "engines/onnx/row_probe.h"

#include <gtest/gtest.h>

#include "engines/model_cache.h"
#include "engines/onnx/onnx_environment.h"
#include "engines/onnx/onnx_threads.h"
#include "engines/testing/model_files.h"
#include "formats/onnx_graph_builder.h"
#include "formats/testing/tiny_models.h"

namespace forebay::engines {
namespace {

using formats::OnnxGraphBuilder;
using tensors::DType;
using tensors::Tensor;

const BackendReport& report(const std::shared_ptr<LoadedModel>& model) { return model->backend(); }

OnnxGraphBuilder with_rows(DType dtype = DType::kFloat32) {
  OnnxGraphBuilder model("rows");
  model.input("x", dtype, {"n", 3}).output("y", DType::kFloat32, {"n", 3});
  return model;
}

// Operators that the reader does not name, so that running shows it.
std::string minus_mean_by_products() {
  auto model = with_rows();
  model.node("Shape", {"x"}, {"shape"}).node("ConstantOfShape", {"shape"}, {"ones"}, {{"value", Tensor::of<float>({1}, {0.01F})}});
  model.node("Transpose", {"ones"}, {"across"}).node("MatMul", {"across", "x"}, {"sums"}).node("MatMul", {"ones", "sums"}, {"means"});
  model.node("Sub", {"x", "means"}, {"y"});
  return model.build();
}

TEST(RowProbe, ShowsIndependentRows) {
  for (const auto& bytes : {formats::add_one_model(), formats::linear_model(), formats::concat_model(), formats::dynamic_shape_model(),
                            formats::zip_map_model()}) {
    const auto model = load_bytes(bytes);
    EXPECT_TRUE(report(model).rows_independent) << report(model).rows;
  }
}

TEST(RowProbe, FindsRowsThatDependOnEachOtherWithoutAnOperatorThatSaysSo) {
  const auto model = load_bytes(minus_mean_by_products());
  EXPECT_EQ(model->description().mixes_rows, "");
  EXPECT_FALSE(report(model).rows_independent);
  EXPECT_EQ(report(model).rows, "'y' of a row changes with the rows beside it");
}

TEST(RowProbe, FindsRowsThatDependOnTheirPlace) {
  auto model = with_rows();
  model.initialiser("zero", Tensor::zeros(DType::kInt64, {})).initialiser("one", Tensor::of<std::int64_t>({}, {1}));
  model.initialiser("first", Tensor::zeros(DType::kInt64, {1})).initialiser("second", Tensor::of<std::int64_t>({1}, {1}));
  model.node("Shape", {"x"}, {"shape"}).node("Slice", {"shape", "first", "second"}, {"n1"}).node("Squeeze", {"n1"}, {"n"});
  model.node("Range", {"zero", "n", "one"}, {"places"}).node("Cast", {"places"}, {"f"}, {{"to", std::int64_t{1}}});
  model.node("Unsqueeze", {"f", "second"}, {"column"}).node("Add", {"x", "column"}, {"y"});
  EXPECT_FALSE(report(load_bytes(model.build())).rows_independent);
}

TEST(RowProbe, WhatCannotBeTriedOutIsNotJoined) {
  const auto texts = load_bytes(formats::identity_model(DType::kString));
  EXPECT_FALSE(report(texts).rows_independent);
  EXPECT_EQ(report(texts).rows, "it takes texts, which cannot be made up to try it out");
  const auto fails =
      load_bytes(with_rows().initialiser("shape", Tensor::of<std::int64_t>({2}, {7, 3})).node("Reshape", {"x", "shape"}, {"y"}).build());
  EXPECT_FALSE(report(fails).rows_independent);
  EXPECT_TRUE(report(fails).rows.starts_with("it takes no made-up inputs")) << report(fails).rows;
  const auto same = load_bytes(with_rows()
                                   .initialiser("zero", Tensor::zeros(DType::kFloat32, {}))
                                   .node("Mul", {"x", "zero"}, {"z"})
                                   .node("Abs", {"z"}, {"y"})
                                   .build());
  EXPECT_FALSE(report(same).rows_independent);
  EXPECT_EQ(report(same).rows, "different rows gave no different numbers when it was tried out");
}

TEST(RowProbe, AnOperatorThatMayMixRowsIsNotTriedOut) {
  const auto model = load_bytes(with_rows().node("Softmax", {"x"}, {"y"}, {{"axis", std::int64_t{0}}}).build());
  EXPECT_FALSE(report(model).rows_independent);
  EXPECT_EQ(report(model).rows, "the operator Softmax may let one row depend on another");
}

TEST(RowProbe, TheSidecarDecides) {
  const ModelFolder folder;
  const auto path = folder.write("m.onnx", formats::add_one_model());
  folder.write("m.forebay.json", R"({"batching":{"rows":"dependent"}})");
  EXPECT_FALSE(report(load_model(path).value()).rows_independent);
  const auto mixing = folder.write("n.onnx", minus_mean_by_products());
  folder.write("n.forebay.json", R"({"batching":{"rows":"independent"}})");
  EXPECT_TRUE(report(load_model(mixing).value()).rows_independent);
  folder.write("n.forebay.json", R"({"batching":{"rows":"perhaps"}})");
  EXPECT_EQ(load_model(mixing).error().field(), "batching.rows");
}

TEST(RowProbe, RunsNothingOnceTheLoadIsStopped) {
  const std::string bytes = formats::add_one_model();
  Ort::Session session(onnx_environment(), bytes.data(), bytes.size(), Ort::SessionOptions());
  const auto description = load_bytes(bytes)->description();
  const CancelToken cancel;
  EXPECT_TRUE(rows_shown(session, description, {}, cancel).independent);
  EXPECT_TRUE(run_time_of(session, description, {}, cancel));
  cancel.cancel(CancelReason::kShutdown);
  const auto stopped = rows_shown(session, description, {}, cancel);
  EXPECT_FALSE(stopped.independent);
  EXPECT_TRUE(stopped.why.contains("shut")) << stopped.why;
  EXPECT_FALSE(run_time_of(session, description, {}, cancel));
}

TEST(RowProbe, IsKeptForTheNextStart) {
  const ModelFolder folder;
  const auto path = folder.write("m.onnx", formats::add_one_model());
  auto cache = ModelCache::open({.path = path.parent_path() / "cache"}).value();
  const LoadOptions options{.threads = 1, .cache = {.cache = cache.get()}};
  const auto first = load_model(path, options).value();
  const auto again = load_model(path, options).value();
  EXPECT_TRUE(report(again).rows_independent);
  EXPECT_EQ(report(first).rows, report(again).rows);
}

}  // namespace
}  // namespace forebay::engines

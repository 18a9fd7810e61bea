#include "formats/series_reader.h"

#include <gtest/gtest.h>

#include "formats/errors.h"
#include "formats/read_model.h"

namespace forebay::formats {
namespace {

using tensors::DType;
using tensors::Shape;

TensorSpec spec(std::string name, Shape shape, DType dtype = DType::kFloat32) {
  std::vector<std::string> names(shape.size());
  return {.name = std::move(name), .dtype = dtype, .shape = std::move(shape), .dimension_names = std::move(names)};
}
ModelDescription model(Shape input = {-1, 48, 2}) {
  ModelDescription description;
  description.inputs = {spec("words", {-1}, DType::kString), spec("x", std::move(input)), spec("ids", {-1, -1}, DType::kInt64)};
  description.outputs = {spec("label", {-1}, DType::kInt64), spec("scores", {-1, 3})};
  return description;
}
// The field that is wrong, of the sidecar alone or for this model.
std::string wrong_field(std::string_view json, ModelDescription description = model()) {
  const auto sidecar = read_vision_sidecar(json);
  if (!sidecar) return sidecar.error().field();
  const auto done = describe_series(description, *sidecar);
  if (done) return "";
  EXPECT_EQ(done.error().code(), kSidecarInvalid);
  return done.error().field();
}

TEST(DescribeSeries, FillsInWhatTheShapesSay) {
  auto description = model();
  ASSERT_TRUE(describe_series(description, read_vision_sidecar(R"({"series":{}})").value()));
  EXPECT_EQ(description.series->input, "x");
  EXPECT_EQ(description.series->window, 48);
  EXPECT_EQ(description.series->stride, 48);
  const auto again = description_from_json(to_json(description));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->series->window, 48);
}

TEST(DescribeSeries, TakesWhatTheSidecarSays) {
  auto description = model({-1, 2, -1});
  const auto sidecar = R"({"series":{"input":"x","layout":"columns_first","window":24,"stride":6,"mean":[1,2],"std":3}})";
  ASSERT_TRUE(describe_series(description, read_vision_sidecar(sidecar).value()));
  EXPECT_TRUE(description.series->columns_first);
  EXPECT_EQ(description.series->window, 24);
  EXPECT_EQ(description.series->stride, 6);
  EXPECT_EQ(description.series->mean, (std::vector<float>{1, 2}));
  EXPECT_EQ(description.series->deviation, (std::vector<float>{3}));
}

TEST(DescribeSeries, FindsTheScoresOfARanking) {
  auto description = model();
  const auto sidecar = R"({"ranking":{"exclude":"ids","top_k":2},"labels":["a","b","c"]})";
  ASSERT_TRUE(describe_series(description, read_vision_sidecar(sidecar).value()));
  EXPECT_EQ(description.ranking->output, "scores");
  EXPECT_EQ(description.ranking->exclude, "ids");
  EXPECT_EQ(description.ranking->top_k, 2U);
  EXPECT_EQ(description.labels.size(), 3U);
}

TEST(DescribeSeries, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(wrong_field(R"({"series":[]})"), "series");
  EXPECT_EQ(wrong_field(R"({"series":{"windw":3}})"), "series.windw");
  EXPECT_EQ(wrong_field(R"({"series":{"window":0}})"), "series.window");
  EXPECT_EQ(wrong_field(R"({"series":{"stride":0}})"), "series.stride");
  EXPECT_EQ(wrong_field(R"({"series":{"window":24}})"), "series.window") << "the model has 48";
  EXPECT_EQ(wrong_field(R"({"series":{}})", model({-1, -1, 2})), "series.window");
  EXPECT_EQ(wrong_field(R"({"series":{"input":"words"}})"), "series.input");
  EXPECT_EQ(wrong_field(R"({"series":{"input":"x"}})", model({1, 48, 2})), "series.input") << "one window at a time";
  EXPECT_EQ(wrong_field(R"({"series":{"layout":"columns_first"}})", model({-1, 48})), "series.layout");
  EXPECT_EQ(wrong_field(R"({"series":{"mean":[1,2,3]}})"), "series.mean");
  EXPECT_EQ(wrong_field(R"({"series":{"std":[1,2,3]}})"), "series.std");
  EXPECT_EQ(wrong_field(R"({"ranking":{"output":"label"}})"), "ranking.output");
  EXPECT_EQ(wrong_field(R"({"ranking":{"exclude":"x"}})"), "ranking.exclude");
  EXPECT_EQ(wrong_field(R"({"ranking":{"top_k":10001}})"), "ranking.top_k");
  EXPECT_EQ(wrong_field(R"({"ranking":{},"labels":["a"]})"), "labels");
  EXPECT_EQ(wrong_field(R"({"series":{},"task":"detection"})"), "task");
  EXPECT_EQ(wrong_field(R"({"ranking":{},"preprocessing":{}})"), "preprocessing");
}

}  // namespace
}  // namespace forebay::formats

#include "cli/run_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/errors.h"
#include "cli/errors.h"
#include "cli/run_outputs.h"
#include "tensors/image.h"

namespace forebay::cli {
namespace {

using tensors::DType;
using tensors::Tensor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kExamples = FOREBAY_EXAMPLE_MODELS;

formats::ModelDescription model_with(std::vector<formats::TensorSpec> inputs) {
  formats::ModelDescription model;
  model.inputs = std::move(inputs);
  return model;
}
formats::ModelDescription wine() { return model_with({{.name = "features", .shape = {-1, 3}}}); }

Result<tensors::NamedTensors> read(const formats::ModelDescription& model, const std::vector<std::string>& positional,
                                   const std::vector<std::string>& named = {}, const std::string& standard_input = "") {
  std::istringstream stream(standard_input);
  TRY_ASSIGN(auto given, read_inputs(model, {.positional = positional, .named = named}, stream));
  return std::move(given.tensors);
}

std::vector<float> floats(const Tensor& tensor) {
  const auto values = tensor.values<float>();
  return {values.begin(), values.end()};
}

TEST(RunInputs, TakesNumbersJsonAndStandardInputAlike) {
  for (const auto* text : {"1,2,3", "[1,2,3]", "[[1,2,3]]", " 1 , 2 , 3 ", "{\"input\": [1,2,3]}",
                           "{\"inputs\": {\"features\": [[1,2,3]]}}", "{\"features\": [1,2,3]}", "features=1,2,3", "features=[1,2,3]"}) {
    const auto inputs = read(wine(), {text});
    ASSERT_TRUE(inputs) << text << ": " << inputs.error().message();
    EXPECT_EQ(inputs->front().tensor.shape(), (tensors::Shape{1, 3})) << text;
    EXPECT_THAT(floats(inputs->front().tensor), ElementsAre(1, 2, 3)) << text;
  }
  const auto inputs = read(wine(), {"-"}, {}, "1,2,3\n4,5,6\n");
  ASSERT_TRUE(inputs) << inputs.error().message();
  EXPECT_EQ(inputs->front().tensor.shape(), (tensors::Shape{2, 3}));
}

TEST(RunInputs, ReadsEveryKindOfFile) {
  const auto digits = model_with({{.name = "image", .shape = {-1, 1, 8, 8}}});
  const auto npy = read(digits, {kExamples + "/digit.npy"});
  const auto json = read(digits, {kExamples + "/digit.json"});
  auto scaled = digits;
  scaled.metadata["input_range"] = "0,16";
  const auto image = read(scaled, {kExamples + "/seven.png"});
  ASSERT_TRUE(npy) << npy.error().message();
  ASSERT_TRUE(json) << json.error().message();
  ASSERT_TRUE(image) << image.error().message();
  EXPECT_EQ(floats(npy->front().tensor), floats(json->front().tensor));
  EXPECT_THAT(floats(image->front().tensor), ::testing::Pointwise(::testing::FloatNear(0.05F), floats(npy->front().tensor)));
  const auto raw = read(digits, {kExamples + "/seven.png"});
  ASSERT_TRUE(raw);
  EXPECT_FLOAT_EQ(std::ranges::max(floats(raw->front().tensor)), 255);
  const auto table = read(model_with({{.name = "features", .shape = {-1, 13}}}), {kExamples + "/wine.csv"});
  ASSERT_TRUE(table) << table.error().message();
  EXPECT_EQ(table->front().tensor.shape(), (tensors::Shape{3, 13}));
}

TEST(RunInputs, GivesPositionalValuesToTheInputsThatAreLeft) {
  const auto model = model_with({{.name = "a", .shape = {2}},
                                 {.name = "b", .dtype = DType::kString, .shape = {-1}},
                                 {.name = "c", .shape = {1}, .is_optional = true}});
  const auto inputs = read(model, {"some words"}, {"a=1,2"});
  ASSERT_TRUE(inputs) << inputs.error().message();
  EXPECT_EQ(find_tensor(*inputs, "b")->strings()[0], "some words");
  EXPECT_EQ(find_tensor(*inputs, "c"), nullptr);
}

TEST(RunInputs, RefusesWhatDoesNotFit) {
  const struct {
    std::vector<std::string> positional;
    std::vector<std::string> named;
    const ErrorCode& code;
  } cases[] = {
      {{}, {}, kInputMissing},
      {{"1,2,3", "4,5,6"}, {}, kInputUnknown},
      {{}, {"feature=1,2,3"}, kInputUnknown},
      {{"1,2,3"}, {"features=1,2,3"}, kInputUnknown},
      {{}, {"features"}, kUsage},
      {{}, {"=1"}, kUsage},
      {{"no-such-words"}, {}, kInputNotUnderstood},
      {{""}, {}, kInputNotUnderstood},
      {{"missing.npy"}, {}, kFileNotFound},
      {{"{\"features\": [1,2,3]"}, {}, kInputNotUnderstood},
      {{kExamples + "/wine.csv"}, {}, kInputShape},
      {{kExamples + "/digit.npy"}, {}, kInputShape},
      {{kExamples + "/seven.png"}, {}, kInputShape},
  };
  for (const auto& bad : cases) {
    const auto inputs = read(wine(), bad.positional, bad.named);
    const std::string shown = bad.positional.empty() ? "" : bad.positional.front();
    ASSERT_FALSE(inputs) << shown;
    EXPECT_EQ(inputs.error().code().id(), bad.code.id()) << shown << ": " << inputs.error().message();
  }
  EXPECT_THAT(std::string(read(wine(), {}, {"feature=1,2,3"}).error().hint()), HasSubstr("did you mean 'features'?"));
}

TEST(RunInputs, FitsShapesWithABatchInFrontAndFlatValues) {
  const auto shape_of = [](tensors::Shape have, const tensors::Shape& want) {
    const auto fit = fitted(Tensor::zeros(DType::kFloat32, std::move(have)), want);
    return fit ? tensors::to_string(fit->shape()) : fit.error().code().id();
  };
  EXPECT_EQ(shape_of({2, 3}, {-1, 3}), "[2, 3]");
  EXPECT_EQ(shape_of({3}, {-1, 3}), "[1, 3]");
  EXPECT_EQ(shape_of({8, 8}, {-1, 1, 8, 8}), "[1, 1, 8, 8]");
  EXPECT_EQ(shape_of({128}, {-1, 1, 8, 8}), "[2, 1, 8, 8]");
  EXPECT_EQ(shape_of({5}, {1, -1}), "[1, 5]");
  EXPECT_EQ(shape_of({5}, {-1, -1}), "[1, 5]");
  EXPECT_EQ(shape_of({}, {1}), "[1]");
  EXPECT_EQ(shape_of({5}, {2, 3}), kInputShape.id());
  EXPECT_EQ(shape_of({0}, {-1, 0}), "[1, 0]");
  EXPECT_EQ(shape_of({2, 64}, {-1, 1, 8, 8}), "[2, 1, 8, 8]");
  // Laid out anew, these would be other rows than somebody wrote.
  EXPECT_EQ(shape_of({3, 13}, {-1, 3}), kInputShape.id());
  EXPECT_EQ(shape_of({8, 16}, {-1, 1, 8, 8}), kInputShape.id());
  EXPECT_EQ(shape_of({13, 2}, {-1, 13}), kInputShape.id());
}

TEST(RunOutputs, WritesEveryForm) {
  formats::ModelDescription model;
  model.labels = {"cat", "dog"};
  const tensors::NamedTensors outputs = {{"scores", Tensor::of<float>({2, 2}, {0.25F, 0.75F, 1, 0})},
                                         {"label", Tensor::of<std::int64_t>({2}, {1, 0})}};
  EXPECT_EQ(*render_outputs(outputs, model, OutputForm::kJson), "{\"outputs\": {\"scores\": [[0.25,0.75],[1,0]], \"label\": [1,0]}}\n");
  EXPECT_EQ(*render_outputs(outputs, model, OutputForm::kCsv), "scores_cat,scores_dog,label\n0.25,0.75,1\n1,0,0\n");
  const std::string text = *render_outputs(outputs, model, OutputForm::kText);
  EXPECT_THAT(text, HasSubstr("scores  float32 [2, 2]"));
  EXPECT_THAT(text, HasSubstr("dog  0.7500"));
  EXPECT_THAT(text, HasSubstr("label  int64 [2]\n  [1,0]"));
  EXPECT_EQ(render_outputs(outputs, model, OutputForm::kNpy).error().code(), kOutputFormat);
  EXPECT_THAT(*render_outputs({outputs[0]}, model, OutputForm::kNpy), ::testing::StartsWith("\x93NUMPY"));
  EXPECT_EQ(render_outputs({{"row", Tensor::zeros(DType::kFloat32, {4})}}, model, OutputForm::kPng).error().code(), kOutputFormat);
  const auto png = render_outputs({{"image", Tensor::of<float>({1, 1, 1, 2}, {0, 1})}}, model, OutputForm::kPng);
  ASSERT_TRUE(png) << png.error().message();
  const auto picture = tensors::decode_image(std::as_bytes(std::span(*png)));
  ASSERT_TRUE(picture);
  EXPECT_THAT(picture->values<std::uint8_t>(), ElementsAre(0, 255));
}

TEST(RunOutputs, RefusesATableOfOutputsWithDifferentRows) {
  const tensors::NamedTensors outputs = {{"a", Tensor::zeros(DType::kFloat32, {2})}, {"b", Tensor::zeros(DType::kFloat32, {3})}};
  EXPECT_EQ(render_outputs(outputs, {}, OutputForm::kCsv).error().code(), kOutputFormat);
}

TEST(RunOutputs, ShortensWhatIsLongAsText) {
  EXPECT_THAT(*render_outputs({{"long", Tensor::zeros(DType::kFloat32, {1000})}}, {}, OutputForm::kText), HasSubstr("… 936 more]"));
}

formats::ModelDescription forecast() {
  auto model = model_with({{.name = "load", .shape = {-1, 2}}});
  model.series = tensors::SeriesRecipe{.input = "load", .window = 2, .stride = 2, .mean = {1}, .deviation = {2}};
  return model;
}

Result<ReadInputs> read_all_of(const formats::ModelDescription& model, const GivenInputs& given, const std::string& standard_input = "") {
  std::istringstream stream(standard_input);
  return read_inputs(model, given, stream);
}

TEST(RunInputs, CutsASeriesAsTheSidecarSays) {
  const std::vector<std::pair<GivenInputs, std::string>> ways = {{{.series = "1,3,5,7"}, ""},
                                                                 {{.series = "[1,3,5,7]"}, ""},
                                                                 {{.series = "-"}, "1\n3\n5\n7\n"},
                                                                 {{.positional = {"-"}}, "value\n1\n3\n5\n7\n"},
                                                                 {{.positional = {R"({"series": [1,3,5,7]})"}}, ""}};
  for (const auto& [given, standard_input] : ways) {
    const auto read = read_all_of(forecast(), given, standard_input);
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_THAT(floats(read->tensors.front().tensor), ElementsAre(0, 1, 2, 3));
    EXPECT_THAT(read->starts, ElementsAre(0, 2));
  }
  EXPECT_THAT(read_all_of(forecast(), {.series = "1,3,5,7", .stride = 1})->starts, ElementsAre(0, 1, 2));
  EXPECT_THAT(read_all_of(forecast(), {.positional = {R"({"stride": 1, "series": [1,3,5,7]})"}})->starts, ElementsAre(0, 1, 2));
}

TEST(RunInputs, LeavesWhatIsAlreadyInTheShapeOfTheInput) {
  for (const char* text : {"[[1,3],[5,7]]", "{\"input\": [[1,3],[5,7]]}"}) {
    const auto read = read_all_of(forecast(), {.positional = {text}});
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_THAT(floats(read->tensors.front().tensor), ElementsAre(1, 3, 5, 7));
    EXPECT_TRUE(read->starts.empty());
  }
}

TEST(RunInputs, RefusesASeriesThatCannotBeMeant) {
  EXPECT_EQ(read_all_of(wine(), {.series = "1,2"}).error().code(), kOptionOutOfPlace);
  EXPECT_EQ(read_all_of(wine(), {.positional = {"1,2,3"}, .stride = 1}).error().code(), kOptionOutOfPlace);
  EXPECT_EQ(read_all_of(forecast(), {.series = "1,2,3", .stride = 0}).error().code(), kUsage);
  EXPECT_EQ(read_all_of(forecast(), {.positional = {"1,2"}, .series = "1,2,3"}).error().code(), kInputUnknown);
}

TEST(RunInputs, ReadsWhatABodyOfPredictSaysAboutARanking) {
  auto model = model_with({{.name = "items", .dtype = DType::kInt64, .shape = {-1, -1}}});
  model.ranking = tensors::RankingRecipe{.output = "scores"};
  const auto read = read_all_of(model, {.positional = {R"({"model": "m", "input": [[1,2]], "top_k": 4, "raw": true})"}});
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->top_k, 4U);
  EXPECT_TRUE(read->raw);
  for (const char* wrong : {R"({"input": [[1]], "top_k": 0})", R"({"input": [[1]], "top_k": 1.5})", R"({"input": [[1]], "raw": 1})"})
    EXPECT_EQ(read_all_of(model, {.positional = {wrong}}).error().code(), kInputNotUnderstood) << wrong;
}

TEST(RunInputs, RefusesATableThatLosesARow) {
  EXPECT_THAT(read(wine(), {"-"}, {}, "1,x,3\n4,5,6\n").error().message(), HasSubstr("line 1, column 2"));
}

}  // namespace
}  // namespace forebay::cli

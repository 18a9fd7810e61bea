#include "inference/declared_steps.h"

#include <gtest/gtest.h>

#include "inference/errors.h"
#include "tensors/errors.h"

namespace forebay::inference {
namespace {

using tensors::DType;
using tensors::Shape;
using tensors::Tensor;

formats::ModelDescription model_with(formats::TensorSpec input) {
  formats::ModelDescription description;
  description.inputs.push_back(std::move(input));
  return description;
}

std::vector<float> floats(const Tensor& tensor) {
  const auto values = tensor.values<float>();
  return {values.begin(), values.end()};
}

formats::ModelDescription forecast() {
  auto description = model_with({.name = "load", .shape = {-1, 2}});
  description.series = tensors::SeriesRecipe{.input = "load", .window = 2, .stride = 2, .mean = {1}, .deviation = {2}};
  return description;
}

TEST(DeclaredSeries, IsCutIntoWindows) {
  EXPECT_EQ(series_spec(forecast()).value().shape, Shape{-1});
  const auto series = Tensor::of<float>({4}, {1, 3, 5, 7});
  const auto cut = series_input(forecast(), series, std::nullopt).value();
  EXPECT_EQ(cut.input.name, "load");
  EXPECT_EQ(floats(cut.input.tensor), (std::vector<float>{0, 1, 2, 3}));
  EXPECT_EQ(cut.starts, (std::vector<std::int64_t>{0, 2}));
  EXPECT_EQ(series_input(forecast(), series, 1).value().starts, (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(series_input(forecast(), Tensor::of<float>({1}, {1}), std::nullopt).error().code(), tensors::kTensorShapeMismatch);
}

TEST(DeclaredSeries, NeedsItsInput) {
  auto description = forecast();
  description.series->input = "laod";
  EXPECT_EQ(series_spec(description).error().code(), kInputUnknown);
  EXPECT_EQ(series_input(description, Tensor::of<float>({2}, {1, 2}), std::nullopt).error().code(), kInputUnknown);
}

TEST(DeclaredRanking, LeavesOutKnownItems) {
  auto description = model_with({.name = "basket", .dtype = DType::kInt64, .shape = {-1, -1}});
  description.labels = {"bread", "milk", "salt"};
  const tensors::NamedTensors inputs = {{"basket", Tensor::of<std::int64_t>({1, 1}, {1})}};
  const tensors::NamedTensors outputs = {{"scores", Tensor::of<float>({1, 3}, {0.5F, 0.9F, 0.7F})}};
  EXPECT_EQ(item_scores(description, outputs), nullptr) << "nothing is declared";
  EXPECT_FALSE(known_items(description, inputs));
  description.ranking = tensors::RankingRecipe{.output = "scores", .top_k = 2, .exclude = "basket"};
  const auto* scores = item_scores(description, outputs);
  ASSERT_NE(scores, nullptr);
  const auto ranked = ranked_items(description, *scores, known_items(description, inputs), std::nullopt).value();
  ASSERT_EQ(ranked.front().size(), 2U);
  EXPECT_EQ(label_of(ranked.front()[0]), "salt");
  EXPECT_EQ(label_of(ranked.front()[1]), "bread");
  EXPECT_EQ(label_of(ranked_items(description, *scores, std::nullopt, 1).value().front().front()), "milk");
  description.labels.clear();
  EXPECT_EQ(label_of(ranked_items(description, *scores, std::nullopt, 1).value().front().front()), "1");
}

TEST(DeclaredImage, BecomesTheInputThatTakesImages) {
  auto description = model_with({.name = "image", .shape = {-1, 3, 2, 2}});
  const auto pixels = Tensor::of<std::uint8_t>({2, 2, 3}, {0, 0, 0, 255, 255, 255, 0, 0, 0, 255, 255, 255});
  const auto file = tensors::encode_png(pixels).value();
  const auto bytes = std::as_bytes(std::span(file));
  EXPECT_EQ(image_input(bytes, description).error().code(), kImageNotWanted);
  description.vision.emplace().input = "picture";
  EXPECT_EQ(image_input(bytes, description).error().code(), kImageNotWanted);
  description.vision->input = "image";
  description.vision->picture = {.width = 2, .height = 2};
  const auto made = image_input(bytes, description).value();
  EXPECT_EQ(made.input.name, "image");
  EXPECT_EQ(made.input.tensor.shape(), (Shape{1, 3, 2, 2}));
  EXPECT_EQ(made.image.shape(), (Shape{2, 2, 3}));
  EXPECT_EQ(made.seen.width, 2);
  EXPECT_EQ(image_input(bytes, description, {.side_max = 1}).error().code(), tensors::kImageTooLarge);
}

}  // namespace
}  // namespace forebay::inference

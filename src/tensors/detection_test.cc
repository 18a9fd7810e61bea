#include "tensors/detection.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "tensors/errors.h"

namespace forebay::tensors {
namespace {

Tensor floats(Shape shape, const std::vector<float>& values) { return Tensor::of<float>(std::move(shape), values); }
Candidate candidate(Box box, std::size_t index, float score) { return {.box = box, .index = index, .score = score, .mask = {}}; }

TEST(DecodeBoxes, ReadsYoloV8WithFieldsFirst) {
  // Two anchors, three classes: the first is class 2, the second below the threshold.
  const Tensor output = floats({1, 7, 2}, {10, 50, 20, 60, 4, 8, 6, 8, 0.1F, 0.2F, 0.3F, 0.1F, 0.9F, 0.2F});
  const auto found = decode_boxes(output, {.head = BoxHead::kYoloV8}, 0.25F);
  ASSERT_TRUE(found) << found.error().to_string();
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->at(0).box, (Box{8, 17, 12, 23}));
  EXPECT_EQ(found->at(0).index, 2U);
  EXPECT_FLOAT_EQ(found->at(0).score, 0.9F);
}

TEST(DecodeBoxes, MultipliesObjectnessInYoloV5) {
  const Tensor output = floats({1, 2, 7}, {10, 20, 4, 6, 0.5F, 0.9F, 0.1F, 10, 20, 4, 6, 0.4F, 0.1F, 0.5F});
  const auto found = decode_boxes(output, {.head = BoxHead::kYoloV5}, 0.25F);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->at(0).index, 0U);
  EXPECT_FLOAT_EQ(found->at(0).score, 0.45F);
}

TEST(DecodeBoxes, CountsYoloxCellsRowByRowAndGridByGrid) {
  // An input of 64x32: grids of 8x4, 4x2 and 2x1 cells.
  const std::size_t anchors = 32 + 8 + 2;
  std::vector<float> values(anchors * 6, 0.0F);
  const auto set = [&](std::size_t anchor) {
    const std::vector<float> fields = {0.5F, 0.25F, 0.0F, std::log(2.0F), 1, 0.8F};
    std::ranges::copy(fields, values.begin() + static_cast<std::ptrdiff_t>(anchor * 6));
  };
  set(9);       // x 1, y 1 of the first grid
  set(32 + 5);  // x 1, y 1 of the second
  set(41);      // x 1, y 0 of the third
  const DetectionLayout layout{.head = BoxHead::kYolox, .input_width = 64, .input_height = 32};
  const auto found = decode_boxes(floats({1, 42, 6}, values), layout, 0.25F);
  ASSERT_TRUE(found) << found.error().to_string();
  ASSERT_EQ(found->size(), 3U);
  EXPECT_EQ(found->at(0).box, (Box{8, 2, 16, 18}));
  EXPECT_EQ(found->at(1).box, (Box{16, 4, 32, 36}));
  EXPECT_EQ(found->at(2).box, (Box{32, -24, 64, 40}));
  EXPECT_EQ(decode_boxes(floats({1, 1, 6}, {0, 0, 0, 0, 1, 1}), layout, 0).error().code(), kVisionOutput);
}

TEST(DecodeBoxes, TakesFinalBoxesAsTheyAre) {
  const Tensor output = floats({1, 3, 6}, {1, 2, 3, 4, 0.9F, 5, 1, 2, 3, 4, 0.1F, 5, 1, 2, 3, 4, 0.9F, -1});
  const auto found = decode_boxes(output, {.head = BoxHead::kFinal}, 0.25F);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->at(0).box, (Box{1, 2, 3, 4}));
  EXPECT_EQ(found->at(0).index, 5U);
}

TEST(DecodeBoxes, KeepsTheWeightsOfMasks) {
  const Tensor output = floats({1, 7, 1}, {10, 20, 4, 6, 0.9F, -1, 2});
  const auto found = decode_boxes(output, {.head = BoxHead::kYoloV8, .mask_weights = 2}, 0.25F);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->at(0).mask, (std::vector<float>{-1, 2}));
}

TEST(DecodeBoxes, LeavesOutWhatIsNoNumber) {
  const float nan = std::nanf("");
  const float inf = INFINITY;
  const Tensor output = floats({1, 5, 3}, {nan, 1, 1, 1, inf, 1, 1, 1, 1, 1, 1, 1, 0.9F, 0.9F, nan});
  EXPECT_TRUE(decode_boxes(output, {.head = BoxHead::kYoloV8}, 0.25F)->empty());
}

TEST(DecodeBoxes, RefusesOtherShapesAndTooMuch) {
  const auto code = [](const Shape& shape, BoxHead head) {
    return decode_boxes(Tensor::zeros(DType::kFloat32, shape), {.head = head}, 0.5F).error_or(Error(kCsvInvalid, "")).code();
  };
  for (const Shape& shape : {Shape{5, 3}, Shape{2, 5, 3}, Shape{1, 4, 3}, Shape{1, 1, 5, 3}})
    EXPECT_EQ(code(shape, BoxHead::kYoloV8), kVisionOutput);
  EXPECT_EQ(code({1, 3, 5}, BoxHead::kYoloV5), kVisionOutput);
  EXPECT_EQ(code({1, 3, 5}, BoxHead::kFinal), kVisionOutput);
  EXPECT_EQ(code({1, 5, 100'001}, BoxHead::kYoloV8), kTensorTooLarge);
  EXPECT_EQ(code({1, 5, 100'000}, BoxHead::kYoloV8), kCsvInvalid);  // accepted
  EXPECT_EQ(code({1, 10'001, 1}, BoxHead::kYoloV8), kTensorTooLarge);
  EXPECT_EQ(decode_boxes(*Tensor::from_strings({1, 1, 6}, std::vector<std::string>(6)), {.head = BoxHead::kFinal}, 0).error().code(),
            kTensorTypeMismatch);
}

TEST(Overlap, IsIntersectionOverUnion) {
  EXPECT_FLOAT_EQ(overlap({0, 0, 2, 2}, {1, 0, 3, 2}), 1.0F / 3);
  EXPECT_EQ(overlap({0, 0, 2, 2}, {2, 0, 4, 2}), 0);
  EXPECT_EQ(overlap({0, 0, 2, 2}, {0, 0, 2, 2}), 1);
  EXPECT_EQ(overlap({2, 2, 0, 0}, {2, 2, 0, 0}), 0);
}

TEST(WithoutOverlaps, WorksClassByClassAndKeepsTheBest) {
  const std::vector<Candidate> all = {candidate({0, 0, 10, 10}, 0, 0.5F), candidate({0, 0, 10, 9}, 0, 0.9F),
                                      candidate({0, 0, 10, 10}, 1, 0.4F), candidate({20, 0, 30, 10}, 0, 0.3F)};
  const auto kept = without_overlaps(all, 0.5F, 10);
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0].score, 0.9F);
  EXPECT_EQ(kept[1].index, 1U);
  EXPECT_EQ(kept[2].score, 0.3F);
  EXPECT_EQ(without_overlaps(all, 0.5F, 2).size(), 2U);
  EXPECT_EQ(without_overlaps(all, 1, 10).size(), 4U);
}

TEST(OnPicture, TakesTheLetterboxBackAndCutsAtTheSides) {
  ImagePreprocessing options{.width = 640, .height = 640, .resize = ImageResize::kLetterbox};
  const auto placement = placement_of(1280, 720, options);
  EXPECT_EQ(on_picture({0, 140, 640, 500}, placement, 1280, 720), (Box{0, 0, 1280, 720}));
  EXPECT_EQ(on_picture({320, 320, 330, 325}, placement, 1280, 720), (Box{640, 360, 660, 370}));
  EXPECT_EQ(on_picture({-50, 0, 900, 600}, placement, 1280, 720), (Box{0, 0, 1280, 720}));
}

RC_GTEST_PROP(Detections, NoTwoOfOneClassOverlapBeyondTheLimit, ()) {
  std::vector<Candidate> all;
  const auto count = *rc::gen::inRange(0, 40);
  for (int i = 0; i < count; ++i) {
    const auto x = static_cast<float>(*rc::gen::inRange(0, 50));
    const auto y = static_cast<float>(*rc::gen::inRange(0, 50));
    const auto w = static_cast<float>(*rc::gen::inRange(1, 20));
    all.push_back(
        candidate({x, y, x + w, y + w}, *rc::gen::inRange<std::size_t>(0, 3), static_cast<float>(*rc::gen::inRange(0, 100)) / 100));
  }
  const auto kept = without_overlaps(all, 0.4F, 100);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      RC_ASSERT(kept[j].score >= kept[i].score);
      RC_ASSERT(kept[j].index != kept[i].index || overlap(kept[j].box, kept[i].box) <= 0.4F);
    }
  }
  // Whoever went was covered by one that stayed.
  for (const auto& one : all) {
    RC_ASSERT(std::ranges::any_of(kept, [&](const auto& better) {
      return better.box == one.box || (better.index == one.index && better.score >= one.score && overlap(better.box, one.box) > 0.4F);
    }));
  }
}

}  // namespace
}  // namespace forebay::tensors

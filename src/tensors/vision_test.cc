#include "tensors/vision.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tensors/errors.h"
#include "tensors/vision_drawing.h"
#include "tensors/vision_json.h"

namespace forebay::tensors {
namespace {

Seen seen_of(std::int64_t width, std::int64_t height) {
  return {.width = width, .height = height, .input_width = width, .input_height = height, .placement = {}};
}
const std::vector<std::string> kLabels = {"cat", "dog", "bird"};

Result<VisionAnswer> ask(const VisionRecipe& recipe, const NamedTensors& outputs, const Seen& seen = seen_of(8, 8)) {
  return interpret(outputs, recipe, recipe.thresholds, kLabels, seen);
}

TEST(VisionInput, FollowsTheShapeWhereItSpeaksAndTheRecipeElsewhere) {
  const Tensor picture = Tensor::zeros(DType::kUint8, {4, 8, 3});
  ImagePreprocessing steps{.width = 6, .height = 6, .resize = ImageResize::kLetterbox};
  const auto free = vision_input(picture, steps, {-1, 3, -1, -1}, DType::kFloat32);
  ASSERT_TRUE(free) << free.error().to_string();
  EXPECT_EQ(free->tensor.shape(), (Shape{1, 3, 6, 6}));
  EXPECT_EQ(free->seen.input_width, 6);
  EXPECT_DOUBLE_EQ(free->seen.placement.offset_y, 1);
  EXPECT_EQ(vision_input(picture, steps, {1, 10, 12, 3}, DType::kFloat32)->tensor.shape(), (Shape{1, 10, 12, 3}));
  EXPECT_EQ(vision_input(picture, steps, {1, 1, 10, 12}, DType::kFloat32)->tensor.shape(), (Shape{1, 1, 10, 12}));
  EXPECT_EQ(vision_input(picture, {.width = 0, .height = 0}, {1, 3, -1, -1}, DType::kFloat32)->tensor.shape(), (Shape{1, 3, 4, 8}));
  EXPECT_EQ(vision_input(picture, steps, {1, 5, 4, 4}, DType::kFloat32).error().code(), kTensorShapeMismatch);
  EXPECT_EQ(vision_input(Tensor::zeros(DType::kUint8, {4}), steps, {1, 3, 4, 4}, DType::kFloat32).error().code(), kTensorShapeMismatch);
}

TEST(Interpret, TakesScoresThatDoNotSumToOneForLogits) {
  VisionRecipe recipe{.task = VisionTask::kClassification, .output = "scores"};
  const auto logits = ask(recipe, {{"scores", Tensor::of<float>({1, 3}, {0, 2, 1})}});
  ASSERT_TRUE(logits) << logits.error().to_string();
  EXPECT_EQ(logits->classes[0].label, "dog");
  EXPECT_NEAR(logits->classes[0].score, 0.66524F, 1e-4);
  const auto probabilities = ask(recipe, {{"scores", Tensor::of<float>({1, 3, 1, 1}, {0.2F, 0.1F, 0.7F})}});
  EXPECT_EQ(probabilities->classes[0].label, "bird");
  EXPECT_EQ(probabilities->classes[0].score, 0.7F);
  recipe.scores = ScoreKind::kProbabilities;
  recipe.thresholds.classes_max = 1;
  const auto stated = ask(recipe, {{"scores", Tensor::of<float>({3}, {0, 2, 1})}});
  EXPECT_EQ(stated->classes.size(), 1U);
  EXPECT_EQ(stated->classes[0].score, 2);
  EXPECT_EQ(ask(recipe, {{"scores", Tensor::zeros(DType::kFloat32, {2, 3})}}).error().code(), kVisionOutput);
  EXPECT_EQ(ask(recipe, {{"others", Tensor::zeros(DType::kFloat32, {1, 3})}}).error().code(), kVisionOutput);
}

TEST(Interpret, LeavesLabelsOutThatAreNotForTheseClasses) {
  const VisionRecipe recipe{.task = VisionTask::kClassification, .output = "scores"};
  EXPECT_EQ(ask(recipe, {{"scores", Tensor::of<float>({1, 4}, {0, 0, 0, 1})}})->classes[0].label, "");
}

TEST(Interpret, FindsBoxesOnThePictureWithLabels) {
  const VisionRecipe recipe{.task = VisionTask::kDetection, .output = "boxes", .head = BoxHead::kYoloV8};
  // Two boxes of one object and one of another class.
  const Tensor output = Tensor::of<float>({1, 7, 3}, {4, 4, 2, 4, 4, 2, 4, 4, 2, 4, 3, 2, 0.9F, 0.8F, 0, 0, 0, 0.6F, 0, 0, 0});
  const auto answer = ask(recipe, {{"boxes", output}});
  ASSERT_TRUE(answer) << answer.error().to_string();
  ASSERT_EQ(answer->detections.size(), 2U);
  EXPECT_EQ(answer->detections[0].label, "cat");
  EXPECT_EQ(answer->detections[0].box, (Box{2, 2, 6, 6}));
  EXPECT_EQ(answer->detections[1].label, "dog");
  EXPECT_FALSE(answer->detections[0].mask);
}

TEST(Interpret, GivesEachInstanceItsMask) {
  const VisionRecipe recipe{.task = VisionTask::kInstances, .output = "boxes", .second_output = "prototypes", .head = BoxHead::kYoloV8};
  const Tensor boxes = Tensor::of<float>({1, 6, 1}, {4, 4, 4, 4, 0.9F, 1});
  const Tensor prototypes = Tensor::of<float>({1, 1, 1, 1}, {1});
  const auto answer = ask(recipe, {{"boxes", boxes}, {"prototypes", prototypes}});
  ASSERT_TRUE(answer) << answer.error().to_string();
  ASSERT_TRUE(answer->detections.at(0).mask);
  EXPECT_EQ(answer->detections[0].mask->counts, (std::vector<std::uint32_t>{18, 4, 4, 4, 4, 4, 4, 4, 18}));
  EXPECT_EQ(ask(recipe, {{"boxes", boxes}, {"prototypes", Tensor::zeros(DType::kFloat32, {1, 1})}}).error().code(), kVisionOutput);
}

TEST(Interpret, RefusesMasksBeyondTheirPixels) {
  // 16,384 x 4,096 pixels are exactly as many as there may be; the second mask is too much.
  const VisionRecipe recipe{.task = VisionTask::kInstances, .output = "boxes", .second_output = "prototypes", .head = BoxHead::kFinal};
  const Seen seen{.width = 16'384,
                  .height = 4'096,
                  .input_width = 1,
                  .input_height = 1,
                  .placement = {.scale_x = 1.0 / 16'384, .scale_y = 1.0 / 4'096}};
  const Tensor prototypes = Tensor::of<float>({1, 1, 1, 1}, {1});
  const std::vector<float> all = {0, 0, 1, 1, 0.9F, 0, 1};
  EXPECT_TRUE(ask(recipe, {{"boxes", Tensor::of<float>({1, 1, 7}, all)}, {"prototypes", prototypes}}, seen));
  std::vector<float> two = all;
  two.insert(two.end(), {0, 0, 0.1F, 0.1F, 0.8F, 1, 1});
  EXPECT_EQ(ask(recipe, {{"boxes", Tensor::of<float>({1, 2, 7}, two)}, {"prototypes", prototypes}}, seen).error().code(), kTensorTooLarge);
}

TEST(Interpret, CountsThePixelsOfEachClass) {
  const VisionRecipe recipe{.task = VisionTask::kSegmentation, .output = "map"};
  const auto answer = ask(recipe, {{"map", Tensor::of<std::int64_t>({1, 1, 4}, {1, 1, 1, 0})}}, seen_of(4, 1));
  ASSERT_TRUE(answer) << answer.error().to_string();
  ASSERT_EQ(answer->pixel_classes.size(), 2U);
  EXPECT_EQ(answer->pixel_classes[0].label, "dog");
  EXPECT_DOUBLE_EQ(answer->pixel_classes[0].share, 0.75);
}

TEST(Interpret, WeighsAnomaliesByScoreOrMap) {
  VisionRecipe recipe{.task = VisionTask::kAnomaly, .output = "map", .thresholds = {.score_min = 0.5F}};
  const NamedTensors outputs = {{"map", Tensor::of<float>({1, 1, 1, 2}, {0.1F, 0.6F})}, {"score", Tensor::of<float>({1}, {0.3F})}};
  EXPECT_TRUE(ask(recipe, outputs, seen_of(2, 1))->anomaly->is_anomaly);
  recipe.second_output = "score";
  const auto scored = ask(recipe, outputs, seen_of(2, 1));
  EXPECT_FLOAT_EQ(scored->anomaly->score, 0.3F);
  EXPECT_FALSE(scored->anomaly->is_anomaly);
  EXPECT_TRUE(scored->anomaly->heat_map);
  recipe.output.clear();
  EXPECT_FALSE(ask(recipe, outputs)->anomaly->heat_map);
  recipe.second_output = "map";
  EXPECT_EQ(ask(recipe, outputs).error().code(), kVisionOutput);
}

TEST(Drawing, PutsAFrameAndALabelOnThePicture) {
  const Tensor picture = Tensor::zeros(DType::kUint8, {60, 80, 1});
  VisionAnswer answer{.task = VisionTask::kDetection, .width = 80, .height = 60};
  answer.detections.push_back({.box = {10, 20, 50, 55}, .index = 0, .label = "cat", .score = 0.9F, .mask = {}});
  const auto image = drawn(picture, answer);
  ASSERT_TRUE(image) << image.error().to_string();
  EXPECT_EQ(image->shape(), (Shape{60, 80, 3}));
  const auto values = image->values<std::uint8_t>();
  const auto is_black = [&](std::size_t x, std::size_t y) {
    return values[(y * 80 + x) * 3] + values[(y * 80 + x) * 3 + 1] + values[(y * 80 + x) * 3 + 2] == 0;
  };
  EXPECT_FALSE(is_black(10, 30));
  EXPECT_FALSE(is_black(49, 30));
  EXPECT_FALSE(is_black(30, 54));
  EXPECT_TRUE(is_black(30, 40));
  EXPECT_TRUE(is_black(9, 40));
  EXPECT_FALSE(is_black(10, 12));  // the label's bar above the box
}

TEST(Drawing, HandlesEveryTaskAndTheSmallestPicture) {
  for (const std::int64_t side : {1, 3, 40}) {
    VisionAnswer answer{.width = side, .height = side};
    answer.classes.push_back({.index = 3, .label = "a \xc3\xa9 label ~", .score = 1});
    answer.class_map = Tensor::of<std::uint8_t>({side, side}, std::vector<std::uint8_t>(static_cast<std::size_t>(side * side), 7));
    answer.pixel_classes.push_back({.index = 7, .label = "", .share = 1});
    answer.anomaly = Anomaly{.score = 1, .is_anomaly = true, .heat_map = Tensor::zeros(DType::kFloat32, {side, side})};
    RunLengths mask{.height = side, .width = side, .counts = {0, static_cast<std::uint32_t>(side * side)}};
    answer.detections.push_back(
        {.box = {0, 0, static_cast<float>(side), static_cast<float>(side)}, .index = 99, .label = "", .score = 0, .mask = mask});
    EXPECT_TRUE(drawn(Tensor::zeros(DType::kUint8, {side, side, 4}), answer));
  }
  EXPECT_EQ(drawn(Tensor::zeros(DType::kUint8, {2, 2, 3}), {.width = 3, .height = 2}).error().code(), kTensorShapeMismatch);
  EXPECT_EQ(drawn(Tensor::zeros(DType::kFloat32, {2, 2, 3}), {.width = 2, .height = 2}).error().code(), kTensorShapeMismatch);
}

std::string json_of(const VisionAnswer& answer) {
  std::string all;
  for (const auto& [name, value] : json_members(answer).value()) all += std::string(name) + "=" + value + ";";
  return all;
}

TEST(VisionJson, WritesEveryTask) {
  EXPECT_EQ(json_of({.task = VisionTask::kTensors}), "");
  VisionAnswer answer{.task = VisionTask::kClassification};
  answer.classes = {{.index = 1, .label = "a \"dog\"", .score = 0.5F}, {.index = 7, .label = "", .score = 0.25F}};
  EXPECT_EQ(json_of(answer),
            R"(task="classification";classes=[{"label":"a \"dog\"","index":1,"score":0.5},{"label":"7","index":7,"score":0.25}];)");
  answer = {.task = VisionTask::kInstances};
  answer.detections.push_back(
      {.box = {1, 2, 3, 4.5F}, .index = 0, .label = "cat", .score = 0.75F, .mask = RunLengths{.height = 2, .width = 1, .counts = {1, 1}}});
  EXPECT_EQ(
      json_of(answer),
      R"(task="instances";detections=[{"label":"cat","index":0,"score":0.75,"box":[1,2,3,4.5],"mask":{"size":[2,1],"counts":[1,1]}}];)");
  answer = {.task = VisionTask::kAnomaly};
  answer.anomaly = Anomaly{.score = std::nanf(""), .is_anomaly = false, .heat_map = {}};
  EXPECT_EQ(json_of(answer), R"(task="anomaly";anomaly={"score":null,"is_anomaly":false};)");
  answer.anomaly->heat_map = Tensor::of<float>({1, 2}, {-1, 3});
  EXPECT_NE(json_of(answer).find(R"("heat_map":{"least":-1,"most":3,"png":"iVBOR)"), std::string::npos);
  answer = {.task = VisionTask::kSegmentation};
  answer.class_map = Tensor::zeros(DType::kUint8, {2, 2});
  answer.pixel_classes = {{.index = 0, .label = "sky", .share = 1}};
  EXPECT_TRUE(
      json_of(answer).starts_with(R"(task="segmentation";segmentation={"classes":[{"label":"sky","index":0,"share":1}],"png":"iVBOR)"));
}

TEST(Interpret, RefusesNumbersThatAreNone) {
  const float nan = std::nanf("");
  const auto refusal = [](const VisionRecipe& recipe, const char* name, const Tensor& output) {
    const auto answer = ask(recipe, {{name, output}});
    return answer ? std::string("answered") : std::string(answer.error().code().name);
  };
  const VisionRecipe classes{.task = VisionTask::kClassification, .output = "y", .scores = ScoreKind::kLogits};
  EXPECT_EQ(refusal(classes, "y", Tensor::of<float>({1, 2}, {1, nan})), kVisionOutput.name);
  EXPECT_EQ(refusal(classes, "y", Tensor::of<float>({1, 2}, {1, INFINITY})), kVisionOutput.name);
  EXPECT_EQ(refusal(classes, "y", Tensor::of<double>({1, 2}, {1, std::nan("")})), kVisionOutput.name);
  EXPECT_EQ(refusal(classes, "y", Tensor::of<float>({1, 2}, {1, -INFINITY})), "answered") << "a class that is ruled out";
  const VisionRecipe boxes{.task = VisionTask::kDetection, .output = "y", .head = BoxHead::kYoloV8};
  EXPECT_EQ(refusal(boxes, "y", Tensor::of<float>({1, 6, 1}, {4, 4, 4, 4, nan, 1})), kVisionOutput.name);
  const VisionRecipe anomaly{.task = VisionTask::kAnomaly, .second_output = "y"};
  EXPECT_EQ(refusal(anomaly, "y", Tensor::of<float>({1}, {nan})), kVisionOutput.name);
}

}  // namespace
}  // namespace forebay::tensors

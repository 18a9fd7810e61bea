#include "formats/vision_reader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/ids.h"
#include "formats/errors.h"
#include "formats/onnx_graph_builder.h"
#include "formats/read_model.h"
#include "formats/testing/tiny_models.h"

namespace forebay::formats {
namespace {

using tensors::BoxHead;
using tensors::DType;
using tensors::ImageChannels;
using tensors::ImageResize;
using tensors::RecipeSource;
using tensors::Shape;
using tensors::VisionTask;

TensorSpec spec(std::string name, Shape shape, DType dtype = DType::kFloat32) {
  std::vector<std::string> names(shape.size());
  return {.name = std::move(name), .dtype = dtype, .shape = std::move(shape), .dimension_names = std::move(names)};
}
ModelDescription model(Shape input, std::vector<TensorSpec> outputs) {
  ModelDescription description;
  description.inputs.push_back(spec("image", std::move(input)));
  description.outputs = std::move(outputs);
  return description;
}
ModelDescription described(ModelDescription description, std::string_view sidecar = "") {
  std::optional<VisionSidecar> read;
  if (!sidecar.empty()) read = read_vision_sidecar(sidecar).value();
  const auto done = describe_vision(description, read);
  EXPECT_TRUE(done) << done.error().to_string();
  return description;
}
// The field that is wrong, of the sidecar alone or for this model.
std::string wrong_field(std::string_view sidecar, ModelDescription description = model({1, 3, 64, 64}, {spec("scores", {1, 10})})) {
  const auto read = read_vision_sidecar(sidecar);
  if (!read) {
    EXPECT_EQ(read.error().code(), kSidecarInvalid);
    return read.error().field();
  }
  const auto done = describe_vision(description, *read);
  if (done) return "";
  EXPECT_EQ(done.error().code(), kSidecarInvalid);
  return done.error().field();
}

TEST(DescribeVision, LeavesModelsWithoutAPictureAlone) {
  EXPECT_FALSE(described(model({-1, 13}, {spec("scores", {-1, 3})})).vision);
  EXPECT_FALSE(described(model({1, 5, 8, 8}, {spec("scores", {-1, 3})})).vision);
}

TEST(DescribeVision, TellsTasksByShapesAndSaysWhatItAssumed) {
  const auto task = [](Shape input, std::vector<TensorSpec> outputs) {
    return described(model(std::move(input), std::move(outputs))).vision->task;
  };
  EXPECT_EQ(task({-1, 1, 8, 8}, {spec("label", {-1}, DType::kInt64), spec("probabilities", {-1, 10})}), VisionTask::kClassification);
  EXPECT_EQ(task({1, 3, 320, 320}, {spec("map", {1, 2, 320, 320})}), VisionTask::kSegmentation);
  EXPECT_EQ(task({1, 3, 320, 320}, {spec("picture", {1, 3, 640, 640})}), VisionTask::kTensors);
  EXPECT_EQ(task({1, 1, 320, 320}, {spec("picture", {1, 1, 640, 640})}), VisionTask::kTensors);
  EXPECT_EQ(task({1, 3, 64, 64}, {spec("planes", {1, 300, 8, 8})}), VisionTask::kTensors);
  const auto digits = described(model({-1, 1, 8, 8}, {spec("probabilities", {-1, 10})}));
  EXPECT_EQ(digits.vision->source, RecipeSource::kShapes);
  EXPECT_EQ(digits.vision->assumed.size(), 2U);
  EXPECT_EQ(digits.vision->picture.scale, 1);
}

TEST(DescribeVision, TellsYoloHeadsByTheirAnchors) {
  // 416 x 416 pixels have 52² + 26² + 13² = 3,549 cells.
  const auto head = [](Shape output) { return described(model({1, 3, 416, 416}, {spec("boxes", std::move(output))})).vision->head; };
  EXPECT_EQ(head({1, 84, 3549}), BoxHead::kYoloV8);
  EXPECT_EQ(head({1, 10'647, 85}), BoxHead::kYoloV5);
  EXPECT_EQ(head({1, 3549, 85}), BoxHead::kYolox);
  EXPECT_EQ(head({1, 300, 6}), BoxHead::kFinal);
  const auto yolox = described(model({1, 3, 416, 416}, {spec("boxes", {1, 3549, 85})}));
  EXPECT_EQ(yolox.vision->task, VisionTask::kDetection);
  EXPECT_EQ(yolox.vision->picture.resize, ImageResize::kCorner);
  EXPECT_EQ(yolox.vision->picture.channels, ImageChannels::kBgr);
  EXPECT_EQ(yolox.vision->picture.scale, 1);
  const auto instances = described(model({1, 3, 416, 416}, {spec("boxes", {1, 116, 3549}), spec("prototypes", {1, 32, 104, 104})}));
  EXPECT_EQ(instances.vision->task, VisionTask::kInstances);
  EXPECT_EQ(instances.vision->second_output, "prototypes");
  EXPECT_EQ(described(model({1, 3, 416, 416}, {spec("states", {1, 17, 99})})).vision->task, VisionTask::kTensors);
}

TEST(DescribeVision, ReadsUltralyticsMetadata) {
  auto free = model({-1, 3, -1, -1}, {spec("output0", {-1, 6, -1})});
  free.metadata = {{"stride", "32"}, {"names", "{0: 'cat', 1: 'dog'}"}, {"task", "detect"}, {"imgsz", "[480, 640]"}};
  free.labels = {"cat", "dog"};
  const auto detector = described(free);
  EXPECT_EQ(detector.vision->task, VisionTask::kDetection);
  EXPECT_EQ(detector.vision->head, BoxHead::kYoloV8);
  EXPECT_EQ(detector.vision->source, RecipeSource::kMetadata);
  EXPECT_EQ(detector.vision->picture.height, 480);
  EXPECT_EQ(detector.vision->picture.width, 640);
  EXPECT_EQ(detector.vision->picture.resize, ImageResize::kLetterbox);
  EXPECT_TRUE(detector.vision->assumed.empty());
  free.metadata["task"] = "pose";
  EXPECT_EQ(described(free).vision->task, VisionTask::kTensors);
  EXPECT_EQ(described(free).vision->assumed.size(), 1U);
  free.metadata["task"] = "segment";  // without prototypes
  EXPECT_EQ(described(free).vision->task, VisionTask::kTensors);
  for (const char* sides : {"", "[]", "[0, 0]", "[99999]", "[1,2,3]", "x"}) {
    free.metadata["imgsz"] = sides;
    EXPECT_EQ(described(free).vision->picture.width, 0) << sides;
  }
  auto classifier = model({1, 3, 224, 224}, {spec("output0", {1, 2})});
  classifier.metadata = {{"stride", "1"}, {"names", "x"}, {"task", "classify"}};
  EXPECT_EQ(described(classifier).vision->picture.resize, ImageResize::kCrop);
}

TEST(DescribeVision, LetsTheSidecarHaveTheLastWord) {
  const auto detector = described(model({1, 3, -1, -1}, {spec("a", {1, 6, -1}), spec("b", {1, -1, 7})}),
                                  R"({"task":"detection","output":"b","labels":["x","y"],
    "preprocessing":{"width":320,"height":160,"resize":"stretch","filter":"nearest","channels":"bgr","scale":2,"mean":[1,2,3],"std":0.5,"padding":0,"crop_share":0.5},
    "postprocessing":{"head":"yolov5","scores":"logits","score_min":0.1,"overlap_max":0.9,"detections_max":7,"top_k":2}})");
  const auto& recipe = *detector.vision;
  EXPECT_EQ(recipe.source, RecipeSource::kSidecar);
  EXPECT_EQ(recipe.output, "b");
  EXPECT_EQ(detector.labels, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(recipe.picture.width, 320);
  EXPECT_EQ(recipe.picture.height, 160);
  EXPECT_EQ(recipe.picture.resize, ImageResize::kStretch);
  EXPECT_EQ(recipe.picture.filter, tensors::ImageFilter::kNearest);
  EXPECT_EQ(recipe.picture.channels, ImageChannels::kBgr);
  EXPECT_EQ(recipe.picture.mean.size(), 3U);
  EXPECT_EQ(recipe.picture.deviation, std::vector<float>{0.5F});
  EXPECT_EQ(recipe.head, BoxHead::kYoloV5);
  EXPECT_EQ(recipe.scores, tensors::ScoreKind::kLogits);
  EXPECT_EQ(recipe.thresholds.detections_max, 7U);
  EXPECT_EQ(recipe.thresholds.classes_max, 2U);
  const auto json = to_json(detector);
  const auto again = description_from_json(json);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(to_json(*again), json);
}

TEST(DescribeVision, ServesAnomalyModelsOnlyWhenToldTo) {
  const auto anomaly =
      described(model({1, 3, 64, 64}, {spec("map", {1, 1, 64, 64}), spec("score", {1})}), R"({"task":"anomaly","score":"score"})");
  EXPECT_EQ(anomaly.vision->output, "map");
  EXPECT_EQ(anomaly.vision->second_output, "score");
  EXPECT_EQ(described(model({1, 3, 64, 64}, {spec("score", {1})}), R"({"task":"anomaly","score":"score"})").vision->output, "");
}

TEST(VisionSidecar, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(wrong_field("{}"), "");
  EXPECT_EQ(wrong_field("{"), "sidecar");
  EXPECT_EQ(wrong_field("[]"), "sidecar");
  EXPECT_EQ(wrong_field(std::string(kSidecarBytesMax + 1, ' ')), "sidecar");
  EXPECT_EQ(wrong_field(R"({"tsk":"detection"})"), "tsk");
  EXPECT_EQ(wrong_field(R"({"task":"detect"})"), "task");
  EXPECT_EQ(wrong_field(R"({"task":3})"), "task");
  EXPECT_EQ(wrong_field(R"({"labels":"a,b"})"), "labels");
  EXPECT_EQ(wrong_field(R"({"labels":[1]})"), "labels");
  EXPECT_EQ(wrong_field(R"({"masks":"a","score":"b"})"), "score");
  EXPECT_EQ(wrong_field(R"({"preprocessing":[]})"), "preprocessing");
  EXPECT_EQ(wrong_field(R"({"preprocessing":{"width":0}})"), "preprocessing.width");
  EXPECT_EQ(wrong_field(R"({"preprocessing":{"width":1.5}})"), "preprocessing.width");
  EXPECT_EQ(wrong_field(R"({"preprocessing":{"width":16385}})"), "preprocessing.width");
  EXPECT_EQ(wrong_field(R"({"preprocessing":{"std":0}})"), "preprocessing.std");
  EXPECT_EQ(wrong_field(R"({"preprocessing":{"mean":[1,2,3,4]}})"), "preprocessing.mean");
  EXPECT_EQ(wrong_field(R"({"preprocessing":{"mean":["a"]}})"), "preprocessing.mean");
  EXPECT_EQ(wrong_field(R"({"preprocessing":{"resize":"squash"}})"), "preprocessing.resize");
  EXPECT_EQ(wrong_field(R"({"postprocessing":{"overlap_max":1.1}})"), "postprocessing.overlap_max");
  EXPECT_EQ(wrong_field(R"({"postprocessing":{"nms":1}})"), "postprocessing.nms");
}

TEST(VisionSidecar, MustFitTheModel) {
  EXPECT_EQ(wrong_field(R"({"input":"picture"})"), "input");
  EXPECT_EQ(wrong_field("{}", model({-1, 13}, {spec("scores", {1, 10})})), "input");
  EXPECT_EQ(wrong_field(R"({"task":"classification","output":"nothing"})"), "output");
  EXPECT_EQ(wrong_field(R"({"task":"detection"})"), "output");
  EXPECT_EQ(wrong_field(R"({"task":"detection"})", model({1, 3, 64, 64}, {spec("boxes", {1, 9, 9})})), "postprocessing.head");
  EXPECT_EQ(wrong_field(R"({"task":"instances","postprocessing":{"head":"final"}})", model({1, 3, 64, 64}, {spec("boxes", {1, 9, 9})})),
            "masks");
  EXPECT_EQ(wrong_field(R"({"preprocessing":{"width":65}})"), "preprocessing.width");
  EXPECT_EQ(wrong_field(R"({"preprocessing":{"height":63}})"), "preprocessing.height");
  EXPECT_EQ(wrong_field(R"({"preprocessing":{"mean":[1,2]}})"), "preprocessing.mean");
  EXPECT_EQ(wrong_field(R"({"preprocessing":{"channels":"grey","std":[1,2,3]}})"), "preprocessing.std");
}

TEST(VisionSidecar, LiesBesideTheModel) {
  const auto folder = std::filesystem::temp_directory_path() / ("forebay-sidecar-" + make_id("t"));
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, std::string_view text) { std::ofstream(folder / name, std::ios::binary) << text; };
  OnnxGraphBuilder builder("picture");
  builder.input("image", DType::kFloat32, {1, 3, 4, 4}).node("Flatten", {"image"}, {"scores"}).output("scores", DType::kFloat32, {1, 48});
  write("seen.onnx", builder.build());
  EXPECT_EQ(read_model(folder / "seen.onnx")->vision->source, RecipeSource::kShapes);
  write("seen.forebay.json", R"({"preprocessing":{"channels":"bgr"}})");
  EXPECT_EQ(read_model(folder / "seen.onnx")->vision->picture.channels, ImageChannels::kBgr);
  write("seen.forebay.json", R"({"preprocessing":{"channels":"cmyk"}})");
  EXPECT_EQ(read_model(folder / "seen.onnx").error().field(), "preprocessing.channels");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace forebay::formats

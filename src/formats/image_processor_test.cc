#include "formats/image_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/ids.h"
#include "formats/errors.h"
#include "formats/onnx_graph_builder.h"
#include "formats/read_model.h"

namespace forebay::formats {
namespace {

using tensors::DType;
using tensors::ImageChannels;
using tensors::ImageFilter;
using tensors::ImageResize;
using tensors::RecipeSource;
using tensors::VisionTask;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

VisionSidecar read(std::string_view json) {
  auto declared = read_image_processor(json);
  EXPECT_TRUE(declared) << declared.error().to_string();
  return declared.value_or(VisionSidecar{});
}
std::string wrong_field(std::string_view json) {
  const auto declared = read_image_processor(json);
  return declared ? "" : declared.error().field();
}

TEST(ImageProcessor, OfAVisionTransformerStretchesAndNormalises) {
  const auto vit = read(R"({"image_processor_type":"ViTImageProcessor","do_normalize":true,"do_rescale":true,"do_resize":true,
      "image_mean":[0.5,0.5,0.5],"image_std":[0.25,0.25,0.25],"resample":2,"rescale_factor":0.00392156862745098,
      "size":{"height":224,"width":192}})");
  EXPECT_EQ(vit.width, 192);
  EXPECT_EQ(vit.height, 224);
  EXPECT_EQ(vit.resize, ImageResize::kStretch);
  EXPECT_EQ(vit.filter, ImageFilter::kBilinear);
  EXPECT_EQ(vit.channels, ImageChannels::kRgb);
  EXPECT_FLOAT_EQ(*vit.scale, 1.0F / 255);
  EXPECT_THAT(*vit.mean, ElementsAre(0.5F, 0.5F, 0.5F));
  EXPECT_THAT(*vit.deviation, ElementsAre(0.25F, 0.25F, 0.25F));
  EXPECT_THAT(vit.assumed, IsEmpty());
}

TEST(ImageProcessor, OfAnOlderVersionHasSizesAsNumbers) {
  const auto square = read(R"({"size":224})");
  EXPECT_EQ(square.resize, ImageResize::kStretch);
  EXPECT_EQ(square.width, 224);
  const auto clip = read(R"({"size":256,"do_center_crop":true,"crop_size":224,"resample":3})");
  EXPECT_EQ(clip.resize, ImageResize::kCrop);
  EXPECT_EQ(clip.width, 224);
  EXPECT_FLOAT_EQ(*clip.crop_share, 0.875F);
  EXPECT_EQ(clip.filter, ImageFilter::kBicubic);
}

TEST(ImageProcessor, CutsTheMiddleOfTheShortestEdgeOrOfASize) {
  const auto edge = read(R"({"size":{"shortest_edge":256},"do_center_crop":true,"crop_size":{"height":224,"width":224}})");
  EXPECT_EQ(edge.resize, ImageResize::kCrop);
  EXPECT_FLOAT_EQ(*edge.crop_share, 0.875F);
  const auto whole = read(R"({"size":{"height":256,"width":128},"do_center_crop":true,"crop_size":{"height":128,"width":64}})");
  EXPECT_EQ(whole.resize, ImageResize::kStretch);
  EXPECT_FLOAT_EQ(*whole.crop_share, 0.5F);
  const auto convnext = read(R"({"size":{"shortest_edge":224},"crop_pct":0.875})");
  EXPECT_EQ(convnext.resize, ImageResize::kCrop);
  EXPECT_FLOAT_EQ(*convnext.crop_share, 0.875F);
  EXPECT_EQ(read(R"({"size":{"shortest_edge":384},"crop_pct":0.875})").resize, ImageResize::kStretch);
  EXPECT_EQ(read(R"({"size":224,"do_center_crop":false,"crop_size":200})").width, 224);
}

TEST(ImageProcessor, LeavesOutWhatIsSwitchedOff) {
  const auto plain =
      read(R"({"do_resize":false,"do_rescale":false,"do_normalize":false,"size":224,"image_mean":[1,2,3],"image_std":[1,2,3]})");
  EXPECT_FALSE(plain.width);
  EXPECT_EQ(plain.scale, 1);
  EXPECT_FALSE(plain.mean);
  EXPECT_EQ(read(R"({"do_flip_channel_order":true})").channels, ImageChannels::kBgr);
}

TEST(ImageProcessor, SaysWhatItCannotDoExactly) {
  EXPECT_THAT(read(R"({"size":{"shortest_edge":800,"longest_edge":1333}})").assumed, ElementsAre(HasSubstr("ratio")));
  EXPECT_THAT(read(R"({"resample":1})").assumed, ElementsAre(HasSubstr("Lanczos")));
  EXPECT_THAT(read(R"({"resample":5})").assumed, SizeIs(1));
}

TEST(ImageProcessor, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(wrong_field("{}"), "");
  EXPECT_EQ(wrong_field("{"), "file");
  EXPECT_EQ(wrong_field("[]"), "file");
  EXPECT_EQ(wrong_field(std::string(kImageProcessorBytesMax + 1, ' ')), "file");
  EXPECT_EQ(wrong_field(R"({"size":0})"), "size");
  EXPECT_EQ(wrong_field(R"({"size":16385})"), "size");
  EXPECT_EQ(wrong_field(R"({"size":16384})"), "");
  EXPECT_EQ(wrong_field(R"({"size":{"max_height":9}})"), "size");
  EXPECT_EQ(wrong_field(R"({"size":1.5})"), "size");
  EXPECT_EQ(wrong_field(R"({"do_resize":1})"), "do_resize");
  EXPECT_EQ(wrong_field(R"({"resample":6})"), "resample");
  EXPECT_EQ(wrong_field(R"({"rescale_factor":0})"), "rescale_factor");
  EXPECT_EQ(wrong_field(R"({"image_mean":[0.5],"image_std":[0]})"), "image_std");
  EXPECT_EQ(wrong_field(R"({"image_mean":[1,2,3,4]})"), "image_mean");
  EXPECT_EQ(wrong_field(R"({"do_normalize":true})"), "do_normalize");
  EXPECT_EQ(wrong_field(R"({"do_resize":false,"do_center_crop":true,"crop_size":224})"), "do_center_crop");
  EXPECT_EQ(wrong_field(R"({"size":224,"do_center_crop":true,"crop_size":256})"), "crop_size");
  EXPECT_EQ(wrong_field(R"({"size":{"shortest_edge":9},"do_center_crop":true,"crop_size":{"height":4,"width":5}})"), "crop_size");
}

TEST(ImageModelConfig, HasATaskAndNames) {
  const auto config = read_image_model_config(R"({"architectures":["ViTForImageClassification"],"id2label":{"1":"dog","0":"cat"}})");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->task, VisionTask::kClassification);
  EXPECT_THAT(config->labels, ElementsAre("cat", "dog"));
  EXPECT_EQ(read_image_model_config(R"({"architectures":["SegformerForSemanticSegmentation"]})")->task, VisionTask::kSegmentation);
  EXPECT_FALSE(read_image_model_config(R"({"architectures":["BertModel"]})")->task);
  EXPECT_FALSE(read_image_model_config(R"({"architectures":[7]})")->task);
  EXPECT_FALSE(read_image_model_config(R"({"id2label":{"1":"dog"}})"));
  EXPECT_FALSE(read_image_model_config(R"({"id2label":["dog"]})"));
}

class ImageFolder : public ::testing::Test {
 protected:
  ImageFolder() : folder_(std::filesystem::temp_directory_path() / make_id("image-folder")) {
    OnnxGraphBuilder builder("picture");
    builder.input("image", DType::kFloat32, {"batch", 3, 4, 4}).node("Flatten", {"image"}, {"scores"});
    builder.output("scores", DType::kFloat32, {"batch", 48});
    model_ = builder.build();
  }
  ~ImageFolder() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  std::filesystem::path write(std::string_view name, std::string_view content) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  static std::string names(int count) {
    std::string json = R"({"architectures":["ViTForImageClassification"],"id2label":{)";
    for (int i = 0; i < count; ++i) json += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"c" + std::to_string(i) + "\"";
    return json + "}}";
  }
  std::filesystem::path folder_;
  std::string model_;
};

TEST_F(ImageFolder, ItsProcessorAndNamesAreTheModels) {
  write("preprocessor_config.json", R"({"size":4,"image_mean":[1,2,3],"image_std":[4,5,6]})");
  write("config.json", names(48));
  for (const char* place : {"model.onnx", "onnx/model.onnx"}) {
    const auto model = read_model(write(place, model_));
    ASSERT_TRUE(model) << model.error().to_string();
    EXPECT_EQ(model->vision->source, RecipeSource::kProcessor);
    EXPECT_EQ(model->vision->task, VisionTask::kClassification);
    EXPECT_THAT(model->vision->picture.mean, ElementsAre(1, 2, 3));
    EXPECT_THAT(model->vision->assumed, IsEmpty());
    EXPECT_THAT(model->labels, SizeIs(48));
    EXPECT_THAT(model->warnings, IsEmpty());
  }
}

TEST_F(ImageFolder, ASidecarOfOursIsTakenAlone) {
  write("preprocessor_config.json", R"({"image_mean":[1,2,3],"image_std":[4,5,6]})");
  write("config.json", names(48));
  write("model.forebay.json", R"({"preprocessing":{"scale":0.5}})");
  const auto model = read_model(write("model.onnx", model_));
  EXPECT_EQ(model->vision->source, RecipeSource::kSidecar);
  EXPECT_THAT(model->vision->picture.mean, IsEmpty());
  EXPECT_THAT(model->labels, IsEmpty());
}

TEST_F(ImageFolder, WhatDoesNotFitTheModelIsAWarning) {
  write("config.json", names(47));
  const auto path = write("model.onnx", model_);
  for (const char* processor : {"{", R"({"size":5})", R"({"image_mean":[1,2],"image_std":[1,2]})", R"({"size":"x"})"}) {
    write("preprocessor_config.json", processor);
    const auto model = read_model(path);
    ASSERT_TRUE(model) << model.error().to_string();
    EXPECT_EQ(model->vision->source, RecipeSource::kShapes) << processor;
    EXPECT_THAT(model->labels, IsEmpty());
    ASSERT_THAT(model->warnings, SizeIs(1)) << processor;
    EXPECT_EQ(model->warnings.front().code, "side_file_ignored");
  }
}

TEST_F(ImageFolder, FilesAboveAnotherFolderAreNotTheModels) {
  write("preprocessor_config.json", R"({"image_mean":[1,2,3],"image_std":[4,5,6]})");
  EXPECT_EQ(read_model(write("other/model.onnx", model_))->vision->source, RecipeSource::kShapes);
}

TEST_F(ImageFolder, SaysNothingAboutModelsWithoutPictures) {
  write("preprocessor_config.json", R"({"size":4})");
  OnnxGraphBuilder table("table");
  table.input("x", DType::kFloat32, {"batch", 3}).node("Identity", {"x"}, {"y"}).output("y", DType::kFloat32, {"batch", 3});
  const auto model = read_model(write("table.onnx", table.build()));
  EXPECT_FALSE(model->vision);
  EXPECT_THAT(model->warnings, IsEmpty());
}

}  // namespace
}  // namespace forebay::formats

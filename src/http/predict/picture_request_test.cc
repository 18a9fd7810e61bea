#include "http/predict/picture_request.h"

#include <gtest/gtest.h>

#include <map>

#include "http/errors.h"

namespace forebay::http::predict {
namespace {

constexpr JsonLimits kLimits{};

Result<PictureFields> fields(std::map<std::string, std::string> texts) {
  return read_picture_fields([&](const std::string& name) { return texts[name]; });
}

TEST(PictureFields, AreReadFromTexts) {
  const auto read =
      fields({{"model", "m"}, {"raw", "true"}, {"score_min", "0.5"}, {"overlap_max", "1"}, {"detections_max", "7"}, {"top_k", "2"}});
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->model, "m");
  EXPECT_EQ(read->raw, true);
  EXPECT_FLOAT_EQ(*read->score_min, 0.5F);
  EXPECT_EQ(read->detections_max, 7U);
  EXPECT_EQ(read->classes_max, 2U);
  EXPECT_FALSE(fields({})->raw);
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{{"raw", "yes"},
                                                                                   {"score_min", "x"},
                                                                                   {"score_min", "nan"},
                                                                                   {"overlap_max", "1.1"},
                                                                                   {"detections_max", "0"},
                                                                                   {"detections_max", "10001"},
                                                                                   {"top_k", "1.5"},
                                                                                   {"top_k", "1x"}}) {
    const auto wrong = fields({{name, text}});
    ASSERT_FALSE(wrong) << name << text;
    EXPECT_EQ(wrong.error().field(), name);
  }
  EXPECT_TRUE(fields({{"detections_max", "10000"}}));
}

TEST(PictureBody, TakesBase64AndDataUrls) {
  for (const auto* text : {R"({"image":"AAEC"})", R"({"image":"data:image/png;base64,AAEC","score_min":0.5,"top_k":3,"raw":false})"}) {
    const auto body = read_picture_body(text, kLimits);
    ASSERT_TRUE(body) << body.error().to_string();
    EXPECT_EQ(body->picture, (std::vector<std::byte>{std::byte{0}, std::byte{1}, std::byte{2}}));
  }
  const auto code = [](std::string_view text) { return read_picture_body(text, kLimits).error_or(Error(kJsonSyntax, "")).code(); };
  EXPECT_EQ(code(R"({"image":"A"})"), kImageNotBase64);
  EXPECT_EQ(code(R"({"image":"data:image/png,AAEC"})"), kImageNotBase64);
  EXPECT_EQ(code(R"({"image":7})"), kFieldType);
  EXPECT_EQ(code("{}"), kFieldMissing);
  EXPECT_EQ(code(R"({"image":"AAEC","input":1})"), kFieldUnknown);
  EXPECT_EQ(code(R"({"image":"AAEC","top_k":0})"), kFieldRange);
  EXPECT_EQ(code(R"({"image":"AAEC","overlap_max":2})"), kFieldRange);
}

TEST(PictureFields, ChangeTheRecipesThresholds) {
  const tensors::VisionRecipe recipe{.thresholds = {.score_min = 0.1F, .overlap_max = 0.2F, .detections_max = 3, .classes_max = 4}};
  const auto kept = thresholds_of(recipe, {});
  EXPECT_EQ(kept.detections_max, 3U);
  PictureFields fields;
  fields.score_min = 0.9F;
  fields.classes_max = 1;
  EXPECT_FLOAT_EQ(thresholds_of(recipe, fields).score_min, 0.9F);
  EXPECT_EQ(thresholds_of(recipe, fields).classes_max, 1U);
}

}  // namespace
}  // namespace forebay::http::predict

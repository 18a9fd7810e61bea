#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/errors.h"
#include "http/predict/picture.h"
#include "http/predict/predict_request.h"
#include "http/predict/text_request.h"
#include "tensors/errors.h"

namespace forebay::http::predict {
namespace {

using tensors::DType;
const JsonLimits kLimits;

formats::ModelDescription digits() {
  formats::ModelDescription description;
  description.inputs.push_back({.name = "image", .dtype = DType::kFloat32, .shape = {-1, 1, 2, 2}});
  description.outputs.push_back({.name = "label", .dtype = DType::kInt64, .shape = {-1}});
  return description;
}
formats::ModelDescription two_inputs() {
  formats::ModelDescription description;
  description.inputs.push_back({.name = "left", .dtype = DType::kFloat32, .shape = {-1}});
  description.inputs.push_back({.name = "right", .dtype = DType::kInt64, .shape = {-1}});
  return description;
}

Result<tensors::NamedTensors> inputs(std::string_view text, const formats::ModelDescription& description) {
  TRY_ASSIGN(const auto body, read_predict_body(text, kLimits));
  return read_inputs(body.object, description);
}

TEST(PredictBody, TakesTheOnlyInputFlatNestedAndByName) {
  for (const auto* text : {R"({"input":[1,2,3,4]})", R"({"input":[[[1,2],[3,4]]]})", R"({"input":[[[[1,2],[3,4]]]]})",
                           R"({"inputs":{"image":[1,2,3,4]}})", R"({"inputs":[1,2,3,4]})"}) {
    const auto read = inputs(text, digits());
    ASSERT_TRUE(read) << text << ": " << read.error().to_string();
    EXPECT_EQ(read->at(0).tensor.shape(), (tensors::Shape{1, 1, 2, 2})) << text;
  }
}

TEST(PredictBody, TakesSeveralInputsByName) {
  const auto read = inputs(R"({"inputs":{"right":[1,2],"left":[0.5,0.25]}})", two_inputs());
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(tensors::find_tensor(*read, "right")->dtype(), DType::kInt64);
}

TEST(PredictBody, SaysWhatIsWrong) {
  const auto error = [](std::string_view text, const formats::ModelDescription& description) {
    const auto read = inputs(text, description);
    return read ? ErrorCode{0, "fine"} : read.error().code();
  };
  EXPECT_EQ(error("{}", digits()), kFieldMissing);
  EXPECT_EQ(error(R"({"input":1,"inputs":{}})", digits()), kFieldConflict);
  EXPECT_EQ(error(R"({"inputs":{"imgae":[1,2,3,4]}})", digits()), kInputUnknown);
  EXPECT_EQ(error(R"({"inputs":{"left":[1]}})", two_inputs()), kInputMissing);
  EXPECT_EQ(error(R"({"input":[1]})", two_inputs()), kInputMissing);
  EXPECT_EQ(error(R"({"input":[1,2,3]})", digits()), tensors::kTensorShapeMismatch);
  EXPECT_EQ(error(R"({"input":["a",2,3,4]})", digits()), tensors::kTensorTypeMismatch);
  EXPECT_EQ(error(R"({"input":[1,2,3,4],"extra":1})", digits()), kFieldUnknown);
}

TEST(PredictBody, ChecksTheOutputsAskedFor) {
  const auto body = read_predict_body(R"({"input":1,"outputs":["label"]})", kLimits).value();
  EXPECT_EQ(read_outputs(body.object, digits()).value(), (std::vector<std::string>{"label"}));
  const auto wrong = read_predict_body(R"({"input":1,"outputs":["lable"]})", kLimits).value();
  EXPECT_EQ(read_outputs(wrong.object, digits()).error().code(), kInputUnknown);
}

TEST(PredictBody, ReadsUrgency) {
  EXPECT_EQ(read_predict_body(R"({"input":1,"priority":"low"})", kLimits)->urgency.priority, scheduling::Priority::kLow);
  EXPECT_EQ(read_batch_body(R"({"items":[1],"timeout_ms":7})", kLimits, 9)->fields.urgency.timeout, std::chrono::milliseconds(7));
  EXPECT_EQ(read_predict_body(R"({"input":1,"priority":3})", kLimits).error().code(), kFieldType);
  EXPECT_EQ(read_generate(R"({"prompt":"p","priority":"high","timeout_ms":9})", {})->urgency.timeout, std::chrono::milliseconds(9));
}

TEST(BatchBody, HoldsItsLimitAndReadsEveryItemByItself) {
  EXPECT_EQ(read_batch_body(R"({"items":[1,2,3]})", kLimits, 3).value().items.size(), 3U);
  EXPECT_EQ(read_batch_body(R"({"items":[1,2,3]})", kLimits, 2).error().code(), kTooManyItems);
  EXPECT_EQ(read_batch_body(R"({"items":[]})", kLimits, 2).error().code(), kFieldRange);
  EXPECT_EQ(read_batch_body("{}", kLimits, 2).error().code(), kFieldMissing);
  const auto body = read_batch_body(R"({"items":[{"input":[1,2,3,4]},[1,2],[[[5,6],[7,8]]]]})", kLimits, 9).value();
  EXPECT_TRUE(read_item(body.items[0], digits()));
  EXPECT_FALSE(read_item(body.items[1], digits()));
  EXPECT_TRUE(read_item(body.items[2], digits()));
}

TEST(BatchBody, MayHavePicturesAndWhatStandsBesideThem) {
  const auto body = read_batch_body(R"({"items":[{"image":"AAEC"}],"top_k":2,"raw":false,"model":"m"})", kLimits, 1);
  ASSERT_TRUE(body) << body.error().to_string();
  EXPECT_EQ(body->fields.classes_max, 2U);
  EXPECT_EQ(body->fields.raw, false);
  EXPECT_EQ(body->fields.model, "m");
  EXPECT_EQ(read_batch_body(R"({"items":[1],"top_k":0})", kLimits, 1).error().code(), kFieldRange);
  EXPECT_EQ(read_batch_body(R"({"items":[1],"image":"AAEC"})", kLimits, 1).error().code(), kFieldUnknown);
}

TEST(TextBodies, ReadPromptsAndMessages) {
  EXPECT_EQ(read_generate(R"({"prompt":"p","max_tokens":3,"stream":true})", {}).value().settings.tokens_max, 3U);
  EXPECT_EQ(read_generate("{}", {}).error().field(), "prompt");
  EXPECT_EQ(read_generate(R"({"prompt":""})", {}).error().code(), kFieldRange);
  const auto chat = read_chat(R"({"message":"m","system":"s"})", {}).value();
  EXPECT_EQ(chat.messages.at(0).role, "system");
  EXPECT_EQ(chat.messages.at(1).content, "m");
  EXPECT_EQ(read_chat(R"({"message":"m","messages":[]})", {}).error().code(), kFieldConflict);
  EXPECT_EQ(read_chat(R"({"system":"s","messages":[{"role":"user","content":"a"}]})", {}).error().code(), kFieldConflict);
  EXPECT_EQ(read_chat("{}", {}).error().field(), "message");
}

TEST(PictureBody, IsRefusedByAModelWithoutAPictureInput) {
  EXPECT_EQ(inputs_from_image({}, two_inputs(), {}).error().code(), inference::kImageNotWanted);
}

}  // namespace
}  // namespace forebay::http::predict

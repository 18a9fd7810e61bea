#include "http/oip/infer_request.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "http/errors.h"
#include "tensors/errors.h"

namespace forebay::http::oip {
namespace {

using tensors::DType;

formats::ModelDescription one_float_input() {
  formats::ModelDescription description;
  description.inputs.push_back({.name = "x", .dtype = DType::kFloat32, .shape = {-1, 2}});
  description.outputs.push_back({.name = "y", .dtype = DType::kFloat32, .shape = {-1}});
  description.outputs.push_back({.name = "z", .dtype = DType::kFloat32, .shape = {-1}});
  return description;
}

std::string bytes_of(std::initializer_list<float> values) {
  std::string bytes(values.size() * 4, '\0');
  std::memcpy(bytes.data(), values.begin(), bytes.size());
  return bytes;
}

Result<InferRequest> read(std::string_view json, std::string_view tail = {},
                          const formats::ModelDescription& description = one_float_input()) {
  const auto body = std::make_shared<std::string>(std::string(json) + std::string(tail));
  const std::string length = std::to_string(json.size());
  return read_infer_request(*body, tail.empty() ? std::nullopt : std::optional<std::string_view>(length), description, {}, body);
}
ErrorCode error(std::string_view json, std::string_view tail = {}) {
  const auto request = read(json, tail);
  return request ? ErrorCode{0, "fine"} : request.error().code();
}

TEST(InferRequestBody, ReadsFlatAndNestedNumbers) {
  for (const auto* values : {"[1,2,3,4]", "[[1,2],[3,4]]"}) {
    const auto request = read(std::string(R"({"id":"7","inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":)") + values + "}]}");
    ASSERT_TRUE(request) << request.error().to_string();
    EXPECT_EQ(request->id, "7");
    EXPECT_THAT(request->inputs.at(0).tensor.values<float>(), ::testing::ElementsAre(1, 2, 3, 4));
  }
}

TEST(InferRequestBody, ReadsBinaryTensors) {
  const auto request = read(
      R"({"inputs":[{"name":"any","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}],"parameters":{"binary_data_output":true}})",
      bytes_of({5, 6}));
  ASSERT_TRUE(request) << request.error().to_string();
  EXPECT_EQ(request->inputs.at(0).name, "x");
  EXPECT_THAT(request->inputs.at(0).tensor.values<float>(), ::testing::ElementsAre(5, 6));
  EXPECT_TRUE(request->all_binary);
}

TEST(InferRequestBody, TakesARawBody) {
  const auto body = std::make_shared<std::string>(bytes_of({1, 2, 3, 4, 5, 6}));
  const auto request = read_infer_request(*body, "0", one_float_input(), {}, body);
  ASSERT_TRUE(request) << request.error().to_string();
  EXPECT_EQ(request->inputs.at(0).tensor.shape(), (tensors::Shape{3, 2}));
  EXPECT_TRUE(request->all_binary);
  EXPECT_EQ(read_infer_request("12345", "0", one_float_input(), {}, nullptr).error().code(), kBinarySizes);
}

TEST(InferRequestBody, ReadsStringsAndBools) {
  formats::ModelDescription description;
  description.inputs.push_back({.name = "s", .dtype = DType::kString, .shape = {-1}});
  description.inputs.push_back({.name = "b", .dtype = DType::kBool, .shape = {-1}});
  const std::string tail("\x02\0\0\0hi\0\0\0\0\x01\0", 12);
  const auto request = read(R"({"inputs":[{"name":"s","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":10}},
                                          {"name":"b","shape":[2],"datatype":"BOOL","parameters":{"binary_data_size":2}}]})",
                            tail, description);
  ASSERT_TRUE(request) << request.error().to_string();
  EXPECT_THAT(request->inputs.at(0).tensor.strings(), ::testing::ElementsAre("hi", ""));
  EXPECT_EQ(request->inputs.at(1).tensor.size(), 2U);
}

TEST(InferRequestBody, RefusesSizesThatDoNotAddUp) {
  const auto input = [](std::string_view shape, std::string_view size) {
    return std::string(R"({"inputs":[{"name":"x","shape":)") + std::string(shape) +
           R"(,"datatype":"FP32","parameters":{"binary_data_size":)" + std::string(size) + "}}]}";
  };
  EXPECT_EQ(error(input("[1,2]", "8"), bytes_of({1})), kBinarySizes);
  EXPECT_EQ(error(input("[1,2]", "4"), bytes_of({1, 2})), kBinarySizes);
  EXPECT_EQ(error(input("[1,2]", "8"), bytes_of({1, 2, 3})), kBinarySizes);
  EXPECT_EQ(error(input("[2,2]", "8"), bytes_of({1, 2})), kBinarySizes);
  EXPECT_EQ(error(input("[1,2]", "-8"), bytes_of({1, 2})), kFieldRange);
  EXPECT_EQ(error(input("[1,2]", "18446744073709551616"), bytes_of({1, 2})), kFieldRange);
  for (const auto* length : {"-1", "99999", "1x", "18446744073709551616"}) {
    EXPECT_EQ(read_infer_request("{}", length, one_float_input(), {}, nullptr).error().code(), kBinarySizes) << length;
  }
}

TEST(InferRequestBody, RefusesShapesThatCannotBe) {
  const auto input = [](std::string_view shape) {
    return std::string(R"({"inputs":[{"name":"x","shape":)") + std::string(shape) + R"(,"datatype":"FP32","data":[1,2]}]})";
  };
  EXPECT_EQ(error(input("[1,-2]")), kFieldRange);
  EXPECT_EQ(error(input("[4611686018427387904,4611686018427387904]")), kFieldRange);
  EXPECT_EQ(error(input("[1.5]")), kFieldType);
  EXPECT_EQ(error(input("[1]")), tensors::kTensorShapeMismatch);
  EXPECT_EQ(error(input("[2,1]")), kInputMismatch);
}

TEST(InferRequestBody, RefusesTheRestOfTheHardeningList) {
  EXPECT_EQ(error(R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP99","data":[1,2]}]})"), kFieldRange);
  EXPECT_EQ(error(R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"INT32","data":[1,2]}]})"), kInputMismatch);
  EXPECT_EQ(error(R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32"}]})"), kFieldMissing);
  EXPECT_EQ(error(R"({"inputs":[]})"), kInputMissing);
  EXPECT_EQ(
      error(
          R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]},{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]})"),
      kFieldConflict);
  EXPECT_EQ(error(R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}],"outputs":[{"name":"y"},{"name":"y"}]})"),
            kFieldConflict);
  EXPECT_EQ(error(R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}],"outputs":[{"name":"w"}]})"), kInputUnknown);
  EXPECT_EQ(error(R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}],"parameters":{"sequence_id":1}})"),
            kFieldNotSupported);
}

formats::ModelDescription two_inputs() {
  auto description = one_float_input();
  description.inputs.push_back({.name = "mask", .dtype = DType::kInt64, .shape = {-1, 2}});
  description.inputs.push_back({.name = "note", .dtype = DType::kString, .shape = {-1}, .is_optional = true});
  return description;
}

TEST(InferRequestBody, AnErrorNamesTheInputAndItsField) {
  const std::string x = R"({"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]},)";
  const struct {
    std::string inputs, field, named;
  } cases[] = {
      {x + R"({"name":"mask","shape":[1,2],"datatype":"INT64","data":[1]})", "inputs[1].data", "'mask'"},
      {x + R"({"name":"mask","shape":[1,2],"datatype":"INT64","data":[1,"a"]})", "inputs[1].data", "'mask'"},
      {x + R"({"name":"mask","shape":[1,2],"datatype":"INT64","data":[1,1e400]})", "inputs[1].data", "'mask'"},
      {x + R"({"name":"mask","shape":[1,3],"datatype":"INT64","data":[1,2,3]})", "inputs[1].shape", "'mask'"},
      {x + R"({"name":"mask","shape":[1,2],"datatype":"INT32","data":[1,2]})", "inputs[1].datatype", "'mask'"},
      {x + R"({"name":"mask","shape":[1,2],"datatype":"INT64"})", "inputs[1].data", "'mask'"},
      {x + R"({"name":"task","shape":[1,2],"datatype":"INT64","data":[1,2]})", "inputs[1].name", "'task'"},
      {x + R"({"name":"mask","shape":[1,2],"datatype":"INT64","parameters":{"binary_data_size":16}})",
       "inputs[1].parameters.binary_data_size", "'mask'"},
      {R"({"name":"x","shape":[1,2],"datatype":"FP32","data":[1,1e400]})", "inputs[0].data", "'x'"},
      {R"({"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]})", "inputs", "'mask'"},
      {x + R"({"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]})", "inputs", "'x'"},
  };
  for (const auto& one : cases) {
    const auto refused = read("{\"inputs\":[" + one.inputs + "]}", {}, two_inputs());
    ASSERT_FALSE(refused) << one.inputs;
    EXPECT_EQ(refused.error().field(), one.field) << refused.error().message();
    EXPECT_TRUE(refused.error().message().contains(one.named)) << refused.error().message();
  }
}

TEST(InferRequestBody, AnErrorInBinaryNamesTheInputAndItsField) {
  const auto sized = [](const char* name, const char* datatype, const char* shape, int bytes) {
    return fmt::format(R"({{"inputs":[{{"name":"{}","shape":{},"datatype":"{}","parameters":{{"binary_data_size":{}}}}}]}})", name, shape,
                       datatype, bytes);
  };
  for (const auto& json : {sized("x", "FP32", "[1,2]", 4), sized("x", "FP32", "[1,2]", 400), sized("note", "BYTES", "[2]", 8)}) {
    const auto refused = read(json, std::string(8, '\x07'), two_inputs());
    ASSERT_FALSE(refused) << json;
    EXPECT_EQ(refused.error().code(), kBinarySizes);
    EXPECT_EQ(refused.error().field(), "inputs[0].parameters.binary_data_size") << refused.error().message();
    EXPECT_TRUE(refused.error().message().contains(json.contains("note") ? "'note'" : "'x'")) << refused.error().message();
  }
  const auto raw = read_infer_request("12345", "0", one_float_input(), {}, nullptr);
  EXPECT_EQ(raw.error().field(), "inputs[0]");
  EXPECT_TRUE(raw.error().message().contains("'x'")) << raw.error().message();
  EXPECT_EQ(read_infer_request("12345678", "0", two_inputs(), {}, nullptr).error().field(), "inputs");
  EXPECT_EQ(read_infer_request("{}", "9", two_inputs(), {}, nullptr).error().field(), "Inference-Header-Content-Length");
}

TEST(InferRequestBody, ReadsUrgencyFromItsParameters) {
  const auto with = [](const std::string& parameters) {
    return read(R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}],"parameters":)" + parameters + "}");
  };
  EXPECT_EQ(with(R"({"priority":"high","timeout_ms":30})")->urgency.priority, scheduling::Priority::kHigh);
  EXPECT_EQ(with(R"({"timeout_ms":30})")->urgency.timeout, std::chrono::milliseconds(30));
  EXPECT_EQ(with(R"({"timeout":1500})")->urgency.timeout, std::chrono::milliseconds(2));
  EXPECT_FALSE(with(R"({"timeout":0})")->urgency.timeout);
  EXPECT_EQ(with(R"({"timeout":1,"timeout_ms":1})").error().code(), kFieldConflict);
  EXPECT_EQ(with(R"({"priority":2})").error().field(), "parameters.priority");
}

TEST(InferAnswerBody, PutsBinaryTensorsBehindTheJson) {
  InferRequest request;
  request.outputs = {{.name = "y", .binary = true}, {.name = "z", .binary = false}};
  tensors::NamedTensors outputs;
  outputs.push_back({"y", tensors::Tensor::of<float>({2}, {1, 2})});
  outputs.push_back({"z", tensors::Tensor::of<float>({1, 1}, {0.5F})});
  const auto answer = write_infer_answer("m", "1", request, outputs).value();
  ASSERT_TRUE(answer.header_length);
  EXPECT_EQ(answer.body.substr(*answer.header_length), bytes_of({1, 2}));
  EXPECT_EQ(
      answer.body.substr(0, *answer.header_length),
      R"({"model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8}},)"
      R"({"name":"z","datatype":"FP32","shape":[1,1],"data":[0.5]}]})");
  EXPECT_FALSE(write_infer_answer("m", "1", {}, outputs)->header_length);
}

TEST(InferRequestBody, TakesTheMembersThatClientsRepeat) {
  const auto request =
      read(R"({"id":null,"model_name":"iris","model_version":"2","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]})");
  ASSERT_TRUE(request) << request.error().to_string();
  EXPECT_EQ(request->model_name, "iris");
  EXPECT_EQ(request->model_version, "2");
  EXPECT_EQ(error(R"({"model_name":3,"inputs":[]})"), kFieldType);
}

TEST(InferRequestBody, RefusesSharedMemory) {
  EXPECT_EQ(
      error(
          R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8}}]})"),
      kFieldNotSupported);
  const auto request = read(R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}],)"
                            R"("outputs":[{"name":"y","parameters":{"shared_memory_region":"r"}}]})");
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().code(), kFieldNotSupported);
  EXPECT_EQ(request.error().field(), "outputs[0].parameters.shared_memory_region");
}

TEST(InferRequestBody, AScalarMayComeAsARowOfOneAndTheOtherWayRound) {
  const auto shape = [](tensors::Shape wanted, const std::string& given, bool has_shape = true) {
    formats::ModelDescription description;
    description.inputs.push_back({.name = "x", .dtype = DType::kFloat32, .shape = std::move(wanted), .has_shape = has_shape});
    const auto request = read(R"({"inputs":[{"name":"x","shape":)" + given + R"(,"datatype":"FP32","data":[3]}]})", {}, description);
    return request ? tensors::to_string(request->inputs.at(0).tensor.shape()) : std::string(request.error().code().name);
  };
  EXPECT_EQ(shape({}, "[1]"), tensors::to_string({}));
  EXPECT_EQ(shape({}, "[]"), tensors::to_string({}));
  EXPECT_EQ(shape({1}, "[]"), tensors::to_string({1}));
  EXPECT_EQ(shape({-1}, "[]"), tensors::to_string({1}));
  EXPECT_EQ(shape({}, "[1,1]"), kInputMismatch.name);
  EXPECT_EQ(shape({2}, "[]"), kInputMismatch.name);
  EXPECT_EQ(shape({}, "[1,1]", false), tensors::to_string({1, 1})) << "a file that states no shape takes any";
}

TEST(InferAnswerBody, BytesThatAreNotTextNeedABinaryOutput) {
  tensors::NamedTensors outputs;
  outputs.push_back({"y", tensors::Tensor::from_strings({2}, {"a", "\xff\xfe"}).value()});
  const auto refused = write_infer_answer("m", "1", {}, outputs);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), tensors::kArrayNotText);
  EXPECT_EQ(refused.error().field(), "outputs.y");
  const auto answer = write_infer_answer("m", "1", {.all_binary = true}, outputs);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->body.ends_with(std::string("\1\0\0\0a\2\0\0\0\xff\xfe", 11)));
}

TEST(InferAnswerBody, ClassifiesAsTritonDoes) {
  const auto answer = [](const tensors::Tensor& scores, std::uint32_t classes, std::vector<std::string> labels = {}) {
    InferRequest request;
    request.outputs = {{.name = "y", .binary = false, .classes = classes}};
    const auto written = write_infer_answer("m", "1", request, {{"y", scores}}, labels);
    return written ? written->body.substr(written->body.find("[{")) : std::string(written.error().code().name);
  };
  const auto scores = tensors::Tensor::of<float>({2, 3}, {0.25F, 3, 2, 9, 8, 7});
  EXPECT_EQ(
      answer(scores, 2, {"cat", "dog", "owl"}),
      R"([{"name":"y","datatype":"BYTES","shape":[2,2],"data":["3.000000:1:dog","2.000000:2:owl","9.000000:0:cat","8.000000:1:dog"]}]})");
  EXPECT_EQ(answer(tensors::Tensor::of<float>({3}, {1, 5, 4}), 9),
            R"([{"name":"y","datatype":"BYTES","shape":[3],"data":["5.000000:1","4.000000:2","1.000000:0"]}]})");
  EXPECT_EQ(answer(tensors::Tensor::of<float>({1, 2}, {1, std::numeric_limits<float>::quiet_NaN()}), 2), tensors::kScoreNotFinite.name);
  EXPECT_EQ(answer(tensors::Tensor::of<float>({}, {1}), 2), kFieldRange.name);
}

}  // namespace
}  // namespace forebay::http::oip

#include "formats/read_model.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/errors.h"
#include "base/ids.h"
#include "formats/errors.h"
#include "formats/recognise.h"
#include "formats/testing/gguf_writer.h"
#include "formats/testing/tiny_models.h"

namespace forebay::formats {
namespace {

using namespace std::string_view_literals;

class ReadModel : public ::testing::Test {
 protected:
  ReadModel() : folder_(std::filesystem::temp_directory_path() / make_id("read")) { std::filesystem::create_directories(folder_); }
  ~ReadModel() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  std::filesystem::path write(std::string_view name, std::string_view content) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  static std::string verdict(const std::filesystem::path& path) {
    const auto model = read_model(path);
    return model ? "accepted" : std::string(model.error().code().name);
  }
  std::filesystem::path folder_;
};

TEST_F(ReadModel, RecognisesByContentAndReportsALyingExtension) {
  EXPECT_TRUE(read_model(write("a.gguf", tiny_bert().bytes()))->warnings.empty());
  EXPECT_TRUE(read_model(write("a.onnx", add_one_model()))->warnings.empty());
  EXPECT_TRUE(read_model(write("blob", add_one_model()))->warnings.empty());
  EXPECT_TRUE(read_model(write("A.ONNX", add_one_model()))->warnings.empty());
  const auto model = read_model(write("b.gguf", add_one_model()));
  ASSERT_TRUE(model);
  EXPECT_EQ(model->format, Format::kOnnx);
  ASSERT_EQ(model->warnings.size(), 1U);
  EXPECT_EQ(model->warnings[0].code, "extension_mismatch");
}

TEST_F(ReadModel, SaysWhatAForeignFileIs) {
  const std::pair<std::string_view, std::string_view> files[] = {
      {"PK\x03\x04xxxxxxxxxxxx"sv, "ZIP"},
      {"\x89HDF\r\n\x1a\n"sv, "HDF5"},
      {"\x80\x04\x95xxxxxxx"sv, "pickle"},
      {"cposix\nsystem\n(S'id'\ntR."sv, "pickle"},
      {"\x1f\x8b\x08xxxxxxx"sv, "gzip"},
      {"\x10\0\0\0\0\0\0\0{\"a\":{}}        "sv, "safetensors"},
      {"{\"learner\":{\"attributes\":{}}}"sv, "XGBoost"},
      {"{L\0\0\0\0\0\0\0\x07learner{"sv, "XGBoost"},
      {"binf\0\0\0\x3f"sv, "XGBoost"},
      {"tree\nversion=v4\n"sv, "LightGBM"},
      {"\x82\xa8metadata\x85"sv, "MessagePack"},
      {"NRUB\1\0"sv, "Burn pack"},
      {"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"sv, "PNG"},
      {"\xff\xd8\xff\xe0\0\x10JFIF"sv, "JPEG"},
      {"\x7f"
       "ELF\2\1\1"sv,
       "ELF"},
      {" \n<!DOCTYPE html><html>"sv, "HTML"},
      {"<HTML>"sv, "HTML"},
      {"{\"config\": 1}"sv, "JSON"},
      {"tjgg\1\0\0\0"sv, "GGML"},
  };
  for (const auto& [content, name] : files) {
    const auto model = read_model(write("file.gguf", content));
    ASSERT_FALSE(model) << name;
    EXPECT_EQ(model.error().code(), kFormatNotSupported) << name;
    EXPECT_NE(model.error().message().find(name), std::string::npos) << model.error().message();
  }
}

TEST_F(ReadModel, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(verdict(write("a.onnx", "hello, I am a text")), "format_not_recognised");
  EXPECT_EQ(verdict(write("b.gguf", "GGU")), "format_not_recognised");
  EXPECT_EQ(verdict(write("c.onnx", std::string(1000, '\0'))), "format_not_recognised");
  EXPECT_EQ(verdict(write("d.onnx", "")), "file_empty");
  EXPECT_EQ(verdict(write("e.onnx", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")), "git_lfs_pointer");
  EXPECT_EQ(verdict(write("f.gguf", "GGUF")), "gguf_truncated");
  EXPECT_EQ(verdict(write("g.onnx", add_one_model().substr(0, 40))), "onnx_malformed");
  EXPECT_EQ(verdict(folder_ / "absent.onnx"), "file_not_found");
}

TEST_F(ReadModel, HoldsTheFileSizeLimit) {
  const auto content = add_one_model();
  const auto path = write("a.onnx", content);
  EXPECT_TRUE(read_model(path, {.file_bytes_max = content.size()}));
  EXPECT_EQ(read_model(path, {.file_bytes_max = content.size() - 1}).error().code(), kFileTooLarge);
}

TEST_F(ReadModel, ReadsTheOnlyModelOfAFolder) {
  write("README.md", "# A model");
  EXPECT_EQ(verdict(folder_), "folder_without_model");
  write("model.onnx", external_data_model("model.bin"));
  write("model.bin", std::string(16, '\0'));
  const auto model = read_model(folder_);
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->external_files, (std::vector<std::string>{"model.bin"}));
  write("model.weights", add_one_model());  // Content of a model, name of something else: the usual name wins.
  EXPECT_EQ(verdict(folder_), "accepted");
  write("other.gguf", tiny_llama().bytes());
  EXPECT_EQ(verdict(folder_), "folder_with_several_models");
}

TEST_F(ReadModel, FindsExternalDataOfAFileInTheWorkingDirectory) {
  write("model.onnx", external_data_model("model.bin"));
  write("model.bin", std::string(16, '\0'));
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  EXPECT_EQ(verdict("model.onnx"), "accepted");
  std::filesystem::current_path(before);
}

TEST_F(ReadModel, RecognisesFromTheFirstBytesOnly) {
  const auto recognised = [](std::string_view content) {
    const auto bytes = std::as_bytes(std::span(content));
    return recognise(bytes.first(std::min(bytes.size(), kRecognitionBytes)), bytes.size());
  };
  EXPECT_EQ(recognised(tiny_llama().bytes()), Format::kGguf);
  EXPECT_EQ(recognised(add_one_model()), Format::kOnnx);
  EXPECT_EQ(recognised(slow_loop_model()), Format::kOnnx);  // Longer than 512 bytes.
  EXPECT_EQ(recognised(""), Format::kUnknown);
  EXPECT_EQ(recognised("\x08"), Format::kUnknown);
  EXPECT_EQ(recognised("\x08\x00"sv), Format::kUnknown);
}

TEST_F(ReadModel, DescriptionsSurviveJson) {
  for (const auto& content : {tiny_llama().text("tokenizer.chat_template", "{{ \"x\" }}\n").bytes(), tiny_bert().bytes(), linear_model(),
                              zip_map_model(), custom_operator_model(), scalar_model()}) {
    const auto model = read_model(write("model", content));
    ASSERT_TRUE(model) << model.error().to_string();
    const auto json = to_json(*model);
    const auto again = description_from_json(json);
    ASSERT_TRUE(again) << again.error().to_string() << json;
    EXPECT_EQ(to_json(*again), json);
    EXPECT_EQ(again->format, model->format);
    EXPECT_EQ(again->task, model->task);
    EXPECT_EQ(again->text.has_value(), model->text.has_value());
    EXPECT_EQ(again->inputs.size(), model->inputs.size());
  }
}

TEST_F(ReadModel, RefusesJsonThatIsNoDescription) {
  for (const std::string_view json : {"", "{", "[]", "null", R"({"format":"pickle"})", R"({"surprise":1})", R"({"parameters":-1})",
                                      R"({"inputs":[{"name":"x","shape":[1],"dimension_names":[]}]})"}) {
    const auto model = description_from_json(json);
    ASSERT_FALSE(model) << json;
    EXPECT_EQ(model.error().code(), kDescriptionMalformed) << json;
  }
}

TEST_F(ReadModel, EveryCodeIsInTheRoomsRangeAndInOrder) {
  std::uint16_t last = 999;
  for (const auto* code : kFormatsErrors) {
    EXPECT_GT(code->number, last);
    EXPECT_LT(code->number, 1100);
    EXPECT_FALSE(code->hint.empty());
    EXPECT_TRUE(code->meaning.ends_with('.'));
    last = code->number;
  }
  EXPECT_EQ(kGgufTensorOutOfBounds.number, 1042);
}

TEST_F(ReadModel, DescribesTheExampleModels) {
  const std::filesystem::path examples = FOREBAY_EXAMPLE_MODELS;
  const auto chat = read_model(examples / "chat.gguf");
  ASSERT_TRUE(chat) << chat.error().to_string();
  EXPECT_EQ(chat->task, Task::kTextGeneration);
  EXPECT_FALSE(chat->text->chat_templates.empty());
  const auto embed = read_model(examples / "embed.gguf");
  ASSERT_TRUE(embed) << embed.error().to_string();
  EXPECT_EQ(embed->task, Task::kEmbedding);
  const auto digits = read_model(examples / "digits.onnx");
  ASSERT_TRUE(digits) << digits.error().to_string();
  EXPECT_TRUE(digits->batchable);
  const auto wine = read_model(examples / "wine.onnx");
  ASSERT_TRUE(wine) << wine.error().to_string();
  EXPECT_EQ(wine->task, Task::kTensors);
}

}  // namespace
}  // namespace forebay::formats

#include "formats/gguf_split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "formats/read_model.h"
#include "formats/testing/gguf_writer.h"

namespace forebay::formats {
namespace {
namespace fs = std::filesystem;

constexpr std::int32_t kTensors = 21;  // of tiny_llama()

// tiny_llama() in three files: the metadata alone, then the first layer, then the rest.
class SplitModel : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "forebay-split-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    write(1, first());
    write(2, part(1).tensor("token_embd.weight", {8, 6}).tensor("output_norm.weight", {8}).tensor("output.weight", {8, 6}));
    write(3, layers(part(2)));
  }
  void TearDown() override {
    std::error_code none;
    fs::remove_all(folder_, none);
  }

  static GgufWriter first() {
    auto file = tiny_llama();
    for (const char* name : {"token_embd.weight", "output_norm.weight", "output.weight"}) file.without_tensor(name);
    for (int layer = 0; layer < 2; ++layer)
      for (const char* name : {"attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down"})
        file.without_tensor("blk." + std::to_string(layer) + "." + name + ".weight");
    return split(std::move(file), 0);
  }
  static GgufWriter part(std::uint32_t number) { return split(GgufWriter(), number); }
  static GgufWriter split(GgufWriter file, std::uint32_t number) {
    return file.uint32("split.no", number).uint32("split.count", 3).int32("split.tensors.count", kTensors);
  }
  static GgufWriter layers(GgufWriter file) {
    for (int layer = 0; layer < 2; ++layer) {
      const auto name = [&](std::string_view what) { return "blk." + std::to_string(layer) + "." + std::string(what) + ".weight"; };
      file.tensor(name("attn_norm"), {8}).tensor(name("attn_q"), {8, 8}).tensor(name("attn_k"), {8, 4}).tensor(name("attn_v"), {8, 4});
      file.tensor(name("attn_output"), {8, 8}).tensor(name("ffn_norm"), {8});
      file.tensor(name("ffn_gate"), {8, 16}).tensor(name("ffn_up"), {8, 16}).tensor(name("ffn_down"), {16, 8});
    }
    return file;
  }
  fs::path path(std::uint32_t number) const { return folder_ / GgufPartName{"model", number, 3}.file_name(); }
  void write(std::uint32_t number, const GgufWriter& file) const { std::ofstream(path(number), std::ios::binary) << file.bytes(); }
  std::string verdict(std::uint32_t number = 1) const {
    const auto read = read_model(path(number));
    return read ? "accepted" : std::string(read.error().code().name) + ": " + read.error().message();
  }

  fs::path folder_;
};

TEST_F(SplitModel, ItsPartsAreOneModel) {
  const auto model = read_model(path(1));
  ASSERT_TRUE(model) << model.error().to_log_string();
  EXPECT_THAT(model->external_files, testing::ElementsAre("model-00002-of-00003.gguf", "model-00003-of-00003.gguf"));
  EXPECT_EQ(model->file_bytes, fs::file_size(path(1)) + fs::file_size(path(2)) + fs::file_size(path(3)));
  EXPECT_EQ(model->text->layers, 2U);
  EXPECT_GT(model->parameters, 0U);
}

TEST_F(SplitModel, AMissingPartIsNamed) {
  fs::remove(path(3));
  EXPECT_EQ(verdict(), "gguf_part_missing: the part 'model-00003-of-00003.gguf' is missing");
}

TEST_F(SplitModel, ALaterPartSaysWhereTheModelBegins) {
  EXPECT_EQ(verdict(2), "gguf_split: the file is part 2 of 3; the model begins with 'model-00001-of-00003.gguf'");
}

TEST_F(SplitModel, AFileOfAnotherModelIsNamed) {
  write(2, part(2).tensor("token_embd.weight", {8, 6}));
  EXPECT_EQ(verdict(), "gguf_part_foreign: the file 'model-00002-of-00003.gguf' is not part 2 of this model");
  write(2, GgufWriter().text("general.architecture", "llama").tensor("token_embd.weight", {8, 6}));
  EXPECT_THAT(verdict(), testing::StartsWith("gguf_part_foreign"));
  std::ofstream(path(2)) << "something else";
  EXPECT_EQ(verdict(), "gguf_part_foreign: the part 'model-00002-of-00003.gguf' is no GGUF file");
}

TEST_F(SplitModel, ATensorInTwoPartsIsNamed) {
  write(2, part(1).tensor("token_embd.weight", {8, 6}).tensor("blk.0.attn_norm.weight", {8}).tensor("output.weight", {8, 6}));
  EXPECT_THAT(verdict(), testing::AllOf(testing::StartsWith("gguf_part_foreign"), testing::HasSubstr("blk.0.attn_norm.weight")));
}

TEST_F(SplitModel, TooFewTensorsInAllAreRefused) {
  write(2, part(1).tensor("token_embd.weight", {8, 6}).tensor("output_norm.weight", {8}));
  EXPECT_EQ(verdict(), "gguf_part_foreign: the parts have 20 tensors together, and the first says 21");
}

TEST_F(SplitModel, ADamagedPartIsNamed) {
  fs::resize_file(path(3), fs::file_size(path(3)) - 512);
  EXPECT_THAT(verdict(), testing::StartsWith("gguf_tensor_out_of_bounds: in the part 'model-00003-of-00003.gguf'"));
}

TEST_F(SplitModel, AnotherNameIsRefusedWithTheOneItNeeds) {
  fs::rename(path(1), folder_ / "model.gguf");
  const auto read = read_model(folder_ / "model.gguf");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message(), "the file is one of 3 parts and must be named like one: NAME-00001-of-00003.gguf");
}

TEST_F(SplitModel, ImpossibleNumbersOfPartsAreRefused) {
  auto file = tiny_llama();
  write(1, file.uint32("split.count", 4'000'000'000U));
  EXPECT_THAT(verdict(), testing::StartsWith("gguf_limit_exceeded"));
}

TEST(GgufPartName, IsReadExactly) {
  const auto name = gguf_part_name_of("big-model-00002-of-00010.gguf").value();
  EXPECT_EQ(name.model, "big-model");
  EXPECT_EQ(name.number, 2U);
  EXPECT_EQ(name.count, 10U);
  EXPECT_EQ(name.file_name(), "big-model-00002-of-00010.gguf");
  for (const char* other : {"big.gguf", "big-00000-of-00003.gguf", "big-00004-of-00003.gguf", "-00001-of-00003.gguf", "big-1-of-3.gguf",
                            "big-00001-of-00003.onnx", "big_00001-of-00003.gguf", ""})
    EXPECT_FALSE(gguf_part_name_of(other)) << other;
}

}  // namespace
}  // namespace forebay::formats

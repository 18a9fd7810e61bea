#include "models/split_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace forebay::models {
namespace {

TEST(SplitModels, OneFileAModelStays) {
  std::vector<std::filesystem::path> files = {"a/big-00001-of-00002.gguf", "a/big-00002-of-00002.gguf", "a/digits.onnx",
                                              "b/big-00002-of-00002.gguf", "a/big-00002-of-00003.gguf", "a/big-00003-of-00003.gguf"};
  keep_first_parts(files);
  EXPECT_THAT(files,
              testing::ElementsAre("a/big-00001-of-00002.gguf", "a/digits.onnx", "b/big-00002-of-00002.gguf", "a/big-00002-of-00003.gguf"));
}

TEST(SplitModels, TheOrderOfACommandLineDoesNotMatter) {
  std::vector<ModelSource> sources = {{"big", "1", "big-00002-of-00002.gguf"}, {"big", "1", "big-00001-of-00002.gguf"}};
  keep_first_parts(sources);
  ASSERT_EQ(sources.size(), 1U);
  EXPECT_EQ(sources.front().path, "big-00001-of-00002.gguf");
}

TEST(SplitModels, TheNameIsThatOfTheWholeModel) {
  EXPECT_EQ(stem_of("folder/big-model-00001-of-00012.gguf"), "big-model");
  EXPECT_EQ(stem_of("chat.gguf"), "chat");
  EXPECT_EQ(stem_of("chat-1-of-2.gguf"), "chat-1-of-2");
}

}  // namespace
}  // namespace forebay::models

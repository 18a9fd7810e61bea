#include "http/cohere/embedding_types.h"

#include <gtest/gtest.h>

namespace forebay::http::cohere {
namespace {

using Numbers = std::vector<int>;

TEST(EmbeddingTypes, HaveTheirNames) {
  for (const char* name : {"float", "base64", "int8", "uint8", "binary", "ubinary"}) EXPECT_EQ(name_of(*embedding_type_named(name)), name);
  EXPECT_FALSE(embedding_type_named("Float"));
  EXPECT_FALSE(embedding_type_named(""));
}

TEST(EmbeddingTypes, IntegersAreTheNumbersTimes127) {
  const std::vector<float> vector{1, -1, 0, 0.5F, -0.004F, 1.5F};
  EXPECT_EQ(quantised(vector, EmbeddingType::kInt8), (Numbers{127, -127, 0, 64, -1, 127}));
  EXPECT_EQ(quantised(vector, EmbeddingType::kUint8), (Numbers{255, 1, 128, 192, 127, 255}));
}

// The bytes are those of numpy.packbits([1, 0, 1, 0, 0, 0, 0, 0, 0, 1]).
TEST(EmbeddingTypes, BitsAreTheSignsFirstInTheHighest) {
  const std::vector<float> vector{0.1F, -0.1F, 0.2F, 0, 0, -1, -1, -1, -1, 0.3F};
  EXPECT_EQ(quantised(vector, EmbeddingType::kUbinary), (Numbers{0xA0, 0x40}));
  EXPECT_EQ(quantised(vector, EmbeddingType::kBinary), (Numbers{0xA0 - 128, 0x40 - 128}));
}

TEST(EmbeddingTypes, AreWrittenAsNumbersOrText) {
  const auto written = [](EmbeddingType type) {
    JsonWriter json;
    write_as(json, {1, -1}, type);
    return json.take();
  };
  EXPECT_EQ(written(EmbeddingType::kFloat), "[1,-1]");
  EXPECT_EQ(written(EmbeddingType::kBase64), "\"AACAPwAAgL8=\"");
  EXPECT_EQ(written(EmbeddingType::kInt8), "[127,-127]");
  EXPECT_EQ(written(EmbeddingType::kUbinary), "[128]");
}

}  // namespace
}  // namespace forebay::http::cohere

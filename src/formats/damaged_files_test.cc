// Random damage to sound files: whatever a reader still accepts must be a description that JSON carries unchanged.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "formats/gguf_reader.h"
#include "formats/onnx_reader.h"
#include "formats/read_model.h"
#include "formats/testing/gguf_writer.h"
#include "formats/testing/tiny_models.h"

namespace forebay::formats {
namespace {

struct Sample {
  std::string bytes;
  bool is_gguf;
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> kSamples{{tiny_llama().text("tokenizer.chat_template", "{{ x }}").bytes(), true},
                                            {tiny_bert().bytes(), true},
                                            {tiny_gpt2().bytes(), true},
                                            {linear_model(), false},
                                            {zip_map_model(), false},
                                            {slow_loop_model(), false},
                                            {external_data_model("weights.bin"), false},
                                            {concat_model(), false}};
  return kSamples;
}

Result<ModelDescription> read(const Sample& sample) {
  const auto bytes = std::as_bytes(std::span(sample.bytes));
  return sample.is_gguf ? read_gguf(bytes, {}) : read_onnx(bytes, {}, std::nullopt);
}

void require_sound(const Result<ModelDescription>& description) {
  if (!description) {
    RC_ASSERT(!description.error().message().empty());
    return;
  }
  const auto json = to_json(*description);
  const auto again = description_from_json(json);
  RC_ASSERT(again.has_value());
  RC_ASSERT(to_json(*again) == json);
}

Sample any_sample() { return samples()[*rc::gen::inRange<std::size_t>(0, samples().size())]; }

TEST(DamagedFiles, TruncatedAnywhereAreRefusedOrStillDescribed) {
  EXPECT_TRUE(rc::check([] {
    auto sample = any_sample();
    sample.bytes.resize(*rc::gen::inRange<std::size_t>(0, sample.bytes.size()));
    require_sound(read(sample));
  }));
}

TEST(DamagedFiles, WithFlippedBytesAreRefusedOrStillDescribed) {
  EXPECT_TRUE(rc::check([] {
    auto sample = any_sample();
    // Most damage that matters is in the header, before the weights.
    const auto reach = *rc::gen::element<std::size_t>(64, 512, sample.bytes.size());
    const auto flips = *rc::gen::inRange(1, 6);
    for (int i = 0; i < flips; ++i) {
      sample.bytes[*rc::gen::inRange<std::size_t>(0, std::min(reach, sample.bytes.size()))] =
          static_cast<char>(*rc::gen::arbitrary<std::uint8_t>());
    }
    require_sound(read(sample));
  }));
}

TEST(DamagedFiles, WithBytesMovedAreRefusedOrStillDescribed) {
  EXPECT_TRUE(rc::check([] {
    auto sample = any_sample();
    const auto at = *rc::gen::inRange<std::size_t>(0, sample.bytes.size());
    const auto length = *rc::gen::inRange<std::size_t>(0, 16);
    if (*rc::gen::arbitrary<bool>()) {
      sample.bytes.erase(at, length);
    } else {
      sample.bytes.insert(at, sample.bytes.substr(at, length));
    }
    require_sound(read(sample));
  }));
}

}  // namespace
}  // namespace forebay::formats

#include "engines/onnx/row_quantization.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>

#include "engines/onnx/onnx_environment.h"
#include "formats/onnx_graph_builder.h"

namespace forebay::engines {
namespace {

using formats::OnnxGraphBuilder;
using tensors::DType;

// x [rows, 4] -> the quantized numbers, the scales, and what they stand for plus a bias of 0.5.
struct Quantized {
  std::vector<std::uint8_t> numbers;
  std::vector<float> scales;
  std::vector<float> restored;
};

Quantized quantized(std::vector<float> x) {
  static Ort::Session session = [] {
    Ort::Env& environment = onnx_environment();
    OnnxGraphBuilder model("rows");
    auto bias = tensors::Tensor::of<float>({4}, {0.5F, 0.5F, 0.5F, 0.5F});
    model.opset(kRowsDomain, 1).input("x", DType::kFloat32, {"rows", 4}).initialiser("bias", bias);
    model.initialiser("zero", tensors::Tensor::of<float>({}, {128.0F}));
    model.node(kQuantizeRows, {"x"}, {"q", "s"}, {}, kRowsDomain)
        .node("Cast", {"q"}, {"f"}, {{"to", std::int64_t{1}}})
        .node("Sub", {"f", "zero"}, {"c"})
        .node(kScaleRows, {"c", "s", "bias"}, {"y"}, {}, kRowsDomain)
        .output("q", DType::kUint8, {"rows", 4})
        .output("s", DType::kFloat32, {"rows", 1})
        .output("y", DType::kFloat32, {"rows", 4});
    const std::string bytes = model.build();
    return Ort::Session(environment, bytes.data(), bytes.size(), session_options_for(1));
  }();
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  const std::array<std::int64_t, 2> shape{static_cast<std::int64_t>(x.size() / 4), 4};
  const auto input = Ort::Value::CreateTensor<float>(memory, x.data(), x.size(), shape.data(), shape.size());
  const char* const in[] = {"x"};
  const char* const out[] = {"q", "s", "y"};
  const auto values = session.Run(Ort::RunOptions(), in, &input, 1, out, 3);
  Quantized found;
  found.numbers.assign(values[0].GetTensorData<std::uint8_t>(), values[0].GetTensorData<std::uint8_t>() + x.size());
  found.scales.assign(values[1].GetTensorData<float>(), values[1].GetTensorData<float>() + x.size() / 4);
  found.restored.assign(values[2].GetTensorData<float>(), values[2].GetTensorData<float>() + x.size());
  return found;
}

TEST(RowQuantization, EveryRowHasItsOwnScale) {
  const auto found = quantized({127, -127, 1, 0, 1'270, 10, -635, 5, 0, 0, 0, 0});
  EXPECT_EQ(found.numbers, (std::vector<std::uint8_t>{255, 1, 129, 128, 255, 129, 65, 129, 128, 128, 128, 128}));
  EXPECT_EQ(found.scales, (std::vector<float>{1, 10, 0}));
  EXPECT_EQ(found.restored[0], 127.5F);
  EXPECT_EQ(found.restored[11], 0.5F);
}

TEST(RowQuantization, ARowIsTheSameWhateverIsBesideItAndNearWhatItWas) {
  EXPECT_TRUE(rc::check("rows", [] {
    std::vector<float> x;
    const auto rows = *rc::gen::inRange<std::size_t>(1, 6);
    for (std::size_t i = 0; i < 4 * rows; ++i) x.push_back(static_cast<float>(*rc::gen::inRange(-100'000, 100'000)) / 997.0F);
    const auto together = quantized(x);
    for (std::size_t row = 0; row < rows; ++row) {
      const std::vector<float> own(x.begin() + static_cast<std::ptrdiff_t>(4 * row), x.begin() + static_cast<std::ptrdiff_t>(4 * row + 4));
      const auto alone = quantized(own);
      RC_ASSERT(alone.scales[0] == together.scales[row]);
      for (std::size_t i = 0; i < 4; ++i) {
        RC_ASSERT(alone.numbers[i] == together.numbers[4 * row + i]);
        RC_ASSERT(std::abs(together.restored[4 * row + i] - 0.5F - own[i]) <= 0.51F * together.scales[row] + 1e-4F);
      }
    }
  }));
}

TEST(RowQuantization, ARowThatIsNotFiniteIsNotANumber) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto found = quantized({1, 2, infinity, 3, 1, nan, 2, 3, 4, 3, 2, 1});
  for (std::size_t i = 0; i < 8; ++i) EXPECT_TRUE(std::isnan(found.restored[i])) << i;
  EXPECT_NEAR(found.restored[8], 4.5F, 1e-5F);
}

}  // namespace
}  // namespace forebay::engines

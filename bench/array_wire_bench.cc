// A picture of 150,528 floats on the wire: our JSON against glaze, and against the same numbers as
// bytes. The engine has no part in it: text or bytes to a tensor, and back.
#include <benchmark/benchmark.h>

#include <cmath>
#include <glaze/glaze.hpp>
#include <memory>

#include "tensors/array_json.h"

namespace {

using namespace forebay::tensors;

const Shape kShape = {1, 3, 224, 224};

Tensor picture() {
  std::vector<float> values(150'528);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i));
  return Tensor::of<float>(kShape, values);
}

std::string text() {
  std::string json;
  append_json(json, picture().reshaped({150'528}).value()).value();
  return json;
}

void BM_ReadJson(benchmark::State& state) {
  const std::string json = text();
  for (auto _ : state) benchmark::DoNotOptimize(tensor_from_json(json, DType::kFloat32, kShape, NanPolicy::kRefuse));
}
BENCHMARK(BM_ReadJson)->Unit(benchmark::kMillisecond);

void BM_ReadJsonWithGlaze(benchmark::State& state) {
  const std::string json = text();
  for (auto _ : state) {
    std::vector<float> values;
    if (glz::read_json(values, json)) state.SkipWithError("not read");
    benchmark::DoNotOptimize(values);
  }
}
BENCHMARK(BM_ReadJsonWithGlaze)->Unit(benchmark::kMillisecond);

void BM_ReadBinary(benchmark::State& state) {
  const Tensor tensor = picture();
  const auto keeper = std::make_shared<int>();
  for (auto _ : state) benchmark::DoNotOptimize(Tensor::view(DType::kFloat32, kShape, tensor.bytes(), keeper));
}
BENCHMARK(BM_ReadBinary)->Unit(benchmark::kMillisecond);

void BM_WriteJson(benchmark::State& state) {
  const Tensor tensor = picture();
  for (auto _ : state) {
    std::string json;
    append_json(json, tensor).value();
    benchmark::DoNotOptimize(json);
  }
}
BENCHMARK(BM_WriteJson)->Unit(benchmark::kMillisecond);

void BM_WriteJsonWithGlaze(benchmark::State& state) {
  const Tensor tensor = picture();
  for (auto _ : state) benchmark::DoNotOptimize(glz::write_json(tensor.values<float>()));
}
BENCHMARK(BM_WriteJsonWithGlaze)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();

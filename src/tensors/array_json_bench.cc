// An MNIST-sized input: 784 numbers from text and back.
#include <benchmark/benchmark.h>

#include <cmath>

#include "tensors/array_json.h"

namespace {

using namespace forebay::tensors;

Tensor picture() {
  std::vector<float> values(784);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::round(std::fabs(std::sin(static_cast<float>(i))) * 1e6f) / 1e6f;
  return Tensor::of<float>({1, 784}, values);
}

void BM_ReadFloats(benchmark::State& state) {
  std::string json;
  (void)append_json(json, picture());
  for (auto _ : state) benchmark::DoNotOptimize(tensor_from_json(json, DType::kFloat32, {-1, 784}, NanPolicy::kRefuse));
}
BENCHMARK(BM_ReadFloats);

void BM_WriteFloats(benchmark::State& state) {
  const Tensor tensor = picture();
  std::string json;
  for (auto _ : state) {
    json.clear();
    (void)append_json(json, tensor);
    benchmark::DoNotOptimize(json);
  }
}
BENCHMARK(BM_WriteFloats);

}  // namespace

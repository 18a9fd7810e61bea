#include "engines/onnx/onnx_threads.h"

#include <algorithm>
#include <vector>

#include "engines/onnx/onnx_values.h"

namespace forebay::engines {

namespace {
constexpr std::size_t kElementsMax = 16 << 20;
constexpr int kWarmRuns = 2;
constexpr int kRuns = 7;
constexpr auto kTimeMax = std::chrono::milliseconds(150);

std::optional<std::vector<tensors::Tensor>> smallest_inputs(const formats::ModelDescription& description) {
  std::vector<tensors::Tensor> inputs;
  for (const auto& input : description.inputs) {
    tensors::Shape shape = input.shape;
    std::ranges::replace_if(shape, [](std::int64_t size) { return size < 0; }, 1);
    if (input.is_optional || input.dtype == tensors::DType::kString || !tensors::element_count(shape, kElementsMax)) return std::nullopt;
    inputs.push_back(tensors::Tensor::zeros(input.dtype, shape));
  }
  return inputs;
}
}  // namespace

std::optional<Duration> run_time_of(Ort::Session& session, const formats::ModelDescription& description) {
  const auto inputs = smallest_inputs(description);
  if (!inputs) return std::nullopt;
  try {
    Ort::AllocatorWithDefaultOptions allocator;
    std::vector<const char*> input_names;
    std::vector<Ort::Value> values;
    for (std::size_t i = 0; i < inputs->size(); ++i) {
      input_names.push_back(description.inputs[i].name.c_str());
      values.push_back(value_of((*inputs)[i]));
    }
    std::vector<Ort::AllocatedStringPtr> output_owners;
    std::vector<const char*> output_names;
    for (std::size_t i = 0; i < session.GetOutputCount(); ++i) {
      output_owners.push_back(session.GetOutputNameAllocated(i, allocator));
      output_names.push_back(output_owners.back().get());
    }
    const SystemClock clock;
    const Instant give_up = clock.now() + kTimeMax;
    std::optional<Duration> best;
    for (int run = 0; run < kWarmRuns + kRuns && (run == 0 || clock.now() < give_up); ++run) {
      const Instant began = clock.now();
      session.Run(Ort::RunOptions{nullptr}, input_names.data(), values.data(), values.size(), output_names.data(), output_names.size());
      const Duration took = clock.now() - began;
      best = best ? std::min(*best, took) : took;
    }
    return best;
  } catch (const Ort::Exception&) {  // Zeros may be nonsense to it.
    return std::nullopt;
  }
}

}  // namespace forebay::engines

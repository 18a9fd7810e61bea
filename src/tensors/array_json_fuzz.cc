// Any bytes as JSON: no crash, and what was read writes text that reads back to the same tensor.
#include <algorithm>
#include <cstdlib>

#include "tensors/array_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace forebay::tensors;
  if (size == 0) return 0;
  const auto dtype = static_cast<DType>(bytes[0] % (static_cast<int>(DType::kString) + 1));
  const std::string_view json(reinterpret_cast<const char*>(bytes + 1), size - 1);
  const ArrayLimits limits{.elements_max = 1'000, .depth_max = 5, .string_bytes_max = 1'000};
  for (const Shape& wanted : {Shape{}, Shape{-1}, Shape{-1, 2}, Shape{-1, -1}, Shape{-1, 3, -1}}) {
    const auto tensor = tensor_from_json(json, dtype, wanted, NanPolicy::kAllow, limits);
    if (!tensor) continue;
    std::string text;
    if (!append_json(text, *tensor)) std::abort();  // what was read from JSON can be written
    const auto again = tensor_from_json(text, dtype, tensor->shape(), NanPolicy::kAllow, limits);
    if (!again || !std::ranges::equal(again->bytes(), tensor->bytes()) || !std::ranges::equal(again->strings(), tensor->strings()))
      std::abort();
  }
  return 0;
}

// Any bytes as a .npy file: no crash, and what was read is written so that it reads back the same.
#include <algorithm>
#include <cstdlib>

#include "tensors/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace forebay::tensors;
  const NpyLimits limits{.header_bytes_max = 4'096, .rank_max = 8, .elements_max = 10'000, .bytes_max = 1 << 20};
  const auto tensor = read_npy(std::as_bytes(std::span(bytes, size)), limits);
  if (!tensor) return 0;
  const auto file = write_npy(*tensor, limits);
  if (!file) return 0;  // Byte strings that are no UTF-8, or one long string among many.
  const auto again = read_npy(std::as_bytes(std::span(*file)), limits);
  if (!again || again->shape() != tensor->shape() || !std::ranges::equal(again->bytes(), tensor->bytes()) ||
      !std::ranges::equal(again->strings(), tensor->strings())) {
    std::abort();
  }
  return 0;
}

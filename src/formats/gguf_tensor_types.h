// The element types of GGUF tensors: their numbers, names and block layouts, as in ggml.h of ggml 0.27.
// Threads: immutable. Owner: static storage.
#pragma once

#include <cstdint>
#include <string_view>

namespace forebay::formats {

struct GgufTensorType {
  std::uint32_t number;
  std::string_view name;
  std::uint32_t block_elements;  // a row holds whole blocks
  std::uint32_t block_bytes;
  bool is_weight;  // ggml can multiply with it; the others abort the process when used as a matrix
};

// Null for numbers that are unassigned or were removed.
const GgufTensorType* gguf_tensor_type(std::uint32_t number);

inline constexpr std::uint32_t kGgufF32 = 0;
inline constexpr std::uint32_t kGgufF16 = 1;
inline constexpr std::uint32_t kGgufQ8_0 = 8;

}  // namespace forebay::formats

// NumPy's .npy files, versions 1 to 3 (numpy.org/doc/stable/reference/generated/numpy.lib.format.html), read and written.
// Threads: immutable.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"
#include "tensors/tensor.h"

namespace forebay::tensors {

struct NpyLimits {
  std::size_t header_bytes_max = 64 << 10;
  std::size_t rank_max = 32;
  std::size_t elements_max = 64 << 20;
  std::size_t bytes_max = std::size_t{1} << 30;  // of the file that is written
};

// Row-major and column-major, either byte order. Bools, integers, floating-point numbers, byte strings ('S', cut at their
// trailing zeros) and Unicode strings ('U', made UTF-8). Two raw bytes ('V2') are bfloat16, as ml_dtypes writes it.
// Objects are refused, as they would be a pickle. kNpyInvalid, kNpyUnsupported, kTensorTooLarge, kTensorValueOutOfRange (bools).
Result<Tensor> read_npy(std::span<const std::byte> file, const NpyLimits& limits = {});

// Version 1, row-major, little-endian; strings as 'U', which cannot hold a trailing zero character or what is not UTF-8
// (kNpyUnsupported). kTensorTooLarge beyond bytes_max: every string takes as much room as the longest one.
Result<std::string> write_npy(const Tensor& tensor, const NpyLimits& limits = {});

}  // namespace forebay::tensors

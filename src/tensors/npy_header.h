// The header of a .npy file: a Python dictionary with three known keys, read without Python.
// Threads: immutable. Owner: npy; nobody above includes it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tensors/tensor.h"

namespace forebay::tensors {

struct NpyHeader {
  std::string descr;  // "<f4"
  bool column_major = false;
  Shape shape;
};

// "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }" with white space around it. kNpyInvalid; kNpyUnsupported when
// descr is a list, which means a structure.
Result<NpyHeader> parse_npy_header(std::string_view text, std::size_t rank_max);

}  // namespace forebay::tensors

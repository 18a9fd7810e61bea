// Small sound ONNX models, made in memory, for the tests of every room above.
// Threads: shared (no state). Owner: none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tensors/tensor.h"

namespace forebay::formats {

// Each returns the bytes of an .onnx file.

// y = x, of one type; shape ["batch", 4], so batchable. Any DType, strings included.
std::string identity_model(tensors::DType dtype);
// y = x + 1, float32 ["batch", columns].
std::string add_one_model(std::int64_t columns = 4);
// y = x · W + b, float32 ["batch", 3] -> ["batch", 2], with W = [[1, 4], [2, 5], [3, 6]], b = [10, 20], labels "small" and "large" in its
// metadata.
std::string linear_model();
// z = concatenation of x ["batch", 2] and y ["batch", 3] along dimension 1, float32: two inputs.
std::string concat_model();
// y = x with every dimension free: ["batch", "height", "width"].
std::string dynamic_shape_model();
// y = x * 2 with the fixed shape [1, 4]: not batchable.
std::string fixed_shape_model();
// y = a scalar plus 1, rank 0.
std::string scalar_model();
// total = steps turns of a loop, each a matrix product: `steps` is an int64 scalar input. A million steps take minutes: for cancellation.
std::string slow_loop_model();
// A classifier with a label and a ZipMap output, like those of sklearn-onnx: float32 ["batch", 2] -> label int64 and a map for each row.
std::string zip_map_model();
// Uses an operator of the domain "example.custom".
std::string custom_operator_model();
// y = x + w, where w [4] lies in the file `location` beside the model.
std::string external_data_model(std::string_view location, std::uint64_t offset = 0);
// y = Reshape(x, [3]) of x ["n"], float32: fails at run time unless x has exactly 3 elements.
std::string failing_model();

}  // namespace forebay::formats

// What people write on a command line, as the tensors a model takes.
// Threads: no state.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/run_image.h"
#include "formats/model_description.h"
#include "tensors/tensor.h"

namespace forebay::cli {

struct InputLimits {
  std::size_t file_bytes_max = std::size_t{1} << 30;
  std::size_t elements_max = std::size_t{64} << 20;
};

// One value is: a file (.json, .csv, .npy, .png, .jpg, .jpeg, .webp); "-", whose kind is seen by its content; JSON; or numbers "1,2,3".
// A JSON object holds several inputs: {"inputs": {name: array}}, {"input": array} or {name: array}.
// `positional` go to the inputs in the model's order; `named` are "NAME=VALUE". kInputUnknown, kInputMissing, kInputNotUnderstood,
// kInputShape, and the errors of reading.
struct ReadInputs {
  tensors::NamedTensors tensors;
  std::optional<SeenPicture> picture;  // when one was given to the input that the model's recipe is for
};
Result<ReadInputs> read_inputs(const formats::ModelDescription& model, const std::vector<std::string>& positional,
                               const std::vector<std::string>& named, std::istream& standard_input, const InputLimits& limits = {});

// The tensor as one of the wanted shape: as it is, with a batch dimension in front, or flat values laid out anew. A dimension of -1 is
// free.
Result<tensors::Tensor> fitted(const tensors::Tensor& tensor, const tensors::Shape& wanted);

}  // namespace forebay::cli

// What people write on a command line, as the tensors a model takes.
// Threads: no state.
#pragma once

#include <cstdint>
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

// What was written on the command line.
struct GivenInputs {
  std::vector<std::string> positional;  // go to the inputs in the model's order
  std::vector<std::string> named;       // "NAME=VALUE"
  std::optional<std::string> series;    // a value
  std::optional<std::int64_t> stride;   // of the series, instead of the sidecar's
};

struct ReadInputs {
  tensors::NamedTensors tensors;
  std::optional<SeenPicture> picture;  // when one was given to the input that the model's recipe is for
  std::vector<std::int64_t> starts;    // of the windows of a series; empty: none was given
  std::optional<std::uint32_t> top_k;  // of a ranking, when a JSON object says it
  bool raw = false;                    // the same: all scores too
};

// One value is: a file (.json, .csv, .npy, .png, .jpg, .jpeg, .webp); "-", whose kind is seen by its content; JSON; or numbers "1,2,3".
// A JSON object holds what the body of POST /predict does: {"inputs": {name: array}}, {"input": array}, {name: array}, and by the model's
// sidecar "series" and "stride", "top_k" and "raw". A table or an .npy array for the input that the sidecar's series is for is the series
// if it has a row for each step. kInputUnknown, kInputMissing, kInputNotUnderstood, kInputShape, kOptionOutOfPlace, and the errors of
// reading.
Result<ReadInputs> read_inputs(const formats::ModelDescription& model, const GivenInputs& given, std::istream& standard_input,
                               const InputLimits& limits = {});

// The tensor as one of the wanted shape: as it is, with a batch dimension in front, or flat values laid out anew. A dimension of -1 is
// free.
Result<tensors::Tensor> fitted(const tensors::Tensor& tensor, const tensors::Shape& wanted);

}  // namespace forebay::cli

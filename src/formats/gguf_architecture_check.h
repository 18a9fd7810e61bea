// Checks that a GGUF's tensors have the shapes and types its architecture needs: ggml aborts the process where they do not.
// The names and shapes are those of llama.cpp's model loader (src/llama-model.cpp, "create_tensor"), for the families listed in the .cc
// file. Threads: shared (no state). Owner: none.
#pragma once

#include <string_view>

#include "base/result.h"
#include "formats/gguf_file.h"
#include "formats/gguf_hyperparameters.h"

namespace forebay::formats {

// Whether the tables know this architecture. Others are passed on with the warning `unchecked_architecture`.
bool is_checked_architecture(std::string_view architecture);

// Of any architecture: more experts used than there are, or none in a mixture of experts. kGgufHyperparameterInvalid.
Result<> check_experts(std::string_view architecture, const GgufHyperparameters& sizes);

// Sizes that contradict each other: kGgufHyperparameterInvalid, kGgufMetadataMissing. Only for checked architectures.
Result<> check_hyperparameters(const GgufFile& file, std::string_view architecture, const GgufHyperparameters& sizes);

// kGgufTensorMissing, kGgufTensorWrongShape, kGgufTensorWrongType. Sizes must have passed check_hyperparameters.
Result<> check_tensors(const GgufFile& file, std::string_view architecture, const GgufHyperparameters& sizes);

}  // namespace forebay::formats

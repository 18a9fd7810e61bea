// Checks the weights of an ONNX model against their shapes, and their external files against the model's folder.
// Threads: shared (no state; looks at the file system). Owner: none.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/onnx_model.h"
#include "formats/read_model.h"

namespace forebay::formats {

struct OnnxWeights {
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> external_files;  // relative to the folder, sorted
  std::uint64_t external_bytes = 0;         // of those files
  std::string most_used_type;               // by elements, "float32"
};

// All tensors of all graphs and functions. `folder` is where external data may lie; without one, external data is missing.
// kOnnxDimensionInvalid, kOnnxTypeUnsupported, kOnnxInitialiserInconsistent, kOnnxExternalData*, and those of check_sparse().
Result<OnnxWeights> check_weights(const OnnxModel& model, const std::optional<std::filesystem::path>& folder, const ReadLimits& limits);

// The product of the dimensions. kOnnxDimensionInvalid when one is negative, or the product is beyond what can exist.
Result<std::uint64_t> element_count(std::string_view name, std::span<const std::int64_t> dimensions);

}  // namespace forebay::formats

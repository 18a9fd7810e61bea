// Describes an ONNX file: its inputs, outputs, versions, weights, and what serving it needs.
// Threads: shared (no state; looks for external data beside the model). Owner: none.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>

#include "base/result.h"
#include "formats/model_description.h"
#include "formats/read_model.h"

namespace forebay::formats {

// `bytes` is the whole file, `folder` the one it lies in (none for a model in memory). kOnnx* codes of errors.h.
Result<ModelDescription> read_onnx(std::span<const std::byte> bytes, const ReadLimits& limits,
                                   const std::optional<std::filesystem::path>& folder);

}  // namespace forebay::formats

// Describes a GGUF file: what model it is, its vocabulary, templates and sizes, and whether its tensors fit its architecture.
// Threads: shared (no state). Owner: none.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "base/result.h"
#include "formats/model_description.h"
#include "formats/read_model.h"

namespace forebay::formats {

// `bytes` is the whole file, `path` where it lies: other parts of a split model are looked for beside it. kGguf* codes of errors.h.
// Adapters and projectors are refused: they are no models of their own.
Result<ModelDescription> read_gguf(std::span<const std::byte> bytes, const ReadLimits& limits, const std::filesystem::path& path = {});

}  // namespace forebay::formats

// Reads any model file into a ModelDescription. The format is recognised by content; a mismatching extension is a warning.
// Threads: shared (no state). Never executes anything of the file; every offset, length, count and depth is checked first.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/model_description.h"

namespace forebay::formats {

struct ReadLimits {
  std::uint64_t file_bytes_max = std::uint64_t{64} << 30;
  std::uint64_t tensors_max = 100'000;
  std::uint64_t metadata_entries_max = 65'536;
  std::uint64_t string_bytes_max = std::uint64_t{64} << 20;
  std::uint64_t array_elements_max = std::uint64_t{16} << 20;   // of all GGUF arrays together; names, numbers and parts of an ONNX model
  std::uint64_t constant_bytes_max = std::uint64_t{512} << 20;  // of one tensor that an ONNX node makes from a constant shape
  std::uint64_t loop_steps_max = 10'000'000;                    // of an ONNX loop that nothing ends before its constant count
  std::uint32_t graph_depth_max = 16;                           // nested subgraphs of an ONNX model
  std::uint32_t dimensions_max = 8;
};

// The format of these first bytes (512 are enough), or kUnknown.
Format recognise(std::span<const std::byte> start, std::uint64_t file_bytes);

// The file itself, or the only model file of a folder. kFolderWithoutModel, kFolderWithSeveralModels, kFileNotReadable.
Result<std::filesystem::path> model_file_of(const std::filesystem::path& path);

// Codes of formats/errors.h, or of base when the file cannot be opened. `path` is a file, or a folder with one model file in it.
Result<ModelDescription> read_model(const std::filesystem::path& path, const ReadLimits& limits = {});

// The description as JSON, as `forebay inspect --output json` and GET …/info show it; and back, from a sandboxed child.
std::string to_json(const ModelDescription& description);
Result<ModelDescription> description_from_json(std::string_view json);

}  // namespace forebay::formats

// A GGUF model in several files, as llama-gguf-split makes them: NAME-00001-of-00003.gguf and so on, in one folder. The first has the
// metadata; every part has its own tensors and says which part of how many it is.
// Threads: shared (no state). Owner: none.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "formats/gguf_file.h"
#include "formats/read_model.h"

namespace forebay::formats {

inline constexpr std::uint32_t kGgufPartsMax = 4096;

// What a file name says; nothing when it is not the name of a part.
struct GgufPartName {
  std::string model;  // NAME
  std::uint32_t number = 1;
  std::uint32_t count = 1;
  std::string file_name() const;
};
std::optional<GgufPartName> gguf_part_name_of(std::string_view file_name);

// What the metadata says; 1 for files that are whole.
std::uint32_t gguf_part_count(const GgufFile& file);

// Parts after the first; `tensors` of the first then has those of all. Views into them live as long as this.
struct GgufParts {
  std::vector<MappedFile> files;
  std::vector<std::string> names;
  std::uint64_t bytes = 0;
};
// Opens the other parts beside `path`, checks that they belong to `first`, and adds their tensors to it. kGgufSplit when `path` is not the
// first part or not named like one, kGgufPartMissing, kGgufPartForeign, and the errors of parse_gguf with the part's name.
Result<GgufParts> read_gguf_parts(GgufFile& first, const std::filesystem::path& path, const ReadLimits& limits);

}  // namespace forebay::formats

// Tells files apart by their first bytes.
// Threads: shared (no state). Owner: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace forebay::formats {

inline constexpr std::size_t kRecognitionBytes = 512;

struct ForeignFormat {
  std::string_view name;  // "a ZIP archive", "an HTML page"; empty when nothing is recognised
  std::string_view hint;  // empty for the general one
};

// What the file is when it is neither GGUF nor ONNX.
ForeignFormat recognise_foreign(std::span<const std::byte> start);

bool is_git_lfs_pointer(std::span<const std::byte> start);

}  // namespace forebay::formats

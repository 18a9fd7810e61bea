// Puts checks (guard_operators.h) before the operators of a model file that trap or write where a value says. See
// docs/adr/0017-dangerous-operators-are-guarded.md.
//   Div and Mod are guarded where their numbers may be integers and the divisor is no constant that is safe. Floats stay as they are, so
//   that the library's fusions find them.
// Threads: shared (no state). Owner: none.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace forebay::engines {

// The file with its checks; nothing when it needs none. The errors of decode_onnx().
Result<std::optional<std::string>> guarded_graph(std::span<const std::byte> file);

}  // namespace forebay::engines

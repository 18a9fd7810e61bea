// What becomes of the places where a piece is split.
// Threads: immutable (no state).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "text/pattern.h"
#include "text/pre_tokenizer.h"

namespace forebay::text {

enum class SplitBehavior : std::uint8_t { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
std::optional<SplitBehavior> split_behavior(std::string_view name);

// `delimiters` in order, without overlap; `inverted` takes what is between them for the delimiters.
void split_piece(const TextPiece& piece, const std::vector<Span>& delimiters, SplitBehavior behavior, bool inverted,
                 std::vector<TextPiece>& into);

}  // namespace forebay::text

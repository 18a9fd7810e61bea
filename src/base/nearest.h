// The word somebody may have meant.
// Threads: shared.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace forebay {

// The candidate with the fewest insertions, deletions, substitutions and swaps of neighbours (restricted Damerau-Levenshtein), ignoring
// ASCII case; nothing if more than a third of the word, or more than 3 edits, would have to change. Words beyond 128 characters match
// nothing.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace forebay

// The end of a message about a word that is not known.
// Threads: no state.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/nearest.h"

namespace forebay::cli {

// "; did you mean 'port'?", or nothing when no candidate is near.
inline std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  const auto near = nearest(word, candidates);
  return near ? "; did you mean '" + *near + "'?" : std::string();
}

}  // namespace forebay::cli

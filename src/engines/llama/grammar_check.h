// Limits for a GBNF grammar before the library sees it: its parser and matcher recurse, and repetitions are written out in full.
// One request with 20,000 nested groups ends a llama-server 0.7.0. Syntax beyond these limits is the library's business.
// Threads: immutable. Owner: llama/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace forebay::engines {

struct GrammarLimits {
  std::size_t bytes_max = 256 << 10;
  std::uint32_t depth_max = 64;          // nested groups
  std::uint32_t rules_max = 2'000;       // a chain of rules is walked recursively
  std::uint64_t repetition_max = 2'000;  // one {m,n}
  std::uint64_t elements_max = 100'000;  // after writing out every repetition
};

// kBadSampling with the field "grammar".
Result<> check_grammar(std::string_view grammar, const GrammarLimits& limits = {});

}  // namespace forebay::engines

// Rewrites a text before it is split: Unicode forms, case, accents, replacements.
// Threads: immutable after construction. Owner: the tokenizer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/tokenizer_file.h"

namespace forebay::text {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Well-formed text in and out. kTokenizerLimit when a pattern takes too many steps, or the text grows beyond its limit.
  virtual Result<std::string> apply(std::string text) const = 0;
};

// Those of the part in order, sequences flattened; empty without one. kTokenizerUnsupported names the type.
Result<std::vector<std::unique_ptr<Normalizer>>> make_normalizers(const NormalizerPart* part, const TokenizerLimits& limits);

}  // namespace forebay::text

// Splits a normalised text into the pieces whose tokens are found one by one.
// Threads: immutable after construction. Owner: the tokenizer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/tokenizer_file.h"

namespace forebay::text {

struct TextPiece {
  std::string text;
  bool at_start = false;  // nothing of the text is before it
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // The parts of one piece, none empty. kTokenizerLimit when a pattern takes too many steps.
  virtual Result<> split(TextPiece piece, std::vector<TextPiece>& into) const = 0;
};

// Those of the part in order, sequences flattened. kTokenizerUnsupported names the type.
Result<std::vector<std::unique_ptr<PreTokenizer>>> make_pre_tokenizers(const PreTokenizerPart* part, const TokenizerLimits& limits);

}  // namespace forebay::text

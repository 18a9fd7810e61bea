// Where a tokenizer.json lets a long text be cut without changing its tokens.
// Threads: immutable (no state).
#pragma once

#include "text/text_windows.h"
#include "text/tokenizer_file.h"

namespace forebay::text {

// kNone unless every component is known to look at no more than the words on one side of the cut.
WindowCut window_cut_of(const TokenizerFile& file);

}  // namespace forebay::text

// Tokens back to text as the libraries of the models' makers write it.
// Threads: immutable.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "text/tokenizer.h"

namespace forebay::http::tei {

// Source: the decoders WordPiece (with its clean-up), Metaspace and ByteLevel of huggingface.github.io/tokenizers. Which of them is the
// tokenizer's is seen by the pieces of two words.
Result<std::string> decoded(const text::Tokenizer& tokenizer, std::span<const text::Token> tokens, bool skip_special);

}  // namespace forebay::http::tei

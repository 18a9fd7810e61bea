// Finds the tokens of one piece of text: WordPiece, BPE, Unigram or a table of whole words.
// Threads: immutable after construction. Owner: the tokenizer.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"
#include "text/tokenizer_file.h"

namespace forebay::text {

class SubwordModel {
 public:
  virtual ~SubwordModel() = default;
  // Adds the tokens of the piece, which is well-formed and not empty. kTokenizerInvalid when it has a part that no token stands for, and
  // the vocabulary has no token for that.
  virtual Result<> append_tokens(std::string_view piece, std::vector<Token>& into) const = 0;
};

// Each keeps what it needs of the part. kTokenizerInvalid when the part contradicts itself.
Result<std::unique_ptr<SubwordModel>> make_word_piece(const ModelPart& part);  // greedy, longest first
Result<std::unique_ptr<SubwordModel>> make_byte_pair(const ModelPart& part);   // merges by rank: Sennrich et al. 2016
Result<std::unique_ptr<SubwordModel>> make_unigram(const ModelPart& part);     // the most likely: Kudo 2018
Result<std::unique_ptr<SubwordModel>> make_word_level(const ModelPart& part);
Result<std::unique_ptr<SubwordModel>> make_subword_model(const ModelPart& part);

}  // namespace forebay::text

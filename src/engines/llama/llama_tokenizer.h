// text::Tokenizer over the vocabulary of a GGUF file.
// Threads: shared; the library's vocabulary calls are thread-safe. Owner: LlamaModel, whose library model it must not outlive.
#pragma once

#include <mutex>

#include "engines/llama/llama_library.h"
#include "text/fewest_tokens.h"
#include "text/text_windows.h"
#include "text/tokenizer.h"

namespace forebay::engines {

class LlamaTokenizer final : public text::Tokenizer {
 public:
  explicit LlamaTokenizer(const llama_vocab* vocabulary) : vocabulary_(vocabulary) {}
  Result<std::vector<text::Token>> encode(std::string_view text, const text::EncodeOptions& options) const override;
  // As llama-server puts a query and a document together: [BOS] first [EOS] [SEP] second [EOS], those of them that the vocabulary adds.
  Result<text::TokenPair> encode_pair(std::string_view first, std::string_view second, const text::EncodeOptions& options) const override;
  std::string piece(text::Token token, bool show_control) const override;
  std::int32_t vocabulary_size() const override { return llama_vocab_n_tokens(vocabulary_); }
  bool ends_generation(text::Token token) const override;
  std::string bos_text() const override { return text_of(llama_vocab_bos(vocabulary_)); }
  std::string eos_text() const override { return text_of(llama_vocab_eos(vocabulary_)); }
  const llama_vocab* vocabulary() const { return vocabulary_; }

 private:
  // How a text that is longer than its limit is told from one that may fit, without tokenizing all of it.
  struct LongTexts {
    text::FewestTokens fewest;                     // of vocabularies whose tokens stand for the bytes they show
    text::WindowCut cut = text::WindowCut::kNone;  // of the others
    bool leading_space = true;                     // a window keeps the space it was cut before
  };
  bool known(text::Token token) const { return token >= 0 && token < vocabulary_size(); }
  std::string text_of(text::Token token) const;
  const LongTexts& long_texts() const;  // made when it is first needed: it reads the whole vocabulary
  LongTexts make_long_texts() const;
  text::FewestTokens make_fewest() const;
  bool shows_what_it_reads() const;
  bool joins_words() const;
  bool closes_with(text::Token token) const;
  Result<std::string_view> shortened(std::string_view text, const text::EncodeOptions& options) const;
  Result<std::vector<text::Token>> encode_windows(std::string_view text, const text::EncodeOptions& options) const;
  Result<std::vector<text::Token>> encode_whole(std::string_view text, bool add_special, bool parse_special) const;

  const llama_vocab* vocabulary_;
  mutable std::once_flag made_;
  mutable LongTexts long_texts_;
};

}  // namespace forebay::engines

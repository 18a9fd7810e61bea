// Text to token ids and back.
// Threads: shared: every call may run on any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"

namespace forebay::text {

using Token = std::int32_t;

struct EncodeOptions {
  bool add_special = true;     // the model's own BOS, CLS, SEP, EOS
  bool parse_special = false;  // "<|im_end|>" in the text becomes the control token; only for rendered templates
  // Beyond, kTextTooLong: found before or while the text is tokenized, so that what cannot fit costs no more than what does.
  std::size_t tokens_max = std::size_t{1} << 20;
  std::size_t truncate_to = 0;          // tokens, special ones counted, which stay: what is cut is the end of the text. 0: nothing is cut
  const CancelToken* cancel = nullptr;  // looked at between the parts of a long text; null: never cancelled
};

// Two texts as one sequence, as cross-encoders read them.
struct TokenPair {
  std::vector<Token> tokens;
  std::size_t second_from = 0;  // tokens from here on are of type 1
};

// Cuts two texts to `length` tokens together with the special ones, of which there are `added`; the longer one first. Where both must be
// cut, the longer one keeps the odd token.
void fit_pair(std::vector<Token>& first, std::vector<Token>& second, std::size_t length, std::size_t added);

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // kTextTooLong beyond tokens_max; kInvalidUtf8; the cancel token's error.
  virtual Result<std::vector<Token>> encode(std::string_view text, const EncodeOptions& options) const = 0;
  // A query and a document, with the model's own special tokens around them. Of two texts that do not fit, the longer one is cut first.
  virtual Result<TokenPair> encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options) const = 0;
  // The bytes of one token: may be an incomplete UTF-8 sequence. Control tokens give "" unless `show_control`.
  virtual std::string piece(Token token, bool show_control) const = 0;
  virtual std::int32_t vocabulary_size() const = 0;
  // True for tokens that end a generation (EOS, end of turn).
  virtual bool ends_generation(Token token) const = 0;
  virtual std::string bos_text() const = 0;  // "" when there is none
  virtual std::string eos_text() const = 0;
};

}  // namespace forebay::text

// Text to token ids and back.
// Threads: shared: every call may run on any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace forebay::text {

using Token = std::int32_t;

struct EncodeOptions {
  bool add_special = true;     // the model's own BOS, CLS, SEP, EOS
  bool parse_special = false;  // "<|im_end|>" in the text becomes the control token; only for rendered templates
  std::size_t tokens_max = std::size_t{1} << 20;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // kTextTooLong beyond tokens_max; kInvalidUtf8.
  virtual Result<std::vector<Token>> encode(std::string_view text, const EncodeOptions& options) const = 0;
  // The bytes of one token: may be an incomplete UTF-8 sequence. Control tokens give "" unless `show_control`.
  virtual std::string piece(Token token, bool show_control) const = 0;
  virtual std::int32_t vocabulary_size() const = 0;
  // True for tokens that end a generation (EOS, end of turn).
  virtual bool ends_generation(Token token) const = 0;
  virtual std::string bos_text() const = 0;  // "" when there is none
  virtual std::string eos_text() const = 0;
};

}  // namespace forebay::text

#include "engines/llama/llama_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/errors.h"
#include "text/errors.h"
#include "text/stream_text.h"

namespace forebay::engines {

namespace {
// More than any text that could still fit: the library's lengths are 32-bit, and its working memory is a multiple of the text.
constexpr std::size_t kTextBytesMax = 64U << 20U;
}  // namespace

Result<std::vector<text::Token>> LlamaTokenizer::encode(std::string_view text, const text::EncodeOptions& options) const {
  if (text.size() > kTextBytesMax)
    return fail(text::kTextTooLong, fmt::format("the text has {} bytes, at most {} are tokenised", text.size(), kTextBytesMax));
  if (!text::is_valid_utf8(text)) return fail(text::kInvalidUtf8, "the text is not valid UTF-8");
  std::vector<text::Token> tokens(text.size() + 8);  // one a byte and some specials: enough for nearly every text
  const auto encode_into = [&] {
    return llama_tokenize(vocabulary_, text.data(), static_cast<std::int32_t>(text.size()), tokens.data(),
                          static_cast<std::int32_t>(tokens.size()), options.add_special, options.parse_special);
  };
  try {
    std::int32_t count = encode_into();
    if (count < 0 && count != std::numeric_limits<std::int32_t>::min()) {
      tokens.resize(static_cast<std::size_t>(-count));
      count = encode_into();
    }
    if (count < 0) return fail(text::kTextTooLong, "the text has more tokens than can be counted");
    tokens.resize(static_cast<std::size_t>(count));
  } catch (const std::exception& error) {
    return fail(kInternalError, fmt::format("the tokenizer of the model failed: {}", error.what()));
  }
  if (options.truncate_to > 0 && tokens.size() > options.truncate_to) {
    const bool closed =
        options.add_special && (tokens.back() == llama_vocab_eos(vocabulary_) || tokens.back() == llama_vocab_sep(vocabulary_));
    const text::Token last = tokens.back();
    tokens.resize(options.truncate_to);
    if (closed) tokens.back() = last;
  }
  if (tokens.size() > options.tokens_max) {
    return fail(text::kTextTooLong, fmt::format("the text has {} tokens, at most {} are allowed", tokens.size(), options.tokens_max));
  }
  return tokens;
}

Result<text::TokenPair> LlamaTokenizer::encode_pair(std::string_view first, std::string_view second,
                                                    const text::EncodeOptions& options) const {
  text::EncodeOptions plain = options;
  plain.add_special = false;
  plain.truncate_to = 0;
  TRY_ASSIGN(auto query, encode(first, plain));
  TRY_ASSIGN(auto document, encode(second, plain));
  const bool ends = llama_vocab_get_add_eos(vocabulary_);
  const text::Token separator = llama_vocab_sep(vocabulary_);
  const text::Token end = ends && known(llama_vocab_eos(vocabulary_)) ? llama_vocab_eos(vocabulary_) : separator;
  const bool begins = llama_vocab_get_add_bos(vocabulary_) && known(llama_vocab_bos(vocabulary_));
  const bool separates = ends && llama_vocab_get_add_sep(vocabulary_) && known(separator);
  const std::size_t added = (begins ? 1U : 0U) + (separates ? 1U : 0U) + (known(end) ? 2U : 0U);
  if (options.truncate_to > 0) text::fit_pair(query, document, options.truncate_to, added);
  text::TokenPair pair;
  if (begins) pair.tokens.push_back(llama_vocab_bos(vocabulary_));
  pair.tokens.insert(pair.tokens.end(), query.begin(), query.end());
  if (known(end)) pair.tokens.push_back(end);
  if (separates) pair.tokens.push_back(separator);
  pair.second_from = pair.tokens.size();
  pair.tokens.insert(pair.tokens.end(), document.begin(), document.end());
  if (known(end)) pair.tokens.push_back(end);
  if (pair.tokens.size() > options.tokens_max)
    return fail(text::kTextTooLong, fmt::format("the pair has {} tokens, at most {} are allowed", pair.tokens.size(), options.tokens_max));
  return pair;
}

std::string LlamaTokenizer::piece(text::Token token, bool show_control) const {
  if (!known(token)) return "";
  try {
    std::string bytes(32, '\0');
    std::int32_t size = llama_token_to_piece(vocabulary_, token, bytes.data(), static_cast<std::int32_t>(bytes.size()), 0, show_control);
    if (size < 0) {
      bytes.resize(static_cast<std::size_t>(-size));
      size = llama_token_to_piece(vocabulary_, token, bytes.data(), static_cast<std::int32_t>(bytes.size()), 0, show_control);
    }
    bytes.resize(static_cast<std::size_t>(std::max(size, 0)));
    return bytes;
  } catch (const std::exception&) {
    return "";  // A token that the vocabulary cannot render shows as nothing.
  }
}

bool LlamaTokenizer::ends_generation(text::Token token) const { return known(token) && llama_vocab_is_eog(vocabulary_, token); }

std::string LlamaTokenizer::text_of(text::Token token) const {
  if (!known(token)) return "";
  const char* text = llama_vocab_get_text(vocabulary_, token);
  return text == nullptr ? "" : text;
}

}  // namespace forebay::engines

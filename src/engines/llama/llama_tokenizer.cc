#include "engines/llama/llama_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "engines/errors.h"
#include "text/errors.h"
#include "text/stream_text.h"

namespace forebay::engines {

namespace {
// More than any text that could still fit: the library's lengths are 32-bit, and its working memory is a multiple of the text.
constexpr std::size_t kTextBytesMax = 64U << 20U;
constexpr std::string_view kSpaceMark = "\u2581";

std::string with_spaces(std::string_view text) {
  std::string spaced;
  for (std::size_t at = 0; at < text.size();) {
    const auto mark = std::min(text.find(kSpaceMark, at), text.size());
    spaced.append(text.substr(at, mark - at));
    if (mark < text.size()) spaced += ' ';
    at = mark + kSpaceMark.size();
  }
  return spaced;
}
}  // namespace

Result<std::vector<text::Token>> LlamaTokenizer::encode(std::string_view text, const text::EncodeOptions& options) const {
  if (text.size() > kTextBytesMax)
    return fail(text::kTextTooLong, fmt::format("the text has {} bytes, at most {} are tokenised", text.size(), kTextBytesMax));
  if (!text::is_valid_utf8(text)) return fail(text::kInvalidUtf8, "the text is not valid UTF-8");
  TRY_ASSIGN(const auto shorter, shortened(text, options));
  TRY_ASSIGN(auto tokens, encode_windows(shorter, options));
  if (options.truncate_to > 0 && tokens.size() > options.truncate_to) {
    const bool closed = options.add_special && closes_with(tokens.back());
    const text::Token last = tokens.back();
    tokens.resize(options.truncate_to);
    if (closed) tokens.back() = last;
  }
  if (tokens.size() > options.tokens_max)
    return fail(text::kTextTooLong, fmt::format("the text has more than {} tokens", options.tokens_max));
  return tokens;
}

bool LlamaTokenizer::closes_with(text::Token token) const {
  return token == llama_vocab_eos(vocabulary_) || token == llama_vocab_sep(vocabulary_);
}

// The beginning that holds the tokens that stay, where the end is cut off; else the whole text, unless it cannot fit.
Result<std::string_view> LlamaTokenizer::shortened(std::string_view text, const text::EncodeOptions& options) const {
  const std::size_t most = options.truncate_to > 0 ? options.truncate_to : options.tokens_max;
  if (text.size() <= std::max(most, text::TextWindows::kBytes)) return text;
  const auto& fewest = long_texts().fewest;
  if (fewest.longest_piece() == 0) return text;
  if (options.truncate_to > 0) {
    const std::size_t bytes = std::max(most * fewest.longest_piece(), text::TextWindows::kBytes);
    return text::TextWindows(text, text::WindowCut::kBetweenWords, bytes).next();
  }
  std::string spaced;  // "\u2581" in a text is what SentencePiece makes of a space
  if (text.contains(kSpaceMark) && llama_vocab_type(vocabulary_) == LLAMA_VOCAB_TYPE_SPM) spaced = with_spaces(text);
  TRY_ASSIGN(const bool may_fit, fewest.may_fit(spaced.empty() ? text : std::string_view(spaced), most, options.cancel));
  if (!may_fit) return fail(text::kTextTooLong, fmt::format("the text has more than {} tokens", most));
  return text;
}

Result<std::vector<text::Token>> LlamaTokenizer::encode_windows(std::string_view text, const text::EncodeOptions& options) const {
  const bool is_long = text.size() > text::TextWindows::kBytes;
  const auto cut = is_long ? long_texts().cut : text::WindowCut::kNone;
  const std::size_t enough = options.truncate_to > 0 ? options.truncate_to : options.tokens_max;
  text::TextWindows windows(text, cut);
  std::vector<text::Token> tokens;
  std::optional<text::Token> closing;
  do {
    if (options.cancel != nullptr && options.cancel->cancelled()) return fail(options.cancel->error());
    auto window = windows.next();
    const bool first = window.data() == text.data();
    if (!first && !long_texts().leading_space && window.starts_with(' ')) window.remove_prefix(1);
    TRY_ASSIGN(auto found, encode_whole(window, options.add_special && first, options.parse_special));
    if (first && cut != text::WindowCut::kNone && options.add_special && !found.empty() && closes_with(found.back())) {
      closing = found.back();
      found.pop_back();
    }
    tokens.insert(tokens.end(), found.begin(), found.end());
  } while (!windows.done() && tokens.size() <= enough);
  if (closing) tokens.push_back(*closing);
  return tokens;
}

Result<std::vector<text::Token>> LlamaTokenizer::encode_whole(std::string_view text, bool add_special, bool parse_special) const {
  std::vector<text::Token> tokens(text.size() + 8);  // one a byte and some specials: enough for nearly every text
  const auto encode_into = [&] {
    return llama_tokenize(vocabulary_, text.data(), static_cast<std::int32_t>(text.size()), tokens.data(),
                          static_cast<std::int32_t>(tokens.size()), add_special, parse_special);
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
    return fail(kModelRefused, fmt::format("the tokenizer of the model failed: {}", error.what()));
  }
  return tokens;
}

// --- what is known of a vocabulary, for long texts ---------------------------------------------------------------------

const LlamaTokenizer::LongTexts& LlamaTokenizer::long_texts() const {
  std::call_once(made_, [this] { long_texts_ = make_long_texts(); });
  return long_texts_;
}

LlamaTokenizer::LongTexts LlamaTokenizer::make_long_texts() const {
  switch (llama_vocab_type(vocabulary_)) {
    case LLAMA_VOCAB_TYPE_WPM:  // every word by itself
      return {.fewest = {}, .cut = text::WindowCut::kAfterSpace};
    case LLAMA_VOCAB_TYPE_UGM:  // puts a space before every text
      return {.fewest = {}, .cut = joins_words() ? text::WindowCut::kNone : text::WindowCut::kBetweenWords, .leading_space = false};
    default:
      return {.fewest = shows_what_it_reads() ? make_fewest() : text::FewestTokens()};
  }
}

text::FewestTokens LlamaTokenizer::make_fewest() const {
  std::vector<std::string> pieces;
  bool spaces_vanish = false;
  for (text::Token token = 0; token < vocabulary_size(); ++token) {
    auto shown = piece(token, true);
    pieces.push_back(shown.empty() ? with_spaces(text_of(token)) : std::move(shown));
    const auto attributes = static_cast<unsigned>(llama_vocab_get_attr(vocabulary_, token));
    spaces_vanish |= (attributes & (LLAMA_TOKEN_ATTR_LSTRIP | LLAMA_TOKEN_ATTR_RSTRIP)) != 0;
  }
  return text::FewestTokens(std::move(pieces), spaces_vanish);
}

// Tokens of a sample, put together again, are the sample: no normalization changes the text before it is tokenized.
bool LlamaTokenizer::shows_what_it_reads() const {
  constexpr std::string_view kSample = "Hello, W\u00F6rld!  It's 12345 \u6587\u5B57 e\u0301 \uFB01 \U0001F642\n\n\tdef f(x): return x";
  const auto tokens = encode_whole(kSample, false, false);
  if (!tokens) return false;
  std::string shown;
  for (const text::Token token : *tokens) shown += piece(token, true);
  return shown == kSample || (shown.starts_with(' ') && shown.substr(1) == kSample);
}

// Whether a token has a space after something else, so that it may stand for the end of one word and the beginning of another.
bool LlamaTokenizer::joins_words() const {
  for (text::Token token = 0; token < vocabulary_size(); ++token) {
    if ((static_cast<unsigned>(llama_vocab_get_attr(vocabulary_, token)) & LLAMA_TOKEN_ATTR_CONTROL) != 0) continue;
    const std::string shown = with_spaces(text_of(token));
    const auto word = shown.find_first_not_of(' ');
    if (word != std::string::npos && shown.find(' ', word) != std::string::npos) return true;
  }
  return false;
}

// --- pairs and pieces --------------------------------------------------------------------------------------------------

Result<text::TokenPair> LlamaTokenizer::encode_pair(std::string_view first, std::string_view second,
                                                    const text::EncodeOptions& options) const {
  text::EncodeOptions plain = options;
  plain.add_special = false;
  // Which of two is cut depends on their lengths: only what is far too long is cut before they are compared.
  plain.truncate_to = options.truncate_to > 0 ? options.truncate_to + text::TextWindows::kBytes : 0;
  if (plain.truncate_to > 0) plain.tokens_max = plain.truncate_to;
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
    return fail(text::kTextTooLong, fmt::format("the pair has more than {} tokens", options.tokens_max));
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

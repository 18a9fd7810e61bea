#include "text/subword_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mapped_file.h"
#include "text/byte_alphabet.h"
#include "text/errors.h"
#include "text/stream_text.h"
#include "text/window_rules.h"

namespace forebay::text {

namespace {

template <class T>
const T* pointer_to(const std::optional<T>& value) {
  return value ? &*value : nullptr;
}

Result<> check_text(std::string_view text, const TokenizerLimits& limits) {
  if (text.size() > limits.text_bytes_max)
    return fail(kTextTooLong, fmt::format("the text has {} bytes, at most {} are tokenised", text.size(), limits.text_bytes_max));
  if (!is_valid_utf8(text)) return fail(kInvalidUtf8, "the text is not valid UTF-8");
  return {};
}

Result<> check_tokens(std::size_t count, const EncodeOptions& options) {
  if (count > options.tokens_max) return fail(kTextTooLong, fmt::format("the text has more than {} tokens", options.tokens_max));
  return {};
}

}  // namespace

Result<std::unique_ptr<SubwordTokenizer>> SubwordTokenizer::read(std::string_view json, const TokenizerLimits& limits) {
  TRY_ASSIGN(const auto file, read_tokenizer_file(json, limits));
  std::unique_ptr<SubwordTokenizer> made(new SubwordTokenizer(limits));
  TRY(made->build(file));
  return made;
}

Result<std::unique_ptr<SubwordTokenizer>> SubwordTokenizer::open(const std::filesystem::path& path, const TokenizerLimits& limits) {
  TRY_ASSIGN(const auto file, MappedFile::open(path, limits.file_bytes_max));
  const auto bytes = file.bytes();
  return read(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), limits);
}

// --- building ---------------------------------------------------------------------------------------------------------

Result<> SubwordTokenizer::build(const TokenizerFile& file) {
  TRY_ASSIGN(normalizers_, make_normalizers(pointer_to(file.normalizer), limits_));
  TRY_ASSIGN(pre_tokenizers_, make_pre_tokenizers(pointer_to(file.pre_tokenizer), limits_));
  TRY_ASSIGN(model_, make_subword_model(file.model));
  TRY_ASSIGN(template_, TokenTemplate::make(pointer_to(file.post_processor)));
  TRY(build_texts(file));
  TRY(build_added_tokens(file));
  cut_ = window_cut_of(file);
  byte_level_ = file.byte_level_decoder;
  truncation_tokens_ = file.truncation_tokens;
  const auto named = find("<pad>") ? find("<pad>") : find("[PAD]");
  padding_token_ = named.value_or(0);
  if (file.pad_id && *file.pad_id >= 0 && *file.pad_id < vocabulary_size()) padding_token_ = static_cast<Token>(*file.pad_id);
  return {};
}

Result<> SubwordTokenizer::build_texts(const TokenizerFile& file) {
  const auto set = [this](std::size_t id, const std::string& text) {
    if (id >= texts_.size()) texts_.resize(id + 1);
    texts_[id] = text;
  };
  for (std::size_t id = 0; id < file.model.pieces.size(); ++id) set(id, std::get<0>(file.model.pieces[id]));
  for (const auto& [text, id] : file.model.vocabulary) set(id, text);
  if (file.added_tokens) {
    for (const auto& added : *file.added_tokens) set(static_cast<std::size_t>(added.id), added.content);
  }
  special_.resize(texts_.size());
  // A template may name an id that nothing else does: an engine would refuse it with every text.
  for (const Token token : template_.pair({}, {}).tokens) {
    if (token >= vocabulary_size())
      return fail(kTokenizerInvalid, fmt::format("the template adds token {}, the vocabulary has {}", token, vocabulary_size()));
  }
  for (const Token token : template_.single({})) {
    if (token >= vocabulary_size())
      return fail(kTokenizerInvalid, fmt::format("the template adds token {}, the vocabulary has {}", token, vocabulary_size()));
    special_[static_cast<std::size_t>(token)] = true;
  }
  return {};
}

Result<> SubwordTokenizer::build_added_tokens(const TokenizerFile& file) {
  std::vector<AddedTokenPart> raw;
  std::vector<AddedTokenPart> behind;
  for (const auto& added : file.added_tokens.value_or(std::vector<AddedTokenPart>())) {
    if (added.special) special_[static_cast<std::size_t>(added.id)] = true;
    if (!added.normalized) {
      raw.push_back(added);
      continue;
    }
    if (!is_valid_utf8(added.content)) return fail(kTokenizerInvalid, "an added token is not valid UTF-8");
    behind.push_back(added);
    TRY_ASSIGN(behind.back().content, normalized(added.content));
  }
  raw_added_ = AddedTokens(std::move(raw));
  normalized_added_ = AddedTokens(std::move(behind));
  return {};
}

// --- encoding ---------------------------------------------------------------------------------------------------------

Result<std::string> SubwordTokenizer::normalized(std::string_view text) const {
  std::string result(text);
  for (const auto& normalizer : normalizers_) {
    TRY_ASSIGN(result, normalizer->apply(std::move(result)));
    if (result.size() > limits_.text_bytes_max * 8) return fail(kTokenizerLimit, "the normalised text grows beyond its limit");
  }
  return result;
}

// Long texts stop where nothing more is wanted: at the tokens that stay, or beyond those that are allowed.
Result<std::vector<Token>> SubwordTokenizer::tokens_of(std::string_view text, const EncodeOptions& options) const {
  TRY(check_text(text, limits_));
  const std::size_t enough = options.truncate_to > 0 ? options.truncate_to : options.tokens_max + 1;
  std::vector<Token> tokens;
  for (const auto& section : raw_added_.split(text, options.parse_special)) {
    if (section.token) tokens.push_back(*section.token);
    for (TextWindows windows(section.token ? std::string_view() : section.text, cut_); !windows.done();) {
      if (options.cancel != nullptr && options.cancel->cancelled()) return fail(options.cancel->error());
      const auto window = windows.next();
      TRY(append_window(window, window.data() == text.data(), options.parse_special, tokens));
      if (tokens.size() >= enough) return tokens;
    }
  }
  return tokens;
}

Result<> SubwordTokenizer::append_window(std::string_view text, bool at_start, bool parse_special, std::vector<Token>& into) const {
  TRY_ASSIGN(const auto clean, normalized(text));
  for (const auto& section : normalized_added_.split(clean, parse_special)) {
    if (section.token)
      into.push_back(*section.token);
    else
      TRY(append_piece({std::string(section.text), at_start && section.text.data() == clean.data()}, into));
  }
  return {};
}

Result<> SubwordTokenizer::append_piece(TextPiece piece, std::vector<Token>& into) const {
  std::vector<TextPiece> pieces;
  pieces.push_back(std::move(piece));
  for (const auto& pre_tokenizer : pre_tokenizers_) {
    std::vector<TextPiece> smaller;
    smaller.reserve(pieces.size() * 2);
    for (TextPiece& larger : pieces) TRY(pre_tokenizer->split(std::move(larger), smaller));
    pieces = std::move(smaller);
  }
  for (const TextPiece& each : pieces) TRY(model_->append_tokens(each.text, into));
  return {};
}

Result<std::vector<Token>> SubwordTokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  TRY_ASSIGN(auto tokens, tokens_of(text, options));
  const std::size_t added = options.add_special ? template_.added_to_single() : 0;
  if (options.truncate_to > 0) tokens.resize(std::min(tokens.size(), options.truncate_to - std::min(added, options.truncate_to)));
  if (options.add_special) tokens = template_.single(tokens);
  TRY(check_tokens(tokens.size(), options));
  return tokens;
}

Result<TokenPair> SubwordTokenizer::encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options) const {
  TRY_ASSIGN(auto query, tokens_of(first, options));
  TRY_ASSIGN(auto document, tokens_of(second, options));
  const std::size_t added = template_.added_to_pair();
  if (options.truncate_to > 0) fit_pair(query, document, options.truncate_to, added);
  auto pair = template_.pair(query, document);
  TRY(check_tokens(pair.tokens.size(), options));
  return pair;
}

std::string SubwordTokenizer::piece(Token token, bool show_control) const {
  if (token < 0 || token >= vocabulary_size()) return "";
  const auto index = static_cast<std::size_t>(token);
  if (special_[index]) return show_control ? texts_[index] : "";
  return byte_level_ ? from_byte_alphabet(texts_[index]) : texts_[index];
}

std::optional<Token> SubwordTokenizer::find(std::string_view text) const {
  const auto found = std::ranges::find(texts_, text);
  return found == texts_.end() ? std::nullopt : std::optional(static_cast<Token>(found - texts_.begin()));
}

}  // namespace forebay::text

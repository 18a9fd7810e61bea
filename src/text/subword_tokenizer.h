// A tokenizer made from a tokenizer.json: normalise, split, find the tokens of each piece, put the special tokens around them.
// Tokens are those of Hugging Face's tokenizers for the same file and text.
// Threads: shared. Owner: the loaded model.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/subword_model.h"
#include "text/text_windows.h"
#include "text/token_template.h"
#include "text/tokenizer.h"

namespace forebay::text {

class SubwordTokenizer final : public Tokenizer {
 public:
  // kTokenizerInvalid, kTokenizerUnsupported (names the component) or kTokenizerLimit.
  static Result<std::unique_ptr<SubwordTokenizer>> read(std::string_view json, const TokenizerLimits& limits = {});
  static Result<std::unique_ptr<SubwordTokenizer>> open(const std::filesystem::path& path, const TokenizerLimits& limits = {});

  Result<std::vector<Token>> encode(std::string_view text, const EncodeOptions& options) const override;
  Result<TokenPair> encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options) const override;
  std::string piece(Token token, bool show_control) const override;
  std::int32_t vocabulary_size() const override { return static_cast<std::int32_t>(texts_.size()); }
  bool ends_generation(Token) const override { return false; }
  std::string bos_text() const override { return ""; }
  std::string eos_text() const override { return ""; }

  std::optional<Token> find(std::string_view text) const;
  // Fills up shorter texts of a batch: what the file says, else the usual name, else 0.
  Token padding_token() const { return padding_token_; }
  // What the file cuts texts to; 0 when it says nothing.
  std::uint32_t truncation_tokens() const { return truncation_tokens_; }

 private:
  explicit SubwordTokenizer(const TokenizerLimits& limits) : limits_(limits) {}
  Result<> build(const TokenizerFile& file);
  Result<> build_added_tokens(const TokenizerFile& file);
  Result<> build_texts(const TokenizerFile& file);
  Result<std::string> normalized(std::string_view text) const;
  Result<std::vector<Token>> tokens_of(std::string_view text, const EncodeOptions& options) const;
  Result<> append_window(std::string_view text, bool at_start, bool parse_special, std::vector<Token>& into) const;
  Result<> append_piece(TextPiece piece, std::vector<Token>& into) const;

  const TokenizerLimits limits_;
  AddedTokens raw_added_;         // found in the text as it came
  AddedTokens normalized_added_;  // found behind the normalizers
  std::vector<std::unique_ptr<Normalizer>> normalizers_;
  std::vector<std::unique_ptr<PreTokenizer>> pre_tokenizers_;
  std::unique_ptr<SubwordModel> model_;
  TokenTemplate template_;
  WindowCut cut_ = WindowCut::kNone;  // where long texts are cut into windows
  std::vector<std::string> texts_;    // by token
  std::vector<bool> special_;         // by token
  bool byte_level_ = false;
  Token padding_token_ = 0;
  std::uint32_t truncation_tokens_ = 0;
};

}  // namespace forebay::text

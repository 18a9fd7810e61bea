// What a tokenizer.json says (the format of Hugging Face's tokenizers), as plain values. A member that only some types have keeps its
// default for the others. Source: github.com/huggingface/tokenizers, the serialised forms of its components.
// Threads: immutable after reading.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/result.h"

namespace forebay::text {

struct TokenizerLimits {
  std::size_t file_bytes_max = 64U << 20U;
  std::uint32_t vocabulary_max = 2'000'000;
  std::uint32_t merges_max = 4'000'000;
  std::uint32_t added_tokens_max = 100'000;
  std::uint32_t token_bytes_max = 4096;
  std::uint32_t components_max = 64;  // normalizers and pre-tokenizers, those in sequences counted too
  std::uint32_t depth_max = 32;       // of the JSON
  std::size_t text_bytes_max = 16U << 20U;
};

// The members of the file, by their names there.
struct PatternPart {
  std::optional<std::string> text;   // "String"
  std::optional<std::string> regex;  // "Regex"
};

struct NormalizerPart {
  std::string type;
  std::optional<std::vector<NormalizerPart>> normalizers;
  std::optional<bool> clean_text, handle_chinese_chars, strip_accents, lowercase;
  std::optional<bool> strip_left, strip_right;
  std::optional<std::string> prepend, content, precompiled_charsmap;
  std::optional<PatternPart> pattern;
};

struct PreTokenizerPart {
  std::string type;
  std::optional<std::vector<PreTokenizerPart>> pretokenizers;
  std::optional<bool> add_prefix_space, use_regex, split, individual_digits, invert;
  std::optional<std::string> replacement, prepend_scheme, behavior, delimiter;
  std::optional<PatternPart> pattern;
};

struct TemplatePiece {
  struct Reference {
    std::string id;
    std::int64_t type_id = 0;
  };
  std::optional<Reference> special;   // "SpecialToken"
  std::optional<Reference> sequence;  // "Sequence": "A" or "B"
};

struct PostProcessorPart {
  struct Special {
    std::vector<std::int64_t> ids;
  };
  std::string type;
  std::optional<std::vector<PostProcessorPart>> processors;
  std::optional<std::vector<TemplatePiece>> single, pair;
  std::optional<std::map<std::string, Special>> special_tokens;
  std::optional<std::tuple<std::string, std::int64_t>> sep, cls;
};

struct AddedTokenPart {
  std::int64_t id = 0;
  std::string content;
  bool single_word = false, lstrip = false, rstrip = false, normalized = false, special = false;
};

struct ModelPart {
  std::string type;                                               // "WordPiece", "BPE", "Unigram", "WordLevel"
  std::vector<std::tuple<std::string, double>> pieces;            // of Unigram: by id, with their logarithmic probabilities
  std::vector<std::pair<std::string, std::uint32_t>> vocabulary;  // of the others
  std::vector<std::pair<std::string, std::string>> merges;
  std::optional<std::string> unk_token, continuing_subword_prefix, end_of_word_suffix;
  std::optional<std::int64_t> unk_id;
  std::uint32_t word_characters_max = 100;
  bool fuse_unk = false, byte_fallback = false, ignore_merges = false;
};

struct TokenizerFile {
  std::optional<std::vector<AddedTokenPart>> added_tokens;
  std::optional<NormalizerPart> normalizer;
  std::optional<PreTokenizerPart> pre_tokenizer;
  std::optional<PostProcessorPart> post_processor;
  ModelPart model;
  std::uint32_t truncation_tokens = 0;  // 0: the file says nothing
  std::optional<std::int64_t> pad_id;
  bool byte_level_decoder = false;
};

// kTokenizerInvalid, kTokenizerUnsupported or kTokenizerLimit.
Result<TokenizerFile> read_tokenizer_file(std::string_view json, const TokenizerLimits& limits = {});

}  // namespace forebay::text

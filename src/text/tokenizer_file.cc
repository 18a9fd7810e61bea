#include "text/tokenizer_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <glaze/json.hpp>
#include <unordered_map>

#include "text/errors.h"
#include "text/json_depth.h"

// Outside the unnamed namespace, because glaze looks at their linkage.
namespace forebay::text::wire {

struct Model {
  std::optional<std::string> type;
  glz::raw_json_view vocab;
  std::optional<glz::raw_json_view> merges;
  std::optional<std::string> unk_token, continuing_subword_prefix, end_of_word_suffix;
  std::optional<std::int64_t> unk_id, max_input_chars_per_word;
  std::optional<double> dropout;
  std::optional<bool> fuse_unk, byte_fallback, ignore_merges;
};

struct Truncation {
  std::int64_t max_length = 0;
};

struct Padding {
  std::optional<std::int64_t> pad_id;
};

struct Decoder {
  std::optional<std::string> type;
  std::optional<std::vector<Decoder>> decoders;
};

struct File {
  std::optional<std::vector<AddedTokenPart>> added_tokens;
  std::optional<NormalizerPart> normalizer;
  std::optional<PreTokenizerPart> pre_tokenizer;
  std::optional<PostProcessorPart> post_processor;
  std::optional<Truncation> truncation;
  std::optional<Padding> padding;
  std::optional<Decoder> decoder;
  std::optional<Model> model;
};

}  // namespace forebay::text::wire

template <>
struct glz::meta<forebay::text::PatternPart> {
  using T = forebay::text::PatternPart;
  static constexpr auto value = object("String", &T::text, "Regex", &T::regex);
};

template <>
struct glz::meta<forebay::text::TemplatePiece> {
  using T = forebay::text::TemplatePiece;
  static constexpr auto value = object("SpecialToken", &T::special, "Sequence", &T::sequence);
};

namespace forebay::text {

namespace {

constexpr glz::opts kOptions{.null_terminated = false, .error_on_unknown_keys = false};

template <class T>
Result<> read(T& into, std::string_view json, std::string_view what) {
  if (const auto problem = glz::read<kOptions>(into, json)) {
    return fail(kTokenizerInvalid, fmt::format("{} cannot be read: {}", what, glz::format_error(problem, std::string_view())));
  }
  return {};
}

char first_character(std::string_view json) {
  const auto at = json.find_first_not_of(" \t\r\n");
  return at == std::string_view::npos ? '\0' : json[at];
}

Result<> check_vocabulary_size(std::size_t size, const TokenizerLimits& limits) {
  if (size == 0) return fail(kTokenizerInvalid, "the vocabulary is empty");
  if (size > limits.vocabulary_max)
    return fail(kTokenizerLimit, fmt::format("the vocabulary has {} entries, at most {} are taken", size, limits.vocabulary_max));
  return {};
}

Result<std::uint32_t> checked_id(std::int64_t id, const std::string& token, const TokenizerLimits& limits) {
  if (id < 0 || id >= limits.vocabulary_max)
    return fail(kTokenizerInvalid, fmt::format("a token has the id {}, allowed are 0 to {}", id, limits.vocabulary_max - 1));
  if (token.size() > limits.token_bytes_max)
    return fail(kTokenizerLimit, fmt::format("a token has {} bytes, at most {} are taken", token.size(), limits.token_bytes_max));
  return static_cast<std::uint32_t>(id);
}

Result<> read_vocabulary(ModelPart& model, std::string_view json, const TokenizerLimits& limits) {
  if (model.type == "Unigram") {
    TRY(read(model.pieces, json, "the vocabulary"));
    TRY(check_vocabulary_size(model.pieces.size(), limits));
    for (std::size_t i = 0; i < model.pieces.size(); ++i)
      TRY(checked_id(static_cast<std::int64_t>(i), std::get<0>(model.pieces[i]), limits));
    return {};
  }
  std::unordered_map<std::string, std::int64_t> ids;
  TRY(read(ids, json, "the vocabulary"));
  TRY(check_vocabulary_size(ids.size(), limits));
  model.vocabulary.reserve(ids.size());
  for (const auto& [token, id] : ids) {
    TRY_ASSIGN(const auto checked, checked_id(id, token, limits));
    model.vocabulary.emplace_back(token, checked);
  }
  return {};
}

// ["a b", …] in older files, [["a", "b"], …] in newer ones.
Result<> read_merges(ModelPart& model, std::string_view json, const TokenizerLimits& limits) {
  const auto inner = json.find_first_not_of(" \t\r\n", json.find('[') + 1);
  if (inner != std::string_view::npos && json[inner] == '[') {
    std::vector<std::array<std::string, 2>> pairs;
    TRY(read(pairs, json, "the list of merges"));
    for (auto& [left, right] : pairs) model.merges.emplace_back(std::move(left), std::move(right));
  } else {
    std::vector<std::string> lines;
    TRY(read(lines, json, "the list of merges"));
    for (const auto& line : lines) {
      const auto space = line.find(' ');
      if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos)
        return fail(kTokenizerInvalid, fmt::format("merge {} is not two tokens with a space between them", model.merges.size()));
      model.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
    }
  }
  if (model.merges.size() > limits.merges_max)
    return fail(kTokenizerLimit, fmt::format("there are {} merges, at most {} are taken", model.merges.size(), limits.merges_max));
  return {};
}

// Files of early versions do not name the model.
std::string type_of(const wire::Model& model) {
  if (model.type) return *model.type;
  if (first_character(model.vocab.str) == '[') return "Unigram";
  return model.merges ? "BPE" : "WordPiece";
}

Result<ModelPart> read_model(wire::Model& file, const TokenizerLimits& limits) {
  ModelPart model;
  model.type = type_of(file);
  if (model.type != "WordPiece" && model.type != "BPE" && model.type != "Unigram" && model.type != "WordLevel")
    return fail(kTokenizerUnsupported, fmt::format("the model type '{}' is not supported", model.type.substr(0, 64)));
  if (file.dropout && *file.dropout > 0) return fail(kTokenizerUnsupported, "BPE with dropout is not supported: its tokens are random");
  TRY(read_vocabulary(model, file.vocab.str, limits));
  if (model.type == "BPE" && file.merges) TRY(read_merges(model, file.merges->str, limits));
  model.unk_token = std::move(file.unk_token);
  model.continuing_subword_prefix = std::move(file.continuing_subword_prefix);
  model.end_of_word_suffix = std::move(file.end_of_word_suffix);
  model.unk_id = file.unk_id;
  model.word_characters_max = static_cast<std::uint32_t>(std::clamp<std::int64_t>(file.max_input_chars_per_word.value_or(100), 1, 10'000));
  model.fuse_unk = file.fuse_unk.value_or(false);
  model.byte_fallback = file.byte_fallback.value_or(false);
  model.ignore_merges = file.ignore_merges.value_or(false);
  return model;
}

bool has_byte_level(const wire::Decoder& decoder) {
  return decoder.type == "ByteLevel" || (decoder.decoders && std::ranges::any_of(*decoder.decoders, has_byte_level));
}

}  // namespace

Result<TokenizerFile> read_tokenizer_file(std::string_view json, const TokenizerLimits& limits) {
  if (json.size() > limits.file_bytes_max)
    return fail(kTokenizerLimit, fmt::format("tokenizer.json has {} bytes, at most {} are read", json.size(), limits.file_bytes_max));
  if (nests_deeper_than(json, limits.depth_max))
    return fail(kTokenizerLimit, fmt::format("tokenizer.json nests deeper than {}", limits.depth_max));
  wire::File wire;
  TRY(read(wire, json, "tokenizer.json"));
  if (!wire.model) return fail(kTokenizerInvalid, "tokenizer.json has no 'model'");
  TokenizerFile file;
  TRY_ASSIGN(file.model, read_model(*wire.model, limits));
  file.added_tokens = std::move(wire.added_tokens);
  if (file.added_tokens) {
    if (file.added_tokens->size() > limits.added_tokens_max)
      return fail(kTokenizerLimit,
                  fmt::format("there are {} added tokens, at most {} are taken", file.added_tokens->size(), limits.added_tokens_max));
    for (const auto& added : *file.added_tokens) TRY(checked_id(added.id, added.content, limits));
  }
  file.normalizer = std::move(wire.normalizer);
  file.pre_tokenizer = std::move(wire.pre_tokenizer);
  file.post_processor = std::move(wire.post_processor);
  if (wire.truncation)
    file.truncation_tokens = static_cast<std::uint32_t>(std::clamp<std::int64_t>(wire.truncation->max_length, 0, 1 << 24));
  if (wire.padding) file.pad_id = wire.padding->pad_id;
  file.byte_level_decoder = wire.decoder && has_byte_level(*wire.decoder);
  return file;
}

}  // namespace forebay::text

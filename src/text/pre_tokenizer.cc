#include "text/pre_tokenizer.h"

#include <fmt/format.h>

#include "text/byte_alphabet.h"
#include "text/errors.h"
#include "text/pattern.h"
#include "text/piece_split.h"
#include "text/stream_text.h"
#include "text/unicode_text.h"

namespace forebay::text {

namespace {

using PreTokenizers = std::vector<std::unique_ptr<PreTokenizer>>;
using CharacterTest = bool (*)(char32_t);

// GPT-2's way to tell words from spaces and punctuation.
constexpr std::string_view kByteLevelPattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
// \w and \s as Unicode's regular expressions (UTS #18) have them.
constexpr std::string_view kWordPattern =
    R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\s]+)";

std::vector<Span> matching_characters(std::string_view text, CharacterTest test) {
  std::vector<Span> spans;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (test(unicode::next(text, at))) spans.push_back({begin, at});
  }
  return spans;
}

class CharacterSplit final : public PreTokenizer {
 public:
  CharacterSplit(CharacterTest test, SplitBehavior behavior) : test_(test), behavior_(behavior) {}
  Result<> split(TextPiece piece, std::vector<TextPiece>& into) const override {
    split_piece(piece, matching_characters(piece.text, test_), behavior_, false, into);
    return {};
  }

 private:
  CharacterTest test_;
  SplitBehavior behavior_;
};

// Whitespace is removed, every punctuation character stands alone.
class BertSplit final : public PreTokenizer {
 public:
  Result<> split(TextPiece piece, std::vector<TextPiece>& into) const override {
    const std::string_view text = piece.text;
    std::size_t word = 0;  // where the unfinished word begins
    const auto keep = [&](std::size_t begin, std::size_t end) {
      if (begin < end) into.push_back({std::string(text.substr(begin, end - begin)), piece.at_start && begin == 0});
    };
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t begin = at;
      const char32_t value = unicode::next(text, at);
      const bool space = unicode::is_space(value);
      if (!space && !unicode::is_punctuation(value)) continue;
      keep(word, begin);
      if (!space) keep(begin, at);
      word = at;
    }
    keep(word, text.size());
    return {};
  }
};

class PatternSplit final : public PreTokenizer {
 public:
  PatternSplit(Pattern pattern, SplitBehavior behavior, bool inverted)
      : pattern_(std::move(pattern)), behavior_(behavior), inverted_(inverted) {}
  Result<> split(TextPiece piece, std::vector<TextPiece>& into) const override {
    TRY_ASSIGN(const auto matches, pattern_.matches(piece.text));
    split_piece(piece, matches, behavior_, inverted_, into);
    return {};
  }

 private:
  Pattern pattern_;
  SplitBehavior behavior_;
  bool inverted_;
};

class ByteLevelSplit final : public PreTokenizer {
 public:
  ByteLevelSplit(std::optional<Pattern> pattern, bool space_first) : pattern_(std::move(pattern)), space_first_(space_first) {}
  Result<> split(TextPiece piece, std::vector<TextPiece>& into) const override {
    if (space_first_ && !piece.text.starts_with(' ')) piece.text.insert(0, 1, ' ');
    const std::size_t first = into.size();
    if (pattern_) {
      TRY_ASSIGN(const auto matches, pattern_->matches(piece.text));
      split_piece(piece, matches, SplitBehavior::kIsolated, false, into);
    } else {
      into.push_back(std::move(piece));
    }
    for (std::size_t i = first; i < into.size(); ++i) into[i].text = to_byte_alphabet(into[i].text);
    return {};
  }

 private:
  std::optional<Pattern> pattern_;
  bool space_first_;
};

enum class Prepend : std::uint8_t { kAlways, kFirst, kNever };

class MetaspaceSplit final : public PreTokenizer {
 public:
  MetaspaceSplit(std::string replacement, Prepend prepend, bool splits)
      : replacement_(std::move(replacement)), prepend_(prepend), splits_(splits) {}
  Result<> split(TextPiece piece, std::vector<TextPiece>& into) const override {
    std::string text;
    text.reserve(piece.text.size() + replacement_.size());
    for (const char c : piece.text) {
      if (c == ' ')
        text += replacement_;
      else
        text += c;
    }
    const bool wanted = prepend_ == Prepend::kAlways || (prepend_ == Prepend::kFirst && piece.at_start);
    if (wanted && !text.starts_with(replacement_)) text.insert(0, replacement_);
    piece.text = std::move(text);
    if (!splits_) {
      into.push_back(std::move(piece));
      return {};
    }
    std::vector<Span> found;
    for (std::size_t at = piece.text.find(replacement_); at != std::string::npos;
         at = piece.text.find(replacement_, at + replacement_.size()))
      found.push_back({at, at + replacement_.size()});
    split_piece(piece, found, SplitBehavior::kMergedWithNext, false, into);
    return {};
  }

 private:
  std::string replacement_;
  Prepend prepend_;
  bool splits_;
};

using Made = Result<std::unique_ptr<PreTokenizer>>;

std::unexpected<Error> unsupported(const PreTokenizerPart& part, std::string_view what) {
  return fail(kTokenizerUnsupported, fmt::format("the pre-tokenizer '{}' {}", part.type.substr(0, 64), what));
}

Result<SplitBehavior> behavior_of(const PreTokenizerPart& part, std::string_view otherwise) {
  if (const auto behavior = split_behavior(part.behavior ? std::string_view(*part.behavior) : otherwise)) return *behavior;
  return unsupported(part, "has a behavior that is not known");
}

Made make_pattern_split(const PreTokenizerPart& part) {
  TRY_ASSIGN(const auto behavior, behavior_of(part, "Isolated"));
  if (!part.pattern || (!part.pattern->text && !part.pattern->regex))
    return fail(kTokenizerInvalid, "the pre-tokenizer 'Split' has no pattern");
  auto pattern = part.pattern->text ? Pattern::literal(*part.pattern->text) : Pattern::compile(*part.pattern->regex);
  if (!pattern) return fail(std::move(pattern).error());
  return std::make_unique<PatternSplit>(*std::move(pattern), behavior, part.invert.value_or(false));
}

Made make_metaspace(const PreTokenizerPart& part) {
  const std::string replacement = part.replacement.value_or("\xE2\x96\x81");
  if (!is_valid_utf8(replacement) || unicode::count(replacement) != 1)
    return fail(kTokenizerInvalid, "the pre-tokenizer 'Metaspace' needs one character to stand for a space");
  const bool space_first = part.add_prefix_space.value_or(true);
  const std::string scheme = part.prepend_scheme.value_or(space_first ? "always" : "never");
  if (scheme != "always" && scheme != "first" && scheme != "never") return unsupported(part, "has a prepend_scheme that is not known");
  const Prepend prepend = scheme == "always" ? Prepend::kAlways : scheme == "first" ? Prepend::kFirst : Prepend::kNever;
  return std::make_unique<MetaspaceSplit>(replacement, prepend, part.split.value_or(true));
}

Made make_one(const PreTokenizerPart& part) {
  if (part.type == "BertPreTokenizer") return std::make_unique<BertSplit>();
  if (part.type == "WhitespaceSplit") return std::make_unique<CharacterSplit>(&unicode::is_space, SplitBehavior::kRemoved);
  if (part.type == "Digits") {
    const bool alone = part.individual_digits.value_or(false);
    return std::make_unique<CharacterSplit>(&unicode::is_numeric, alone ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
  }
  if (part.type == "Punctuation") {
    TRY_ASSIGN(const auto behavior, behavior_of(part, "Isolated"));
    return std::make_unique<CharacterSplit>(&unicode::is_punctuation, behavior);
  }
  if (part.type == "Whitespace") {
    TRY_ASSIGN(auto pattern, Pattern::compile(kWordPattern));
    return std::make_unique<PatternSplit>(std::move(pattern), SplitBehavior::kRemoved, true);
  }
  if (part.type == "CharDelimiterSplit") {
    TRY_ASSIGN(auto pattern, Pattern::literal(part.delimiter.value_or(" ")));
    return std::make_unique<PatternSplit>(std::move(pattern), SplitBehavior::kRemoved, false);
  }
  if (part.type == "ByteLevel") {
    std::optional<Pattern> pattern;
    if (part.use_regex.value_or(true)) {
      TRY_ASSIGN(pattern, Pattern::compile(kByteLevelPattern));
    }
    return std::make_unique<ByteLevelSplit>(std::move(pattern), part.add_prefix_space.value_or(true));
  }
  if (part.type == "Metaspace") return make_metaspace(part);
  if (part.type == "Split") return make_pattern_split(part);
  return unsupported(part, "is not supported");
}

Result<> add(PreTokenizers& into, const PreTokenizerPart& part, const TokenizerLimits& limits) {
  if (part.type == "Sequence") {
    for (const auto& inner : part.pretokenizers.value_or(std::vector<PreTokenizerPart>())) TRY(add(into, inner, limits));
    return {};
  }
  if (into.size() >= limits.components_max)
    return fail(kTokenizerLimit, fmt::format("there are more than {} pre-tokenizers", limits.components_max));
  TRY_ASSIGN(auto made, make_one(part));
  into.push_back(std::move(made));
  return {};
}

}  // namespace

Result<PreTokenizers> make_pre_tokenizers(const PreTokenizerPart* part, const TokenizerLimits& limits) {
  PreTokenizers made;
  if (part != nullptr) TRY(add(made, *part, limits));
  return made;
}

}  // namespace forebay::text

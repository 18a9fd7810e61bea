#include "text/normalizer.h"

#include <fmt/format.h>

#include <functional>
#include <optional>

#include "text/byte_alphabet.h"
#include "text/charsmap.h"
#include "text/errors.h"
#include "text/pattern.h"
#include "text/stream_text.h"
#include "text/unicode_text.h"

namespace forebay::text {

namespace {

using Normalizers = std::vector<std::unique_ptr<Normalizer>>;

template <class Keep>
std::string kept(std::string_view text, Keep keep) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (keep(unicode::next(text, at))) result.append(text.substr(begin, at - begin));
  }
  return result;
}

// A rewriting that cannot fail.
class Mapping final : public Normalizer {
 public:
  explicit Mapping(std::function<std::string(std::string)> map) : map_(std::move(map)) {}
  Result<std::string> apply(std::string text) const override { return map_(std::move(text)); }

 private:
  std::function<std::string(std::string)> map_;
};

struct BertOptions {
  bool clean = true;
  bool spaces_around_chinese = true;
  bool strip_accents = true;
  bool lowercase = true;
};

std::string clean(std::string_view text, const BertOptions& options) {
  std::string result;
  result.reserve(text.size() + 8);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t value = unicode::next(text, at);
    if (options.clean) {
      const bool line = value == '\t' || value == '\n' || value == '\r';
      if (value == 0xFFFD || (!line && unicode::is_control(value))) continue;
      if (unicode::is_space(value)) {
        result += ' ';
        continue;
      }
    }
    const bool apart = options.spaces_around_chinese && unicode::is_chinese(value);
    if (apart) result += ' ';
    result.append(text.substr(begin, at - begin));
    if (apart) result += ' ';
  }
  return result;
}

std::string bert(std::string text, const BertOptions& options) {
  if (options.clean || options.spaces_around_chinese) text = clean(text, options);
  if (options.strip_accents && !unicode::is_ascii(text)) {
    text = unicode::normalize(text, unicode::Form::kNfd);
    text = kept(text, [](char32_t value) { return !unicode::is_nonspacing_mark(value); });
  }
  return options.lowercase ? unicode::lower(text) : text;
}

// The control characters and spaces that SentencePiece's "nmt" rules remove or make a space.
std::string nmt(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = unicode::next(text, at);
    if ((c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F) continue;
    const bool space = c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) || c == 0x2028 ||
                       c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
    unicode::append(result, space ? U' ' : c);
  }
  return result;
}

std::string strip(std::string_view text, bool left, bool right) {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool any = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t here = at;
    if (unicode::is_space(unicode::next(text, at))) continue;
    if (!any) begin = here;
    any = true;
    end = at;
  }
  if (!any) return left || right ? std::string() : std::string(text);
  return std::string(text.substr(left ? begin : 0, (right ? end : text.size()) - (left ? begin : 0)));
}

class Replace final : public Normalizer {
 public:
  Replace(Pattern pattern, std::string content, std::size_t bytes_max)
      : pattern_(std::move(pattern)), content_(std::move(content)), bytes_max_(bytes_max) {}
  Result<std::string> apply(std::string text) const override {
    TRY_ASSIGN(const auto matches, pattern_.matches(text));
    if (matches.empty()) return text;
    if (text.size() + matches.size() * content_.size() > bytes_max_)
      return fail(kTokenizerLimit, "the normalised text grows beyond its limit");
    std::string result;
    std::size_t at = 0;
    for (const Span& match : matches) {
      result.append(text, at, match.begin - at).append(content_);
      at = match.end;
    }
    return result.append(text, at);
  }

 private:
  Pattern pattern_;
  std::string content_;
  std::size_t bytes_max_;
};

std::unique_ptr<Normalizer> mapping(std::function<std::string(std::string)> map) { return std::make_unique<Mapping>(std::move(map)); }

std::optional<unicode::Form> form_of(std::string_view type) {
  if (type == "NFC") return unicode::Form::kNfc;
  if (type == "NFD") return unicode::Form::kNfd;
  if (type == "NFKC") return unicode::Form::kNfkc;
  if (type == "NFKD") return unicode::Form::kNfkd;
  return std::nullopt;
}

Result<std::unique_ptr<Normalizer>> make_replace(const NormalizerPart& part, const TokenizerLimits& limits) {
  if (!part.pattern || (!part.pattern->text && !part.pattern->regex))
    return fail(kTokenizerInvalid, "the normalizer 'Replace' has no pattern");
  if (!is_valid_utf8(part.content.value_or(""))) return fail(kTokenizerInvalid, "the normalizer 'Replace' has content that is not UTF-8");
  auto pattern = part.pattern->text ? Pattern::literal(*part.pattern->text) : Pattern::compile(*part.pattern->regex);
  if (!pattern) return fail(std::move(pattern).error());
  return std::make_unique<Replace>(*std::move(pattern), part.content.value_or(""), limits.text_bytes_max * 4);
}

Result<std::unique_ptr<Normalizer>> make_one(const NormalizerPart& part, const TokenizerLimits& limits) {
  if (const auto form = form_of(part.type))
    return mapping([form = *form](const std::string& text) { return unicode::normalize(text, form); });
  if (part.type == "BertNormalizer") {
    const bool lowercase = part.lowercase.value_or(true);
    const BertOptions options{part.clean_text.value_or(true), part.handle_chinese_chars.value_or(true),
                              part.strip_accents.value_or(lowercase), lowercase};
    return mapping([options](std::string text) { return bert(std::move(text), options); });
  }
  if (part.type == "Lowercase") return mapping([](const std::string& text) { return unicode::lower(text); });
  if (part.type == "StripAccents")
    return mapping([](const std::string& text) { return kept(text, [](char32_t value) { return !unicode::is_mark(value); }); });
  if (part.type == "Strip")
    return mapping([left = part.strip_left.value_or(true), right = part.strip_right.value_or(true)](const std::string& text) {
      return strip(text, left, right);
    });
  if (part.type == "Nmt") return mapping([](const std::string& text) { return nmt(text); });
  if (part.type == "ByteLevel") return mapping([](const std::string& text) { return to_byte_alphabet(text); });
  if (part.type == "Prepend") {
    if (!is_valid_utf8(part.prepend.value_or(""))) return fail(kTokenizerInvalid, "the normalizer 'Prepend' has text that is not UTF-8");
    return mapping([prefix = part.prepend.value_or("")](const std::string& text) { return text.empty() ? text : prefix + text; });
  }
  if (part.type == "Replace") return make_replace(part, limits);
  if (part.type == "Precompiled") {
    TRY_ASSIGN(auto map, Charsmap::read(part.precompiled_charsmap.value_or("")));
    return mapping([map = std::make_shared<const Charsmap>(std::move(map))](const std::string& text) { return map->apply(text); });
  }
  return fail(kTokenizerUnsupported, fmt::format("the normalizer '{}' is not supported", part.type.substr(0, 64)));
}

Result<> add(Normalizers& into, const NormalizerPart& part, const TokenizerLimits& limits) {
  if (part.type == "Sequence") {
    for (const auto& inner : part.normalizers.value_or(std::vector<NormalizerPart>())) TRY(add(into, inner, limits));
    return {};
  }
  if (into.size() >= limits.components_max)
    return fail(kTokenizerLimit, fmt::format("there are more than {} normalizers", limits.components_max));
  TRY_ASSIGN(auto made, make_one(part, limits));
  into.push_back(std::move(made));
  return {};
}

}  // namespace

Result<Normalizers> make_normalizers(const NormalizerPart* part, const TokenizerLimits& limits) {
  Normalizers made;
  if (part != nullptr) TRY(add(made, *part, limits));
  return made;
}

}  // namespace forebay::text

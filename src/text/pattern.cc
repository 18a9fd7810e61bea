#include "text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include "text/errors.h"

namespace forebay::text {

namespace {
constexpr std::size_t kSourceBytesMax = 1 << 16;
constexpr std::uint32_t kMatchStepsMax = 10'000'000;
constexpr std::uint32_t kMatchDepthMax = 10'000;
constexpr std::uint32_t kMatchKibibytesMax = 64 << 10;

std::string reason(int code) {
  PCRE2_UCHAR buffer[256];
  return pcre2_get_error_message(code, buffer, sizeof buffer) < 0 ? "unknown" : reinterpret_cast<const char*>(buffer);
}
}  // namespace

struct Pattern::Code {
  explicit Code(pcre2_code* compiled) : code(compiled), limits(pcre2_match_context_create(nullptr)) {
    if (limits == nullptr) return;
    pcre2_set_match_limit(limits, kMatchStepsMax);
    pcre2_set_depth_limit(limits, kMatchDepthMax);
    pcre2_set_heap_limit(limits, kMatchKibibytesMax);
  }
  ~Code() {
    pcre2_match_context_free(limits);
    pcre2_code_free(code);
  }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  pcre2_code* code;
  pcre2_match_context* limits;
};

Pattern::Pattern(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

Result<Pattern> Pattern::compile(std::string_view source) {
  if (source.size() > kSourceBytesMax)
    return fail(kTokenizerLimit, fmt::format("a regular expression has {} bytes, at most {} are taken", source.size(), kSourceBytesMax));
  int error = 0;
  PCRE2_SIZE at = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(),
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &at, nullptr);
  if (code == nullptr)
    return fail(kTokenizerInvalid, fmt::format("a regular expression is not understood at byte {}: {}", at, reason(error)));
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // Only faster: without it the interpreter matches the same.
  return Pattern(std::make_unique<Code>(code));
}

Result<Pattern> Pattern::literal(std::string_view text) {
  std::string source;
  for (const char c : text) {
    const bool plain = static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (plain)
      source += c;
    else
      source += fmt::format("\\x{{{:x}}}", static_cast<unsigned char>(c));
  }
  return compile(source);
}

Result<std::vector<Span>> Pattern::matches(std::string_view text) const {
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(code_->code, nullptr), &pcre2_match_data_free);
  if (match == nullptr) return fail(kTokenizerLimit, "no memory to match a regular expression");
  std::vector<Span> found;
  std::uint32_t options = PCRE2_NO_UTF_CHECK;
  for (std::size_t at = 0; at <= text.size();) {
    const int count =
        pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, options, match.get(), code_->limits);
    if (count == PCRE2_ERROR_NOMATCH) break;
    if (count < 0) return fail(kTokenizerLimit, fmt::format("a regular expression failed on the text: {}", reason(count)));
    const PCRE2_SIZE* place = pcre2_get_ovector_pointer(match.get());
    const Span span{place[0], std::max(place[0], place[1])};
    found.push_back(span);
    at = span.end;
    if (span.begin == span.end) {  // an empty match: go on behind the next character
      ++at;
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) ++at;
    }
  }
  return found;
}

}  // namespace forebay::text

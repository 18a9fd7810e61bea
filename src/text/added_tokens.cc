#include "text/added_tokens.h"

#include <algorithm>

#include "text/pattern.h"
#include "text/unicode_text.h"

namespace forebay::text {

namespace {

// The last character before `at`, which is not the beginning.
char32_t character_before(std::string_view text, std::size_t at) {
  std::size_t begin = at - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) --begin;
  return unicode::next(text, begin);
}

bool stands_alone(std::string_view text, const Span& found) {
  if (found.begin > 0 && unicode::is_word(character_before(text, found.begin))) return false;
  std::size_t at = found.end;
  return at >= text.size() || !unicode::is_word(unicode::next(text, at));
}

std::size_t spaces_begin(std::string_view text, std::size_t end, std::size_t from) {
  while (end > from) {
    if (!unicode::is_space(character_before(text, end))) break;
    --end;
    while (end > from && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  }
  return end;
}

std::size_t spaces_end(std::string_view text, std::size_t begin) {
  while (begin < text.size()) {
    std::size_t at = begin;
    if (!unicode::is_space(unicode::next(text, at))) break;
    begin = at;
  }
  return begin;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedTokenPart> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedTokenPart& token) { return token.content.empty(); });
  std::vector<std::pair<std::string, std::uint32_t>> entries;
  entries.reserve(tokens_.size());
  for (std::uint32_t i = 0; i < tokens_.size(); ++i) entries.emplace_back(tokens_[i].content, i);
  trie_ = PrefixTrie(std::move(entries));
}

std::vector<AddedTokens::Section> AddedTokens::split(std::string_view text, bool special) const {
  std::vector<Section> sections;
  std::size_t kept = 0;  // until where the sections reach
  const auto keep = [&](std::size_t begin, std::size_t end, std::optional<Token> token) {
    if (begin < end) sections.push_back({text.substr(begin, end - begin), token});
  };
  for (std::size_t at = 0; !tokens_.empty() && at < text.size();) {
    const auto longest = trie_.longest_prefix(text.substr(at));
    if (!longest) {
      at += unicode::length_at(text, at);
      continue;
    }
    const AddedTokenPart& token = tokens_[longest->value];
    Span found{at, at + longest->bytes};
    at = found.end;
    if (token.special && !special) continue;
    if (token.single_word && !stands_alone(text, found)) continue;
    if (token.lstrip) found.begin = spaces_begin(text, found.begin, kept);
    if (token.rstrip) found.end = spaces_end(text, found.end);
    if (found.begin < kept) continue;
    keep(kept, found.begin, std::nullopt);
    keep(found.begin, found.end, static_cast<Token>(token.id));
    kept = found.end;
  }
  keep(kept, text.size(), std::nullopt);
  return sections;
}

}  // namespace forebay::text

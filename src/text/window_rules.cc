#include "text/window_rules.h"

#include <algorithm>
#include <string_view>

namespace forebay::text {

namespace {

template <class Names>
bool is_one_of(std::string_view name, const Names& names) {
  return std::ranges::find(names, name) != std::end(names);
}

// What a component can bear, or the least of its parts.
WindowCut lesser(WindowCut a, WindowCut b) {
  if (a == WindowCut::kNone || b == WindowCut::kNone) return WindowCut::kNone;
  return a == WindowCut::kBetweenWords || b == WindowCut::kBetweenWords ? WindowCut::kBetweenWords : WindowCut::kAfterSpace;
}

// A replaced text that has a space may reach over a cut. Runs of spaces do not: a cut is beside a single one.
WindowCut cut_of_replace(const NormalizerPart& part) {
  if (!part.pattern) return WindowCut::kNone;
  const bool single = part.pattern->text && (part.pattern->text->size() <= 1 || !part.pattern->text->contains(' '));
  const bool runs = part.pattern->regex && *part.pattern->regex == " {2,}";
  return single || runs ? WindowCut::kBetweenWords : WindowCut::kNone;
}

WindowCut cut_of(const NormalizerPart& part) {
  constexpr std::string_view kLocal[] = {"BertNormalizer", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"};
  constexpr std::string_view kBetweenWords[] = {"Nmt", "ByteLevel", "Precompiled"};
  if (part.type == "Sequence") {
    WindowCut cut = WindowCut::kAfterSpace;
    for (const auto& inner : part.normalizers.value_or(std::vector<NormalizerPart>())) cut = lesser(cut, cut_of(inner));
    return cut;
  }
  if (is_one_of(part.type, kLocal)) return WindowCut::kAfterSpace;
  if (is_one_of(part.type, kBetweenWords)) return WindowCut::kBetweenWords;
  if (part.type == "Strip") return part.strip_left.value_or(true) ? WindowCut::kNone : WindowCut::kBetweenWords;
  return part.type == "Replace" ? cut_of_replace(part) : WindowCut::kNone;
}

void flatten(const PreTokenizerPart& part, std::vector<const PreTokenizerPart*>& into) {
  if (part.type != "Sequence") return into.push_back(&part);
  if (!part.pretokenizers) return;
  for (const auto& inner : *part.pretokenizers) flatten(inner, into);
}

// Splits before a space between two words, so that nothing behind it sees both of them.
bool splits_words(const PreTokenizerPart& part) {
  if (part.type == "BertPreTokenizer" || part.type == "WhitespaceSplit" || part.type == "Whitespace") return true;
  if (part.type == "Metaspace") return part.split.value_or(true);
  if (part.type == "ByteLevel") return part.use_regex.value_or(true);
  // The patterns of GPT and its descendants: a word with at most one character before it.
  return part.type == "Split" && part.behavior.value_or("Isolated") == "Isolated" && !part.invert.value_or(false) && part.pattern &&
         part.pattern->regex && part.pattern->regex->contains("?\\p{L}+");
}

bool is_local(const PreTokenizerPart& part) {
  return splits_words(part) || part.type == "Digits" || part.type == "Punctuation" || part.type == "ByteLevel";
}

WindowCut cut_of_splitting(const TokenizerFile& file) {
  std::vector<const PreTokenizerPart*> parts;
  if (file.pre_tokenizer) flatten(*file.pre_tokenizer, parts);
  const bool splits = std::ranges::any_of(parts, [](const auto* part) { return splits_words(*part); });
  if (!splits || !std::ranges::all_of(parts, [](const auto* part) { return is_local(*part); })) return WindowCut::kNone;
  const std::string_view first = parts.front()->type;
  return first == "BertPreTokenizer" || first == "WhitespaceSplit" ? WindowCut::kAfterSpace : WindowCut::kBetweenWords;
}

}  // namespace

WindowCut window_cut_of(const TokenizerFile& file) {
  WindowCut cut = cut_of_splitting(file);
  if (file.normalizer) cut = lesser(cut, cut_of(*file.normalizer));
  if (!file.added_tokens) return cut;
  for (const auto& added : *file.added_tokens) {
    if (!added.normalized) continue;  // found before the text is cut
    if (std::ranges::any_of(added.content, [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; })) return WindowCut::kNone;
    if (added.rstrip && cut == WindowCut::kBetweenWords) return WindowCut::kNone;
  }
  return cut;
}

}  // namespace forebay::text

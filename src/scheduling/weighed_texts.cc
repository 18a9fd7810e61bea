#include "scheduling/weighed_texts.h"

#include <algorithm>

namespace forebay::scheduling {

WeighedTexts::Holder WeighedTexts::add(KeyedText text, std::size_t bytes) {
  const std::size_t known = longest(text, 1, false).tokens;
  const double own = static_cast<double>(text.size() - std::min(known, text.size() - 1));
  const Holder holder = next_++;
  tree_.set(holder, text);
  entries_.emplace(holder, Entry{bytes, own / static_cast<double>(bytes), {}});
  bytes_ += bytes;
  renew(holder);
  return holder;
}

void WeighedTexts::remove(Holder holder) {
  const auto found = entries_.find(holder);
  order_.erase({found->second.rank, holder});
  bytes_ -= found->second.bytes;
  entries_.erase(found);
  tree_.erase(holder);
}

void WeighedTexts::renew(Holder holder) {
  Entry& entry = entries_.at(holder);
  order_.erase({entry.rank, holder});
  entry.rank = {inflation_ + entry.worth_per_byte, ++uses_};
  order_.insert({entry.rank, holder});
}

WeighedTexts::Holder WeighedTexts::evict() {
  const auto [rank, holder] = *order_.begin();
  inflation_ = rank.first;
  remove(holder);
  return holder;
}

void WeighedTexts::clear() {
  while (!entries_.empty()) remove(entries_.begin()->first);
}

PrefixTree::Match WeighedTexts::longest(KeyedText text, std::size_t tokens_min, bool whole) const {
  PrefixTree::Match best;
  tree_.search(text, std::max<std::size_t>(1, tokens_min), [&](const PrefixTree::Match& match) {
    if (whole && tree_.length(match.holder) != match.tokens) return false;
    best = match;
    return true;
  });
  return best;
}

std::vector<WeighedTexts::Holder> WeighedTexts::covered_by(KeyedText text, bool with_beginnings) const {
  std::vector<Holder> covered;
  tree_.search(text, with_beginnings ? 1 : std::max<std::size_t>(1, text.size()), [&](const PrefixTree::Match& match) {
    if (tree_.length(match.holder) == match.tokens) covered.push_back(match.holder);
    return false;
  });
  return covered;
}

}  // namespace forebay::scheduling

#include "text/fewest_tokens.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

namespace forebay::text {

namespace {
constexpr std::size_t kBytesBetweenLooks = 64 << 10;
constexpr std::uint32_t kUnreached = std::numeric_limits<std::uint32_t>::max();
}  // namespace

FewestTokens::FewestTokens(std::vector<std::string> pieces, bool spaces_vanish) : spaces_vanish_(spaces_vanish) {
  std::vector<std::pair<std::string, std::uint32_t>> entries;
  entries.reserve(pieces.size());
  for (std::string& piece : pieces) {
    longest_ = std::max(longest_, piece.size());
    if (piece.size() == 1) single_[static_cast<unsigned char>(piece.front())] = true;
    // A tokenizer may put a space before a text, which the text itself does not have.
    if (piece.size() > 1 && piece.front() == ' ') entries.emplace_back(piece.substr(1), 0);
    entries.emplace_back(std::move(piece), 0);
  }
  all_bytes_ = std::ranges::all_of(single_, [](bool known) { return known; });
  trie_ = PrefixTrie(std::move(entries));
}

bool FewestTokens::vanishes(unsigned char byte) const {
  const bool space = byte == ' ' || (byte >= '\t' && byte <= '\r');
  return !single_[byte] || (spaces_vanish_ && space);
}

// Dijkstra over the places of the text, in order: a ring holds the fewest tokens to each place that one piece can reach from here.
Result<bool> FewestTokens::may_fit(std::string_view text, std::size_t most, const CancelToken* cancel) const {
  if (longest_ == 0 || text.size() <= most) return true;
  if (all_bytes_ && !spaces_vanish_ && (text.size() - 1) / longest_ >= most) return false;
  std::vector<std::uint32_t> ring(longest_ + 1, kUnreached);
  std::size_t furthest = 0;
  const auto offer = [&](std::size_t place, std::uint32_t tokens) {
    if (tokens > most) return;
    auto& fewest = ring[place % ring.size()];
    fewest = std::min(fewest, tokens);
    furthest = std::max(furthest, place);
  };
  offer(0, 0);
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (at > furthest) return false;
    if (cancel != nullptr && at % kBytesBetweenLooks == 0 && cancel->cancelled()) return fail(cancel->error());
    const std::uint32_t here = std::exchange(ring[at % ring.size()], kUnreached);
    if (here == kUnreached) continue;
    if (vanishes(static_cast<unsigned char>(text[at]))) offer(at + 1, here);
    trie_.for_each_prefix(text.substr(at), [&](const PrefixTrie::Found& found) { offer(at + found.bytes, here + 1); });
  }
  return furthest >= text.size();
}

}  // namespace forebay::text

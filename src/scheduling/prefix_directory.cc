#include "scheduling/prefix_directory.h"

#include <algorithm>

namespace forebay::scheduling {

namespace {
// The hash of a block and of everything before it: FNV-1a over token ids with the final mix of MurmurHash3.
std::uint64_t chained(std::uint64_t before, std::span<const text::Token> block) {
  std::uint64_t hash = before ^ 0xcbf29ce484222325U;
  for (const text::Token token : block) hash = (hash ^ static_cast<std::uint32_t>(token)) * 0x100000001b3U;
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdU;
  return hash ^ (hash >> 33);
}

// Calls visit(hash) for every whole block, until it says false.
template <class Visit>
void each_block(KeyedText text, Visit visit) {
  const auto tokens = text.tokens;
  std::uint64_t hash = text.origin.scope;
  for (std::size_t end = PrefixDirectory::kBlockTokens; end <= tokens.size(); end += PrefixDirectory::kBlockTokens) {
    hash = chained(hash, tokens.subspan(end - PrefixDirectory::kBlockTokens, PrefixDirectory::kBlockTokens));
    if (!visit(hash)) return;
  }
}
}  // namespace

void PrefixDirectory::note(Holder holder, KeyedText text) {
  auto blocks = blocks_.lock();
  each_block(text, [&](std::uint64_t hash) {
    std::vector<Holder>* holders = blocks->find(hash);
    if (holders == nullptr) return blocks->insert(hash, {holder}, 1);
    std::erase(*holders, holder);
    if (holders->size() >= kHoldersMax) holders->erase(holders->begin());
    holders->push_back(holder);
    return true;
  });
}

std::vector<std::size_t> PrefixDirectory::longest(KeyedText text, std::span<const Holder> holders) {
  std::vector<std::size_t> found(holders.size(), 0);
  std::size_t length = 0;
  auto blocks = blocks_.lock();
  each_block(text, [&](std::uint64_t hash) {
    const std::vector<Holder>* at = blocks->find(hash);
    if (at == nullptr) return false;
    bool any = false;
    for (std::size_t i = 0; i < holders.size(); ++i) {
      if (found[i] != length || !std::ranges::contains(*at, holders[i])) continue;
      found[i] = length + kBlockTokens;
      any = true;
    }
    length += kBlockTokens;
    return any;
  });
  return found;
}

std::size_t PrefixDirectory::size() const {
  return blocks_.read([](const Blocks& now) { return now.size(); });
}

}  // namespace forebay::scheduling

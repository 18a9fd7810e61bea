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

}  // namespace

std::vector<std::uint64_t> PrefixDirectory::hashes_of(KeyedText text) {
  std::vector<std::uint64_t> hashes;
  std::uint64_t hash = text.origin.scope;
  for (std::size_t end = kBlockTokens; end <= text.size(); end += kBlockTokens)
    hashes.push_back(hash = chained(hash, text.tokens.subspan(end - kBlockTokens, kBlockTokens)));
  return hashes;
}

void PrefixDirectory::note(Holder holder, Hashes text) {
  for (const std::uint64_t hash : text) {
    std::vector<Holder>* holders = blocks_.find(hash);
    if (holders == nullptr) {
      if (!blocks_.insert(hash, {holder}, 1)) return;
      continue;
    }
    std::erase(*holders, holder);
    if (holders->size() >= kHoldersMax) holders->erase(holders->begin());
    holders->push_back(holder);
  }
}

std::vector<std::size_t> PrefixDirectory::longest(Hashes text, std::span<const Holder> holders) {
  std::vector<std::size_t> found(holders.size(), 0);
  std::size_t length = 0;
  for (const std::uint64_t hash : text) {
    const std::vector<Holder>* at = blocks_.find(hash);
    if (at == nullptr) break;
    bool any = false;
    for (std::size_t i = 0; i < holders.size(); ++i) {
      if (found[i] != length || !std::ranges::contains(*at, holders[i])) continue;
      found[i] = length + kBlockTokens;
      any = true;
    }
    length += kBlockTokens;
    if (!any) break;
  }
  return found;
}

}  // namespace forebay::scheduling

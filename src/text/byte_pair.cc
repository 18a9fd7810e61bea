#include <fmt/format.h>

#include <optional>
#include <queue>
#include <unordered_map>

#include "text/errors.h"
#include "text/subword_model.h"
#include "text/unicode_text.h"
#include "text/vocabulary.h"

namespace forebay::text {

namespace {

struct Merge {
  std::uint32_t rank;
  Token token;  // what the two become
};
std::uint64_t pair_key(Token left, Token right) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32U) | static_cast<std::uint32_t>(right);
}

struct Symbol {
  Token token;
  std::int32_t previous;
  std::int32_t next;
  bool gone = false;
};

struct Candidate {
  std::uint32_t rank;
  std::uint32_t position;  // of the left symbol
  Token token;
  bool operator<(const Candidate& other) const {  // the best is on top of the queue
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

class BytePair final : public SubwordModel {
 public:
  explicit BytePair(const ModelPart& part) : vocabulary_(part.vocabulary) {
    prefix_ = part.continuing_subword_prefix.value_or("");
    suffix_ = part.end_of_word_suffix.value_or("");
    fuse_unknown_ = part.fuse_unk;
    ignore_merges_ = part.ignore_merges;
    if (part.unk_token) unknown_ = vocabulary_.find(*part.unk_token);
    if (part.byte_fallback) bytes_ = ByteTokens(vocabulary_);
  }

  Result<> add_merges(const ModelPart& part) {
    merges_.reserve(part.merges.size());
    for (std::uint32_t rank = 0; rank < part.merges.size(); ++rank) {
      const auto& [left, right] = part.merges[rank];
      const auto from = vocabulary_.find(left);
      const auto with = vocabulary_.find(right);
      const auto to = right.size() < prefix_.size() ? std::nullopt : vocabulary_.find(left + right.substr(prefix_.size()));
      if (!from || !with || !to) return fail(kTokenizerInvalid, fmt::format("merge {} names a token that is not in the vocabulary", rank));
      merges_.insert_or_assign(pair_key(*from, *with), Merge{rank, *to});
    }
    return {};
  }

  Result<> append_tokens(std::string_view piece, std::vector<Token>& into) const override {
    if (ignore_merges_) {
      if (const auto whole = vocabulary_.find(piece)) {
        into.push_back(*whole);
        return {};
      }
    }
    auto symbols = symbols_of(piece);
    merge(symbols);
    for (const Symbol& symbol : symbols) {
      if (!symbol.gone) into.push_back(symbol.token);
    }
    return {};
  }

 private:
  // The tokens of its bytes, when every byte has one.
  bool append_bytes(std::string_view character, std::vector<Symbol>& symbols) const {
    const auto tokens = bytes_.of(character);
    if (!tokens) return false;
    for (const Token token : *tokens) symbols.push_back({token, 0, 0});
    return true;
  }

  // A token a character; unknown characters are the unknown token, or are left out without one.
  std::vector<Symbol> symbols_of(std::string_view piece) const {
    std::vector<Symbol> symbols;
    std::uint32_t unknown = 0;  // seen and not added yet: as the reference does, they wait behind the tokens of bytes
    const auto flush = [&] {
      for (; unknown > 0; --unknown) symbols.push_back({*unknown_, 0, 0});
    };
    std::string decorated;
    for (std::size_t at = 0; at < piece.size();) {
      const std::size_t begin = at;
      at += unicode::length_at(piece, at);
      std::string_view character = piece.substr(begin, at - begin);
      if ((begin > 0 && !prefix_.empty()) || (at >= piece.size() && !suffix_.empty())) {
        decorated = (begin > 0 ? prefix_ : std::string()) + std::string(character) + (at >= piece.size() ? suffix_ : std::string());
        character = decorated;
      }
      if (const auto token = vocabulary_.find(character)) {
        flush();
        symbols.push_back({*token, 0, 0});
      } else if (!append_bytes(character, symbols) && unknown_) {
        if (unknown > 0 && !fuse_unknown_) flush();
        unknown = 1;
      }
    }
    flush();
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      symbols[i].previous = static_cast<std::int32_t>(i) - 1;
      symbols[i].next = i + 1 < symbols.size() ? static_cast<std::int32_t>(i + 1) : -1;
    }
    return symbols;
  }

  void merge(std::vector<Symbol>& symbols) const {
    std::priority_queue<Candidate> candidates;
    const auto offer = [&](std::int32_t left) {
      if (left < 0 || symbols[static_cast<std::size_t>(left)].next < 0) return;
      const Symbol& symbol = symbols[static_cast<std::size_t>(left)];
      const auto found = merges_.find(pair_key(symbol.token, symbols[static_cast<std::size_t>(symbol.next)].token));
      if (found != merges_.end()) candidates.push({found->second.rank, static_cast<std::uint32_t>(left), found->second.token});
    };
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) offer(static_cast<std::int32_t>(i));
    while (!candidates.empty()) {
      const Candidate best = candidates.top();
      candidates.pop();
      Symbol& left = symbols[best.position];
      if (left.gone || left.next < 0) continue;
      Symbol& right = symbols[static_cast<std::size_t>(left.next)];
      // One of the two may have become another token since.
      const auto found = merges_.find(pair_key(left.token, right.token));
      if (found == merges_.end() || found->second.token != best.token) continue;
      left.token = best.token;
      right.gone = true;
      left.next = right.next;
      if (right.next >= 0) symbols[static_cast<std::size_t>(right.next)].previous = static_cast<std::int32_t>(best.position);
      offer(left.previous);
      offer(static_cast<std::int32_t>(best.position));
    }
  }

  Vocabulary vocabulary_;
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::string prefix_;
  std::string suffix_;
  std::optional<Token> unknown_;
  ByteTokens bytes_;
  bool fuse_unknown_ = false;
  bool ignore_merges_ = false;
};

}  // namespace

Result<std::unique_ptr<SubwordModel>> make_byte_pair(const ModelPart& part) {
  auto made = std::make_unique<BytePair>(part);
  TRY(made->add_merges(part));
  return made;
}

}  // namespace forebay::text

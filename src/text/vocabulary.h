// Token texts to their ids.
// Threads: immutable after construction. Owner: a subword model.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace forebay::text {

class Vocabulary {
 public:
  explicit Vocabulary(const std::vector<std::pair<std::string, std::uint32_t>>& entries) {
    ids_.reserve(entries.size());
    for (const auto& [token, id] : entries) ids_.insert_or_assign(token, static_cast<Token>(id));
  }
  std::optional<Token> find(std::string_view token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, Token, Hash, std::equal_to<>> ids_;
};

// The tokens "<0x00>" to "<0xFF>", which stand for the bytes of characters that the vocabulary does not have.
class ByteTokens {
 public:
  ByteTokens() = default;  // has none
  explicit ByteTokens(const Vocabulary& vocabulary);
  // One a byte; nothing unless each has one.
  std::optional<std::vector<Token>> of(std::string_view text) const;

 private:
  std::vector<Token> tokens_;  // by byte, -1 where there is none
};

}  // namespace forebay::text

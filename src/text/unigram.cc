#include <algorithm>
#include <cmath>
#include <limits>

#include "text/errors.h"
#include "text/prefix_trie.h"
#include "text/subword_model.h"
#include "text/unicode_text.h"
#include "text/vocabulary.h"

namespace forebay::text {

namespace {

// How much less likely an unknown character is than the least likely piece; SentencePiece's number.
constexpr double kUnknownPenalty = 10.0;

std::vector<std::pair<std::string, std::uint32_t>> numbered(const ModelPart& part) {
  std::vector<std::pair<std::string, std::uint32_t>> entries;
  entries.reserve(part.pieces.size());
  for (std::uint32_t id = 0; id < part.pieces.size(); ++id) entries.emplace_back(std::get<0>(part.pieces[id]), id);
  return entries;
}

class Unigram final : public SubwordModel {
 public:
  explicit Unigram(const ModelPart& part) : vocabulary_(numbered(part)), trie_(numbered(part)) {
    double lowest = 0;
    scores_.reserve(part.pieces.size());
    for (const auto& [piece, score] : part.pieces) {
      scores_.push_back(score);
      lowest = std::min(lowest, score);
    }
    unknown_score_ = lowest - kUnknownPenalty;
    if (part.unk_id && *part.unk_id >= 0 && static_cast<std::size_t>(*part.unk_id) < part.pieces.size())
      unknown_ = static_cast<Token>(*part.unk_id);
    if (part.byte_fallback) bytes_ = ByteTokens(vocabulary_);
  }

  Result<> append_tokens(std::string_view piece, std::vector<Token>& into) const override {
    const auto path = best_path(piece);
    // From the end to the start: ends of the parts, unknown characters in a row as one part.
    std::vector<Part> parts;
    for (std::size_t end = piece.size(); end > 0;) {
      const Step& step = path[end];
      const bool unknown = step.token < 0 || step.token == unknown_;
      if (unknown && !parts.empty() && parts.back().unknown)
        parts.back().begin = step.begin;
      else
        parts.push_back({step.begin, end, step.token, unknown});
      end = step.begin;
    }
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
      if (!part->unknown)
        into.push_back(part->token);
      else
        TRY(append_unknown(piece.substr(part->begin, part->end - part->begin), into));
    }
    return {};
  }

 private:
  struct Step {  // the best way to where it ends
    double score = -std::numeric_limits<double>::infinity();
    std::size_t begin = 0;
    Token token = -1;  // -1: an unknown character
    bool reached = false;
  };
  struct Part {
    std::size_t begin, end;
    Token token;
    bool unknown;
  };

  std::vector<Step> best_path(std::string_view piece) const {
    std::vector<Step> steps(piece.size() + 1);
    steps[0].score = 0;
    for (std::size_t at = 0; at < piece.size();) {
      const double until = steps[at].score;
      const std::size_t character = std::min(unicode::length_at(piece, at), piece.size() - at);
      const auto offer = [&](std::size_t bytes, double score, Token token) {
        Step& step = steps[at + bytes];
        if (!step.reached || until + score > step.score) step = {until + score, at, token, true};
      };
      bool single = false;
      trie_.for_each_prefix(piece.substr(at), [&](const PrefixTrie::Found& found) {
        offer(found.bytes, scores_[found.value], static_cast<Token>(found.value));
        single |= found.bytes == character;
      });
      if (!single) offer(character, unknown_score_, unknown_);
      at += character;
    }
    return steps;
  }

  Result<> append_unknown(std::string_view text, std::vector<Token>& into) const {
    if (const auto token = vocabulary_.find(text)) {
      into.push_back(*token);
      return {};
    }
    if (const auto tokens = bytes_.of(text)) {
      into.insert(into.end(), tokens->begin(), tokens->end());
      return {};
    }
    if (unknown_ < 0) return fail(kTokenizerInvalid, "a character is not in the vocabulary, which has no token for unknown characters");
    into.push_back(unknown_);
    return {};
  }

  Vocabulary vocabulary_;
  PrefixTrie trie_;
  std::vector<double> scores_;
  double unknown_score_ = 0;
  Token unknown_ = -1;
  ByteTokens bytes_;
};

}  // namespace

Result<std::unique_ptr<SubwordModel>> make_unigram(const ModelPart& part) {
  for (const auto& [piece, score] : part.pieces) {
    if (!std::isfinite(score)) return fail(kTokenizerInvalid, "a piece of the vocabulary has no finite score");
  }
  return std::make_unique<Unigram>(part);
}

}  // namespace forebay::text

#include "text/piece_split.h"

#include <algorithm>

namespace forebay::text {

namespace {

struct Part {
  Span span;
  bool is_delimiter;
};

std::vector<Part> parts_of(std::size_t size, const std::vector<Span>& delimiters, bool inverted) {
  std::vector<Part> parts;
  std::size_t at = 0;
  for (const Span& span : delimiters) {
    if (at < span.begin) parts.push_back({{at, span.begin}, inverted});
    parts.push_back({span, !inverted});
    at = span.end;
  }
  if (at < size) parts.push_back({{at, size}, inverted});
  return parts;
}

// Each run of delimiters, and of what is between them, becomes one part.
std::vector<Part> contiguous(const std::vector<Part>& parts) {
  std::vector<Part> merged;
  for (const Part& part : parts) {
    if (!merged.empty() && merged.back().is_delimiter == part.is_delimiter)
      merged.back().span.end = part.span.end;
    else
      merged.push_back(part);
  }
  return merged;
}

// A delimiter joins the part before it, unless that is a delimiter too.
std::vector<Part> with_previous(const std::vector<Part>& parts) {
  std::vector<Part> merged;
  bool after_delimiter = false;
  for (const Part& part : parts) {
    if (part.is_delimiter && !after_delimiter && !merged.empty())
      merged.back().span.end = part.span.end;
    else
      merged.push_back(part);
    after_delimiter = part.is_delimiter;
  }
  return merged;
}

std::vector<Part> with_next(const std::vector<Part>& parts) {
  std::vector<Part> merged;
  bool before_delimiter = false;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->is_delimiter && !before_delimiter && !merged.empty())
      merged.back().span.begin = part->span.begin;
    else
      merged.push_back(*part);
    before_delimiter = part->is_delimiter;
  }
  std::ranges::reverse(merged);
  return merged;
}

}  // namespace

std::optional<SplitBehavior> split_behavior(std::string_view name) {
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return std::nullopt;
}

void split_piece(const TextPiece& piece, const std::vector<Span>& delimiters, SplitBehavior behavior, bool inverted,
                 std::vector<TextPiece>& into) {
  auto parts = parts_of(piece.text.size(), delimiters, inverted);
  if (behavior == SplitBehavior::kContiguous) parts = contiguous(parts);
  if (behavior == SplitBehavior::kMergedWithPrevious) parts = with_previous(parts);
  if (behavior == SplitBehavior::kMergedWithNext) parts = with_next(parts);
  for (const Part& part : parts) {
    if (part.span.begin == part.span.end || (behavior == SplitBehavior::kRemoved && part.is_delimiter)) continue;
    into.push_back({piece.text.substr(part.span.begin, part.span.end - part.span.begin), piece.at_start && part.span.begin == 0});
  }
}

}  // namespace forebay::text

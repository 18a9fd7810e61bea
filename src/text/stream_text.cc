#include "text/stream_text.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace forebay::text {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

enum class Outcome : std::uint8_t { kWhole, kInvalid, kIncomplete };
struct Sequence {
  Outcome outcome;
  std::size_t bytes;  // of the character, of the invalid part, or of what is there so far
};

// The first character of `text`, by the Unicode Standard's table 3-7. An invalid part is the longest beginning that could have become a
// character (section 3.9, "maximal subparts"), which is also how Python's decoder replaces.
Sequence first_sequence(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {Outcome::kWhole, 1};
  if (lead < 0xC2 || lead > 0xF4) return {Outcome::kInvalid, 1};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {Outcome::kIncomplete, i};
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (i == 1 && lead == 0xE0) low = 0xA0;
    if (i == 1 && lead == 0xED) high = 0x9F;
    if (i == 1 && lead == 0xF0) low = 0x90;
    if (i == 1 && lead == 0xF4) high = 0x8F;
    if (byte(i) < low || byte(i) > high) return {Outcome::kInvalid, i};
  }
  return {Outcome::kWhole, length};
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const Sequence sequence = first_sequence(text);
    if (sequence.outcome != Outcome::kWhole) return false;
    text.remove_prefix(sequence.bytes);
  }
  return true;
}

StreamText::StreamText(StopStrings stops) : stops_(std::move(stops)) {}

std::size_t StreamText::offset_of(std::string_view next_bytes) const {
  if (pending_bytes_.empty() || next_bytes.empty()) return characters_;
  // A byte that does not continue the character makes what is pending a replacement character.
  const std::string joined = pending_bytes_ + next_bytes.front();
  return first_sequence(joined).outcome == Outcome::kInvalid ? characters_ + 1 : characters_;
}

std::string StreamText::push(std::string_view bytes) {
  if (stopped_by_) return {};
  pending_bytes_ += bytes;
  return take_certain(false);
}

std::string StreamText::finish() {
  if (stopped_by_) return {};
  std::string rest = take_certain(true);
  if (stopped_by_) return rest;
  return rest += std::exchange(held_text_, {});
}

std::string StreamText::take_certain(bool at_end) {
  std::string_view bytes = pending_bytes_;
  while (!bytes.empty()) {
    const Sequence sequence = first_sequence(bytes);
    if (sequence.outcome == Outcome::kIncomplete && !at_end) break;
    held_text_ += sequence.outcome == Outcome::kWhole ? bytes.substr(0, sequence.bytes) : kReplacement;
    ++characters_;
    bytes.remove_prefix(sequence.bytes);
  }
  pending_bytes_.erase(0, pending_bytes_.size() - bytes.size());

  // The stop string that ends first wins, so that the result does not depend on how the bytes were cut into tokens.
  std::size_t first_begin = 0;
  std::size_t first_end = std::string::npos;
  for (std::size_t i = 0; i < stops_.texts.size(); ++i) {
    if (stops_.texts[i].empty()) continue;
    const std::size_t begin = held_text_.find(stops_.texts[i]);
    if (begin == std::string::npos) continue;
    const std::size_t end = begin + stops_.texts[i].size();
    if (end > first_end || (end == first_end && begin >= first_begin)) continue;
    first_begin = begin;
    first_end = end;
    stopped_by_ = i;
  }
  if (stopped_by_) {
    std::string shown = held_text_.substr(0, stops_.shown ? first_end : first_begin);
    held_text_.clear();
    pending_bytes_.clear();
    return shown;
  }

  std::size_t held = 0;  // the longest end of the text that begins a stop string
  for (const std::string& stop : stops_.texts) {
    for (std::size_t length = std::min(stop.empty() ? 0 : stop.size() - 1, held_text_.size()); length > held; --length) {
      if (held_text_.ends_with(std::string_view(stop).substr(0, length))) held = length;
    }
  }
  std::string shown = held_text_.substr(0, held_text_.size() - held);
  held_text_.erase(0, shown.size());
  return shown;
}

}  // namespace forebay::text

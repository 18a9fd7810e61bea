// Tokens' bytes in, text that may be shown out: never half a UTF-8 character, never a part of what may become a stop string.
// Threads: confined to its sequence. Owner: the sequence.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace forebay::text {

struct StreamTextLimits {
  std::size_t stop_strings_max = 16;
  std::size_t stop_string_bytes_max = 1024;
};

struct StopStrings {
  std::vector<std::string> texts;
  bool shown = false;  // the stop string that was met ends the output, instead of being left out
};

class StreamText {
 public:
  explicit StreamText(StopStrings stops);

  // Adds a token's bytes; returns what is now certain. Invalid bytes become U+FFFD, once it is certain that they are invalid.
  std::string push(std::string_view bytes);
  // Where the text of the next token begins: the characters of the whole text before it, also of what is held back. Bytes that continue a
  // character belong to it.
  std::size_t offset_of(std::string_view next_bytes) const;
  // The index of the stop string that was met; from then on push() returns nothing.
  std::optional<std::size_t> stopped_by() const { return stopped_by_; }
  // The rest, at the end of the generation: held-back text that did not become a stop string; an incomplete character becomes U+FFFD.
  std::string finish();

 private:
  std::string take_certain(bool at_end);
  StopStrings stops_;
  std::size_t characters_ = 0;  // whole ones, shown or held
  std::string pending_bytes_;   // an incomplete UTF-8 sequence
  std::string held_text_;       // whole characters that may begin a stop string
  std::optional<std::size_t> stopped_by_;
};

// True if every byte belongs to a well-formed UTF-8 sequence (no surrogates, no overlong forms, at most U+10FFFF).
bool is_valid_utf8(std::string_view text);

}  // namespace forebay::text

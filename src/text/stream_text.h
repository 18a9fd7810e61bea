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

class StreamText {
 public:
  explicit StreamText(std::vector<std::string> stop_strings);

  // Adds a token's bytes; returns what is now certain. Invalid bytes become U+FFFD, once it is certain that they are invalid.
  std::string push(std::string_view bytes);
  // The index of the stop string that was met; from then on push() returns nothing. The stop string itself is not in the output.
  std::optional<std::size_t> stopped_by() const { return stopped_by_; }
  // The rest, at the end of the generation: held-back text that did not become a stop string; an incomplete character becomes U+FFFD.
  std::string finish();

 private:
  std::string take_certain(bool at_end);
  std::vector<std::string> stop_strings_;
  std::string pending_bytes_;  // an incomplete UTF-8 sequence
  std::string held_text_;      // whole characters that may begin a stop string
  std::optional<std::size_t> stopped_by_;
};

// True if every byte belongs to a well-formed UTF-8 sequence (no surrogates, no overlong forms, at most U+10FFFF).
bool is_valid_utf8(std::string_view text);

}  // namespace forebay::text

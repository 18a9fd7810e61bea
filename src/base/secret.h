// A string that cannot be printed or logged, and is compared in constant time.
// Threads: immutable. Owner: whoever holds it.
#pragma once

#include <string>
#include <string_view>

namespace forebay {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  // The escape hatch: named so that a reviewer can search for it.
  const std::string& reveal_unsafe() const { return text_; }
  bool empty() const { return text_.empty(); }
  // Takes the same time for every candidate of the same length.
  bool equals_constant_time(std::string_view candidate) const {
    std::size_t different = text_.size() ^ candidate.size();
    for (std::size_t i = 0; i < candidate.size(); ++i) {
      const unsigned char mine = text_.empty() ? 0 : static_cast<unsigned char>(text_[i % text_.size()]);
      different |= static_cast<std::size_t>(mine ^ static_cast<unsigned char>(candidate[i]));
    }
    return different == 0;
  }

 private:
  std::string text_;
};

}  // namespace forebay

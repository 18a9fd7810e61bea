#include "text/tokenizer.h"

#include <algorithm>

namespace forebay::text {

void fit_pair(std::vector<Token>& first, std::vector<Token>& second, std::size_t length, std::size_t added) {
  const std::size_t room = length - std::min(added, length);
  if (first.size() + second.size() <= room) return;
  const bool first_is_longer = first.size() > second.size();
  auto& longer = first_is_longer ? first : second;
  auto& shorter = first_is_longer ? second : first;
  shorter.resize(std::min(shorter.size(), room / 2));
  longer.resize(std::min(longer.size(), room - shorter.size()));
}

}  // namespace forebay::text

#include "engines/backend_chain.h"

#include <algorithm>

namespace forebay::engines {

std::vector<std::string> split_backend_chain(std::string_view chain) {
  std::vector<std::string> names;
  while (!chain.empty()) {
    const std::string_view name = chain.substr(0, chain.find(','));
    chain.remove_prefix(std::min(chain.size(), name.size() + 1));
    const std::size_t start = name.find_first_not_of(' ');
    if (start != name.npos) names.emplace_back(name.substr(start, name.find_last_not_of(' ') - start + 1));
  }
  return names;
}

}  // namespace forebay::engines

#include <spanstream>

#include "scheduling/state_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::ispanstream file(std::span(reinterpret_cast<const char*>(bytes), size));
  const auto head = forebay::scheduling::read_state_file_head(file, size, std::vector<forebay::Digest>(1));
  if (!head) return 0;
  const auto state = forebay::scheduling::read_state_of_file(file, *head);
  if (state && state->size() > size) __builtin_trap();  // a state is no larger than its file
  return 0;
}

#include <cstdlib>

#include "formats/read_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace forebay::formats;
  const auto description = description_from_json({reinterpret_cast<const char*>(bytes), size});
  // What was accepted must be accepted again, unchanged.
  if (description) {
    const auto json = to_json(*description);
    const auto again = description_from_json(json);
    if (!again || to_json(*again) != json) std::abort();
  }
  return 0;
}

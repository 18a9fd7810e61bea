#include <algorithm>

#include "formats/label_list.h"
#include "formats/read_model.h"
#include "formats/recognise.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace forebay::formats;
  const auto all = std::as_bytes(std::span(bytes, size));
  const auto start = all.first(std::min(size, kRecognitionBytes));
  static_cast<void>(recognise(start, size));
  static_cast<void>(recognise_foreign(start));
  static_cast<void>(parse_labels({reinterpret_cast<const char*>(bytes), size}));
  return 0;
}

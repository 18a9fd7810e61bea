#include "formats/onnx_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto description = forebay::formats::read_onnx(std::as_bytes(std::span(bytes, size)), {}, std::nullopt);
  if (description) static_cast<void>(forebay::formats::to_json(*description));
  return 0;
}

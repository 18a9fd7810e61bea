// Reads the bytes as a form; every part must lie within them.
#include <cstdint>
#include <cstdlib>

#include "http/multipart.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto parts = forebay::http::read_form("multipart/form-data; boundary=x", body);
  if (!parts) return 0;
  for (const auto& part : *parts) {
    if (part.content.data() < body.data() || part.content.data() + part.content.size() > body.data() + body.size()) std::abort();
  }
  return 0;
}

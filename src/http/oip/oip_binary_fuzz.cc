// Two bytes of header length, then the body of an infer request: tensors inside the body, or an error.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "http/oip/infer_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace forebay;
  if (size < 2) return 0;
  formats::ModelDescription description;
  description.inputs.push_back({.name = "x", .dtype = tensors::DType::kFloat32, .shape = {-1}});
  description.inputs.push_back({.name = "s", .dtype = tensors::DType::kString, .shape = {-1}, .is_optional = true});
  description.outputs.push_back({.name = "y", .dtype = tensors::DType::kFloat32, .shape = {-1}});
  const auto body = std::make_shared<std::string>(reinterpret_cast<const char*>(bytes) + 2, size - 2);
  const std::string length = std::to_string(bytes[0] | (bytes[1] << 8));
  const auto request = http::oip::read_infer_request(*body, length, description, {.depth_max = 16, .keys_max = 64}, body);
  if (!request) return 0;
  const auto answer = http::oip::write_infer_answer("m", "1", *request, request->inputs);
  if (answer && answer->body.empty()) __builtin_trap();
  return 0;
}

// The binary tensor extension's bytes: little-endian, row-major, strings with a length of four bytes before each.
// Threads: confined to one request.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tensors/tensor.h"

namespace forebay::http::oip {

// What follows the JSON: tensors are taken off its front, in the order of the inputs.
class BinaryPart {
 public:
  BinaryPart(std::string_view bytes, std::shared_ptr<const void> keeper) : bytes_(bytes), keeper_(std::move(keeper)) {}
  std::size_t left() const { return bytes_.size(); }
  // kBinarySizes when fewer bytes are left, or they are not exactly this tensor's.
  Result<tensors::Tensor> take(tensors::DType dtype, tensors::Shape shape, std::size_t size);

 private:
  std::string_view bytes_;
  std::shared_ptr<const void> keeper_;
};

void append_binary(std::string& out, const tensors::Tensor& tensor);

}  // namespace forebay::http::oip

#include "http/oip/binary.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "http/errors.h"

namespace forebay::http::oip {

static_assert(std::endian::native == std::endian::little, "the wire's byte order is taken to be the machine's");

namespace {

Result<tensors::Tensor> strings(tensors::Shape shape, std::string_view bytes) {
  const std::size_t count = tensors::element_count(shape).value_or(0);
  // Each element has at least its length, so the bytes bound what is reserved.
  if (count > bytes.size() / 4) {
    return fail(kBinarySizes, fmt::format("{} strings do not fit {} bytes", count, bytes.size()));
  }
  std::vector<std::string> texts;
  texts.reserve(count);
  while (bytes.size() >= 4 && texts.size() < count) {
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data(), 4);
    bytes.remove_prefix(4);
    if (length > bytes.size()) break;
    texts.emplace_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  if (texts.size() != count || !bytes.empty()) return fail(kBinarySizes, "the lengths of the strings do not add up to binary_data_size");
  return tensors::Tensor::from_strings(std::move(shape), std::move(texts));
}

}  // namespace

Result<tensors::Tensor> BinaryPart::take(tensors::DType dtype, tensors::Shape shape, std::size_t size) {
  if (size > bytes_.size()) {
    return fail(kBinarySizes, fmt::format("the tensor has {} bytes, and {} are left in the body", size, bytes_.size()));
  }
  const std::string_view own = bytes_.substr(0, size);
  if (dtype == tensors::DType::kString) {
    TRY_ASSIGN(auto tensor, strings(std::move(shape), own));
    bytes_.remove_prefix(size);
    return tensor;
  }
  const auto count = tensors::element_count(shape);
  if (!count || *count > size || *count * tensors::element_bytes(dtype) != size) {
    return fail(kBinarySizes, fmt::format("{} {} does not have {} bytes", name_of(dtype), tensors::to_string(shape), size));
  }
  TRY_ASSIGN(auto tensor, tensors::Tensor::view(dtype, std::move(shape), std::as_bytes(std::span(own.data(), own.size())), keeper_));
  bytes_.remove_prefix(size);
  return tensor;
}

void append_binary(std::string& out, const tensors::Tensor& tensor) {
  if (tensor.dtype() != tensors::DType::kString) {
    out.append(reinterpret_cast<const char*>(tensor.bytes().data()), tensor.bytes().size());
    return;
  }
  for (const auto& text : tensor.strings()) {
    const auto length = static_cast<std::uint32_t>(text.size());
    char prefix[4];
    std::memcpy(prefix, &length, 4);
    out.append(prefix, 4);
    out += text;
  }
}

}  // namespace forebay::http::oip

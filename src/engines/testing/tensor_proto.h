// Reads the .pb files of the official ONNX tests: one TensorProto each. For files we know: throws on anything else.
// Threads: immutable. Owner: the test.
#pragma once

#include <cstring>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "tensors/tensor.h"

namespace forebay::engines {

// onnx/onnx.proto, message TensorProto.
class TensorProtoReader {
 public:
  explicit TensorProtoReader(const std::filesystem::path& path) : bytes_(read_text_file(path, 64 << 20).value()), rest_(bytes_) {
    while (!rest_.empty()) read_field();
  }
  const std::string& name() const { return name_; }
  // Nothing for element types we have no tensors of.
  std::optional<tensors::Tensor> tensor() const {
    using tensors::DType;
    // TensorProto.DataType, by number.
    static constexpr std::optional<DType> kTypes[] = {std::nullopt,    DType::kFloat32, DType::kUint8,  DType::kInt8,   DType::kUint16,
                                                      DType::kInt16,   DType::kInt32,   DType::kInt64,  DType::kString, DType::kBool,
                                                      DType::kFloat16, DType::kFloat64, DType::kUint32, DType::kUint64, std::nullopt,
                                                      std::nullopt,    DType::kBfloat16};
    if (type_ >= std::size(kTypes) || !kTypes[type_]) return std::nullopt;
    const DType dtype = *kTypes[type_];
    if (!tensors::element_count(shape_)) throw std::runtime_error("not a TensorProto");
    if (dtype == DType::kString) return tensors::Tensor::from_strings(shape_, strings_).value();
    tensors::Tensor tensor = tensors::Tensor::zeros(dtype, shape_);
    const auto to = tensor.mutable_bytes();
    std::string packed(raw_);
    if (packed.empty()) {
      for (const std::uint64_t value : integers_)
        packed.append(reinterpret_cast<const char*>(&value), tensors::element_bytes(dtype));  // little-endian
    }
    if (packed.size() != to.size()) throw std::runtime_error("a TensorProto of another size");
    std::memcpy(to.data(), packed.data(), packed.size());
    return tensor;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.at(0));
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    throw std::runtime_error("a number that does not end");
  }
  std::string_view take(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    if (taken.size() != size) throw std::runtime_error("a field past the end");
    rest_.remove_prefix(size);
    return taken;
  }
  void read_field() {
    const std::uint64_t key = varint();
    const std::uint64_t field = key >> 3U;
    const std::uint64_t wire = key & 7U;
    if (wire == 0) return read_number(field, varint());
    if (wire == 5) return void(raw_.append(take(4)));  // an unpacked float
    if (wire == 1) return void(raw_.append(take(8)));  // an unpacked double
    if (wire != 2) throw std::runtime_error("a field of an unknown kind");
    const std::string_view content = take(varint());
    if (field == 4 || field == 9 || field == 10)
      raw_.append(content);  // floats, raw, doubles: as they lie in memory
    else if (field == 6)
      strings_.emplace_back(content);
    else if (field == 8)
      name_ = content;
    else if (field == 1 || field == 5 || field == 7 || field == 11)
      read_packed(field, content);
  }
  void read_packed(std::uint64_t field, std::string_view content) {
    const std::string_view after = std::exchange(rest_, content);
    while (!rest_.empty()) read_number(field, varint());
    rest_ = after;
  }
  void read_number(std::uint64_t field, std::uint64_t value) {
    if (field == 1)
      shape_.push_back(static_cast<std::int64_t>(value));
    else if (field == 2)
      type_ = value;
    else
      integers_.push_back(value);
  }

  std::string bytes_;
  std::string_view rest_;
  tensors::Shape shape_;
  std::uint64_t type_ = 0;
  std::string name_;
  std::string raw_;
  std::vector<std::uint64_t> integers_;
  std::vector<std::string> strings_;
};

}  // namespace forebay::engines

#include "tensors/tensor.h"

#include <fmt/format.h>

#include <array>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <new>

#include "tensors/errors.h"

namespace forebay::tensors {

namespace {

struct DTypeRow {
  std::string_view name;
  std::string_view oip_name;
  std::size_t bytes;
};

// In the order of DType. Names of the Open Inference Protocol: kserve.github.io, "Tensor Data Types"; BF16 is Triton's.
constexpr std::array<DTypeRow, 14> kDTypes = {{{"bool", "BOOL", 1},
                                               {"uint8", "UINT8", 1},
                                               {"uint16", "UINT16", 2},
                                               {"uint32", "UINT32", 4},
                                               {"uint64", "UINT64", 8},
                                               {"int8", "INT8", 1},
                                               {"int16", "INT16", 2},
                                               {"int32", "INT32", 4},
                                               {"int64", "INT64", 8},
                                               {"float16", "FP16", 2},
                                               {"bfloat16", "BF16", 2},
                                               {"float32", "FP32", 4},
                                               {"float64", "FP64", 8},
                                               {"string", "BYTES", 0}}};

const DTypeRow& row_of(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)]; }

std::optional<DType> dtype_where(auto matches) {
  const auto found = std::ranges::find_if(kDTypes, matches);
  if (found == kDTypes.end()) return std::nullopt;
  return static_cast<DType>(found - kDTypes.begin());
}

// Engines read with vector instructions, and some refuse what is not aligned to a cache line.
constexpr std::align_val_t kAlignment{64};

std::shared_ptr<std::byte> allocate_zeroed(std::size_t bytes) {
  auto* start = static_cast<std::byte*>(::operator new(std::max<std::size_t>(bytes, 1), kAlignment));
  std::memset(start, 0, bytes);
  return {start, [](std::byte* memory) { ::operator delete(memory, kAlignment); }};
}

Result<std::size_t> check_size(DType dtype, const Shape& shape, std::size_t bytes) {
  if (dtype == DType::kString) return fail(kTensorTypeMismatch, "strings have no fixed number of bytes");
  const auto count = element_count(shape);
  if (!count) return fail(kTensorShapeInvalid, fmt::format("{} is not the shape of a tensor", to_string(shape)));
  if (*count * element_bytes(dtype) != bytes) {
    return fail(kTensorSizeMismatch, fmt::format("a {} tensor of shape {} has {} bytes, not {}", name_of(dtype), to_string(shape),
                                                 *count * element_bytes(dtype), bytes));
  }
  return *count;
}

// A bool with another value than 0 or 1 is undefined behaviour in every engine.
Result<> check_bools(DType dtype, std::span<const std::byte> bytes) {
  if (dtype != DType::kBool) return {};
  const auto wrong = std::ranges::find_if(bytes, [](std::byte byte) { return byte > std::byte{1}; });
  if (wrong == bytes.end()) return {};
  return fail(kTensorValueOutOfRange,
              fmt::format("element {} has the byte {}; a bool is 0 or 1", wrong - bytes.begin(), static_cast<int>(*wrong)));
}

bool same_rows(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape().size() == b.shape().size() &&
         std::equal(a.shape().begin() + 1, a.shape().end(), b.shape().begin() + 1);
}

}  // namespace

std::string_view name_of(DType dtype) { return row_of(dtype).name; }
std::string_view oip_name_of(DType dtype) { return row_of(dtype).oip_name; }
std::size_t element_bytes(DType dtype) { return row_of(dtype).bytes; }

std::optional<DType> dtype_named(std::string_view name) {
  return dtype_where([&](const DTypeRow& row) { return row.name == name || row.oip_name == name; });
}
std::optional<DType> dtype_of_oip(std::string_view oip_name) {
  return dtype_where([&](const DTypeRow& row) { return row.oip_name == oip_name; });
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += shape[i] < 0 ? std::string("?") : std::to_string(shape[i]);
  }
  return text + "]";
}

std::optional<std::size_t> element_count(const Shape& shape, std::size_t elements_max) {
  // Zeros are left out of the product that must not overflow: a slice of [0, 2^40, 2^40] would overflow later.
  constexpr std::size_t kProductMax = SIZE_MAX / 16;
  std::size_t product = 1;
  bool empty = false;
  for (const std::int64_t dimension : shape) {
    if (dimension < 0) return std::nullopt;
    if (dimension == 0)
      empty = true;
    else if (static_cast<std::uint64_t>(dimension) > kProductMax / product)
      return std::nullopt;
    else
      product *= static_cast<std::size_t>(dimension);
  }
  const std::size_t count = empty ? 0 : product;
  if (count > elements_max) return std::nullopt;
  return count;
}

Tensor::Tensor() : shape_{0} {}

Tensor Tensor::zeros(DType dtype, Shape shape) {
  const auto count = element_count(shape);
  if (!count) std::abort();  // Promised by the caller; going on would write outside the memory.
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = std::move(shape);
  tensor.count_ = *count;
  if (dtype == DType::kString) {
    auto strings = std::make_shared<std::vector<std::string>>(*count);
    tensor.strings_ = *strings;
    tensor.keeper_ = std::move(strings);
  } else {
    const std::size_t size = *count * tensors::element_bytes(dtype);
    auto memory = allocate_zeroed(size);
    tensor.bytes_ = {memory.get(), size};
    tensor.keeper_ = std::move(memory);
  }
  return tensor;
}

Result<Tensor> Tensor::from_bytes(DType dtype, Shape shape, std::vector<std::byte> bytes) {
  auto keeper = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const std::span<const std::byte> whole = *keeper;
  return view(dtype, std::move(shape), whole, std::move(keeper));
}

Result<Tensor> Tensor::view(DType dtype, Shape shape, std::span<const std::byte> bytes, std::shared_ptr<const void> keeper) {
  TRY_ASSIGN(const std::size_t count, check_size(dtype, shape, bytes.size()));
  TRY(check_bools(dtype, bytes));
  Tensor tensor;
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % tensors::element_bytes(dtype) != 0) {
    tensor = zeros(dtype, std::move(shape));
    std::ranges::copy(bytes, tensor.mutable_bytes().begin());
    return tensor;
  }
  tensor.dtype_ = dtype;
  tensor.shape_ = std::move(shape);
  tensor.count_ = count;
  tensor.bytes_ = bytes;
  tensor.keeper_ = std::move(keeper);
  return tensor;
}

Result<Tensor> Tensor::from_strings(Shape shape, std::vector<std::string> strings) {
  const auto count = element_count(shape);
  if (!count) return fail(kTensorShapeInvalid, fmt::format("{} is not the shape of a tensor", to_string(shape)));
  if (*count != strings.size()) {
    return fail(kTensorSizeMismatch, fmt::format("a tensor of shape {} has {} strings, not {}", to_string(shape), *count, strings.size()));
  }
  Tensor tensor;
  tensor.dtype_ = DType::kString;
  tensor.shape_ = std::move(shape);
  tensor.count_ = *count;
  auto keeper = std::make_shared<const std::vector<std::string>>(std::move(strings));
  tensor.strings_ = *keeper;
  tensor.keeper_ = std::move(keeper);
  return tensor;
}

std::span<std::byte> Tensor::mutable_bytes() {
  assert(keeper_.use_count() <= 1);
  return {const_cast<std::byte*>(bytes_.data()), bytes_.size()};
}

Result<Tensor> Tensor::reshaped(Shape shape) const {
  const auto count = element_count(shape);
  if (!count) return fail(kTensorShapeInvalid, fmt::format("{} is not the shape of a tensor", to_string(shape)));
  if (*count != count_) {
    return fail(kTensorShapeMismatch, fmt::format("{} has {} elements, {} has {}", to_string(shape_), count_, to_string(shape), *count));
  }
  Tensor other = *this;
  other.shape_ = std::move(shape);
  return other;
}

Result<Tensor> Tensor::rows(std::size_t first, std::size_t count) const {
  const std::size_t rows_here = shape_.empty() ? 0 : static_cast<std::size_t>(shape_[0]);
  if (shape_.empty() || first > rows_here || count > rows_here - first) {
    return fail(kTensorRowsOutOfRange, fmt::format("rows {} to {} of a tensor of shape {}", first, first + count, to_string(shape_)));
  }
  Tensor part = *this;
  part.shape_[0] = static_cast<std::int64_t>(count);
  const std::size_t row_elements = rows_here == 0 ? 0 : count_ / rows_here;
  part.count_ = count * row_elements;
  if (dtype_ == DType::kString) {
    part.strings_ = strings_.subspan(first * row_elements, part.count_);
  } else {
    const std::size_t row_bytes = row_elements * tensors::element_bytes(dtype_);
    part.bytes_ = bytes_.subspan(first * row_bytes, count * row_bytes);
  }
  return part;
}

Result<Tensor> Tensor::concatenate(std::span<const Tensor> parts) {
  if (parts.empty() || parts[0].shape_.empty()) return fail(kTensorShapeMismatch, "only tensors with a first dimension can be joined");
  Shape shape = parts[0].shape_;
  shape[0] = 0;
  for (const Tensor& part : parts) {
    if (!same_rows(parts[0], part)) {
      return fail(kTensorShapeMismatch, fmt::format("{} {} and {} {} cannot be joined", name_of(parts[0].dtype_),
                                                    to_string(parts[0].shape_), name_of(part.dtype_), to_string(part.shape_)));
    }
    if (__builtin_add_overflow(shape[0], part.shape_[0], shape.data())) {
      return fail(kTensorShapeInvalid, "the parts have too many rows together");
    }
  }
  if (parts.size() == 1) return parts[0];
  if (!element_count(shape)) return fail(kTensorShapeInvalid, "the parts have too many elements together");
  if (parts[0].dtype_ == DType::kString) {
    std::vector<std::string> strings;
    for (const Tensor& part : parts) strings.insert(strings.end(), part.strings_.begin(), part.strings_.end());
    return from_strings(std::move(shape), std::move(strings));
  }
  Tensor whole = zeros(parts[0].dtype_, std::move(shape));
  auto out = whole.mutable_bytes().begin();
  for (const Tensor& part : parts) out = std::ranges::copy(part.bytes_, out).out;
  return whole;
}

const Tensor* find_tensor(const NamedTensors& tensors, std::string_view name) {
  const auto found = std::ranges::find(tensors, name, &NamedTensor::name);
  return found == tensors.end() ? nullptr : &found->tensor;
}

}  // namespace forebay::tensors

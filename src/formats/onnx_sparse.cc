#include "formats/onnx_sparse.h"

#include <fmt/format.h>

#include "formats/byte_reader.h"
#include "formats/display_text.h"
#include "formats/errors.h"
#include "formats/onnx_weights.h"

namespace forebay::formats {

namespace {
std::unexpected<Error> invalid(const OnnxSparseTensor& sparse, std::string_view why) {
  return fail(kOnnxSparseInvalid, fmt::format("the sparse tensor '{}' {}", shortened(sparse.values.name, 200), why));
}

// Reads the indices in either of their layouts as places in the dense tensor, in the order they are written.
class Places {
 public:
  explicit Places(const OnnxSparseTensor& sparse)
      : sparse_(sparse),
        raw_(sparse.indices.raw.value_or(std::span<const std::byte>())),
        per_value_(sparse.indices.dimensions.size() == 2) {}

  // Nothing when an index is outside its dimension.
  std::optional<std::uint64_t> next(std::uint64_t elements) {
    if (!per_value_) {
      const auto index = number();
      return index >= 0 && static_cast<std::uint64_t>(index) < elements ? std::optional(static_cast<std::uint64_t>(index)) : std::nullopt;
    }
    std::uint64_t place = 0;
    for (const auto extent : sparse_.dimensions) {
      const auto index = number();
      if (index < 0 || index >= extent) return std::nullopt;
      place = place * static_cast<std::uint64_t>(extent) + static_cast<std::uint64_t>(index);
    }
    return place;
  }

 private:
  std::int64_t number() { return sparse_.indices.integers.empty() ? raw_.number<std::int64_t>() : sparse_.indices.integers[read_++]; }

  const OnnxSparseTensor& sparse_;
  ByteReader raw_;
  const bool per_value_;
  std::size_t read_ = 0;
};
}  // namespace

Result<std::uint64_t> check_sparse(const OnnxSparseTensor& sparse, std::uint64_t dense_bytes_max) {
  const auto& values = sparse.values;
  const auto& indices = sparse.indices;
  const auto bits = bits_of(values.type);
  if (bits < 8 || bits > 64 || values.is_external || indices.is_external) return invalid(sparse, "has values that cannot be sparse");
  if (indices.type != OnnxType::kInt64) return invalid(sparse, "has indices that are not int64");
  if (sparse.dimensions.empty() || values.dimensions.size() != 1) return invalid(sparse, "has no shape, or values that are not a list");
  const auto count = values.dimensions.front();
  const auto rank = static_cast<std::int64_t>(sparse.dimensions.size());
  const bool is_linear = indices.dimensions.size() == 1 && indices.dimensions[0] == count;
  const bool is_per_dimension = indices.dimensions.size() == 2 && indices.dimensions[0] == count && indices.dimensions[1] == rank;
  if (!is_linear && !is_per_dimension) return invalid(sparse, "has more or fewer indices than values");
  TRY_ASSIGN(const auto elements, element_count(values.name, sparse.dimensions));
  if (elements > dense_bytes_max / (bits / 8)) {
    return fail(kOnnxLimitExceeded, fmt::format("the sparse tensor '{}' has {} elements; at most {} bytes are allowed",
                                                shortened(values.name, 200), elements, dense_bytes_max));
  }
  Places places(sparse);
  std::optional<std::uint64_t> before;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto place = places.next(elements);
    if (!place) return invalid(sparse, "has an index outside its shape");
    if (before && *place <= *before) return invalid(sparse, "has indices that are not in ascending order");
    before = place;
  }
  return elements;
}

}  // namespace forebay::formats

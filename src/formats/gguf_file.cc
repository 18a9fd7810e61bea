#include "formats/gguf_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "formats/byte_reader.h"
#include "formats/errors.h"

namespace forebay::formats {

namespace {
constexpr std::uint64_t kKeyBytesMax = 65'535;     // the specification's limit
constexpr std::uint64_t kTensorNameBytesMax = 63;  // ggml's GGML_MAX_NAME holds a closing zero
constexpr std::uint32_t kArrayDepthMax = 4;
constexpr std::uint64_t kAlignmentMin = 8;
constexpr std::uint64_t kAlignmentMax = 65'536;

constexpr std::string_view kTypeNames[] = {"uint8", "int8",   "uint16", "int16",  "uint32", "int32",  "float32",
                                           "bool",  "string", "array",  "uint64", "int64",  "float64"};
constexpr std::size_t kTypeBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

std::size_t bytes_of(GgufType type) { return kTypeBytes[static_cast<std::size_t>(type)]; }

template <class T>
T load(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

std::optional<std::int64_t> integer_of(GgufType type, std::span<const std::byte> bytes) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kBool:
      return load<std::uint8_t>(bytes);
    case GgufType::kInt8:
      return load<std::int8_t>(bytes);
    case GgufType::kUint16:
      return load<std::uint16_t>(bytes);
    case GgufType::kInt16:
      return load<std::int16_t>(bytes);
    case GgufType::kUint32:
      return load<std::uint32_t>(bytes);
    case GgufType::kInt32:
      return load<std::int32_t>(bytes);
    case GgufType::kInt64:
      return load<std::int64_t>(bytes);
    case GgufType::kUint64: {
      const auto value = load<std::uint64_t>(bytes);
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
      return static_cast<std::int64_t>(value);
    }
    default:
      return std::nullopt;
  }
}

bool is_name(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::unexpected<Error> truncated(std::string_view where) {
  return fail(kGgufTruncated, fmt::format("the file ends inside {}, or a length there is wrong", where));
}

class Parser {
 public:
  Parser(std::span<const std::byte> bytes, const ReadLimits& limits) : reader_(bytes), limits_(limits), file_bytes_(bytes.size()) {}

  Result<GgufFile> parse() {
    TRY(read_header());
    for (std::uint64_t i = 0; i < entries_; ++i) TRY(read_entry(i));
    TRY(read_alignment());
    for (std::uint64_t i = 0; i < tensors_; ++i) TRY(read_tensor(i));
    TRY(place_tensors());
    return std::move(file_);
  }

 private:
  Result<> read_header() {
    reader_.take(4);  // The magic, which recognise() has seen.
    file_.version = reader_.number<std::uint32_t>();
    if (reader_.failed()) return truncated("its header");
    if (file_.version == 1) return fail(kGgufVersionOne, "the file is GGUF version 1");
    if ((file_.version & 0xffff) == 0 && file_.version != 0) return fail(kGgufBigEndian, "the file is GGUF for big-endian machines");
    if (file_.version != 2 && file_.version != 3)
      return fail(kGgufVersionUnsupported, fmt::format("the file says it is GGUF version {}", file_.version));
    tensors_ = reader_.number<std::uint64_t>();
    entries_ = reader_.number<std::uint64_t>();
    if (reader_.failed()) return truncated("its header");
    if (tensors_ > limits_.tensors_max) {
      return fail(kGgufLimitExceeded, fmt::format("the file declares {} tensors; at most {} are allowed", tensors_, limits_.tensors_max));
    }
    if (entries_ > limits_.metadata_entries_max) {
      return fail(kGgufLimitExceeded,
                  fmt::format("the file declares {} metadata entries; at most {} are allowed", entries_, limits_.metadata_entries_max));
    }
    return {};
  }

  Result<std::string_view> read_name(std::uint64_t bytes_max, std::string_view what) {
    const auto length = reader_.number<std::uint64_t>();
    if (!reader_.failed() && (length == 0 || length > bytes_max)) {
      return fail(length > reader_.remaining() ? kGgufTruncated : kGgufKeyInvalid,
                  fmt::format("{} has {} bytes; 1 to {} are allowed", what, length, bytes_max));
    }
    const auto name = reader_.take_text(length);
    if (reader_.failed()) return truncated(what);
    if (!is_name(name)) return fail(kGgufKeyInvalid, fmt::format("{} is not printable text", what));
    return name;
  }

  Result<> read_entry(std::uint64_t index) {
    TRY_ASSIGN(const auto key, read_name(kKeyBytesMax, fmt::format("metadata key {}", index)));
    const auto type = reader_.number<std::uint32_t>();
    TRY_ASSIGN(auto value, read_value(type, key));
    if (!file_.metadata.emplace(key, value).second) return fail(kGgufDuplicateKey, fmt::format("the metadata key '{}' appears twice", key));
    return {};
  }

  Result<GgufValue> read_value(std::uint32_t type_number, std::string_view key) {
    TRY_ASSIGN(const auto type, known_type(type_number, key));
    GgufValue value{.type = type};
    if (type == GgufType::kArray) {
      TRY(read_array(value, key));
    } else if (type == GgufType::kString) {
      TRY_ASSIGN(value.bytes, read_string(key));
    } else {
      value.bytes = reader_.take(bytes_of(type));
      if (reader_.failed()) return truncated(fmt::format("the value of '{}'", key));
      if (type == GgufType::kBool && load<std::uint8_t>(value.bytes) > 1)
        return fail(kGgufBooleanInvalid, fmt::format("the boolean '{}' is neither 0 nor 1", key));
    }
    return value;
  }

  Result<GgufType> known_type(std::uint32_t number, std::string_view key) {
    if (reader_.failed()) return truncated(fmt::format("the value of '{}'", key));
    if (number > static_cast<std::uint32_t>(GgufType::kFloat64)) {
      return fail(kGgufValueTypeUnknown, fmt::format("the value of '{}' has the unknown type {}", key, number));
    }
    return static_cast<GgufType>(number);
  }

  Result<std::span<const std::byte>> read_string(std::string_view key) {
    const auto length = reader_.number<std::uint64_t>();
    if (!reader_.failed() && length > limits_.string_bytes_max && length <= reader_.remaining()) {
      return fail(kGgufLimitExceeded,
                  fmt::format("a string of '{}' has {} bytes; at most {} are allowed", key, length, limits_.string_bytes_max));
    }
    const auto text = reader_.take(length);
    if (reader_.failed()) return truncated(fmt::format("the value of '{}'", key));
    return text;
  }

  // Sets the element type, their number and their bytes. Nested arrays are walked with the depth bounded.
  Result<> read_array(GgufValue& value, std::string_view key, std::uint32_t depth = 1) {
    if (depth > kArrayDepthMax)
      return fail(kGgufLimitExceeded, fmt::format("the arrays of '{}' are nested more than {} deep", key, kArrayDepthMax));
    TRY_ASSIGN(value.element_type, known_type(reader_.number<std::uint32_t>(), key));
    value.elements = reader_.number<std::uint64_t>();
    if (reader_.failed()) return truncated(fmt::format("the array '{}'", key));
    // Every element has at least one byte.
    if (value.elements > reader_.remaining()) return truncated(fmt::format("the array '{}'", key));
    if (value.elements > limits_.array_elements_max - std::min(elements_read_, limits_.array_elements_max)) {
      return fail(kGgufLimitExceeded, fmt::format("the array '{}' has {} elements; at most {} are allowed in all", key, value.elements,
                                                  limits_.array_elements_max));
    }
    elements_read_ += value.elements;
    const ByteReader start = reader_;
    if (value.element_type == GgufType::kString) {
      for (std::uint64_t i = 0; i < value.elements; ++i) TRY(read_string(key));
    } else if (value.element_type == GgufType::kArray) {
      for (std::uint64_t i = 0; i < value.elements; ++i) {
        GgufValue inner;
        TRY(read_array(inner, key, depth + 1));
      }
    } else {
      reader_.take(value.elements, bytes_of(value.element_type));
    }
    if (reader_.failed()) return truncated(fmt::format("the array '{}'", key));
    ByteReader again = start;
    value.bytes = again.take(reader_.offset() - start.offset());
    return {};
  }

  Result<> read_alignment() {
    const auto* value = file_.find("general.alignment");
    if (value == nullptr) return {};
    const auto alignment = value->as_integer();
    if (!alignment) return fail(kGgufMetadataWrongType, "general.alignment is not an integer");
    const auto number = static_cast<std::uint64_t>(*alignment);
    if (*alignment < 0 || !std::has_single_bit(number) || number < kAlignmentMin || number > kAlignmentMax) {
      return fail(kGgufAlignmentInvalid, fmt::format("general.alignment is {}", *alignment));
    }
    file_.alignment = number;
    return {};
  }

  Result<> read_tensor(std::uint64_t index) {
    GgufTensor tensor;
    TRY_ASSIGN(tensor.name, read_name(kTensorNameBytesMax, fmt::format("the name of tensor {}", index)));
    tensor.rank = reader_.number<std::uint32_t>();
    if (!reader_.failed() && (tensor.rank == 0 || tensor.rank > tensor.extents.size())) {
      return fail(kGgufTensorDimensionsInvalid,
                  fmt::format("tensor '{}' has {} dimensions; 1 to 4 are possible", tensor.name, tensor.rank));
    }
    for (std::uint32_t i = 0; i < tensor.rank && !reader_.failed(); ++i) tensor.extents[i] = reader_.number<std::uint64_t>();
    const auto type_number = reader_.number<std::uint32_t>();
    tensor.offset = reader_.number<std::uint64_t>();
    if (reader_.failed()) return truncated(fmt::format("the entry of tensor {}", index));
    tensor.type = gguf_tensor_type(type_number);
    if (tensor.type == nullptr)
      return fail(kGgufTensorTypeUnknown, fmt::format("tensor '{}' has the unknown type {}", tensor.name, type_number));
    TRY(measure(tensor));
    if (!file_.tensor_index.emplace(tensor.name, file_.tensors.size()).second) {
      return fail(kGgufDuplicateTensor, fmt::format("the tensor '{}' appears twice", tensor.name));
    }
    file_.tensors.push_back(tensor);
    return {};
  }

  Result<> measure(GgufTensor& tensor) const {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 8;
    tensor.elements = 1;
    for (const auto extent : tensor.extents) {
      if (extent == 0 || extent > kMost / tensor.elements) {
        return fail(kGgufTensorDimensionsInvalid, fmt::format("tensor '{}' has the impossible shape {}", tensor.name, shape_text(tensor)));
      }
      tensor.elements *= extent;
    }
    if (tensor.extents[0] % tensor.type->block_elements != 0) {
      return fail(kGgufTensorDimensionsInvalid,
                  fmt::format("tensor '{}' has rows of {} elements, which are not whole {} blocks of {}", tensor.name, tensor.extents[0],
                              tensor.type->name, tensor.type->block_elements));
    }
    tensor.bytes = tensor.elements / tensor.type->block_elements * tensor.type->block_bytes;  // At most 8 bytes an element: no overflow.
    return {};
  }

  Result<> place_tensors() {
    const std::uint64_t position = reader_.offset();
    const std::uint64_t padding = (file_.alignment - position % file_.alignment) % file_.alignment;
    file_.data_offset = position + padding;
    if (file_.tensors.empty()) return {};
    if (file_.data_offset > file_bytes_) return truncated("the padding before its tensors");
    const std::uint64_t data_bytes = file_bytes_ - file_.data_offset;
    std::vector<const GgufTensor*> by_offset;
    for (const auto& tensor : file_.tensors) {
      if (tensor.offset % file_.alignment != 0) {
        return fail(kGgufTensorMisaligned,
                    fmt::format("tensor '{}' starts at {}, which is no multiple of {}", tensor.name, tensor.offset, file_.alignment));
      }
      if (tensor.offset > data_bytes || tensor.bytes > data_bytes - tensor.offset) {
        return fail(kGgufTensorOutOfBounds, fmt::format("tensor '{}' has {} bytes at {} of a data section of {}", tensor.name, tensor.bytes,
                                                        tensor.offset, data_bytes));
      }
      by_offset.push_back(&tensor);
    }
    std::ranges::sort(by_offset, {}, &GgufTensor::offset);
    for (std::size_t i = 1; i < by_offset.size(); ++i) {
      if (by_offset[i - 1]->offset + by_offset[i - 1]->bytes > by_offset[i]->offset) {
        return fail(kGgufTensorsOverlap,
                    fmt::format("the tensors '{}' and '{}' claim the same bytes", by_offset[i - 1]->name, by_offset[i]->name));
      }
    }
    return {};
  }

  ByteReader reader_;
  const ReadLimits& limits_;
  std::uint64_t file_bytes_;
  std::uint64_t tensors_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t elements_read_ = 0;
  GgufFile file_;
};
}  // namespace

std::string_view name_of(GgufType type) { return kTypeNames[static_cast<std::size_t>(type)]; }

std::optional<std::string_view> GgufValue::as_text() const {
  if (type != GgufType::kString) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::optional<std::int64_t> GgufValue::as_integer() const { return integer_of(type, bytes); }

std::optional<double> GgufValue::as_number() const {
  if (type == GgufType::kFloat32) return load<float>(bytes);
  if (type == GgufType::kFloat64) return load<double>(bytes);
  if (type == GgufType::kUint64) return static_cast<double>(load<std::uint64_t>(bytes));
  if (const auto integer = as_integer()) return static_cast<double>(*integer);
  return std::nullopt;
}

std::optional<std::int64_t> GgufValue::integer_at(std::uint64_t index) const {
  if (type != GgufType::kArray || index >= elements) return std::nullopt;
  const auto width = bytes_of(element_type);
  if (width == 0) return std::nullopt;
  return integer_of(element_type, bytes.subspan(index * width, width));
}

std::vector<std::string_view> GgufValue::texts(std::size_t most) const {
  std::vector<std::string_view> found;
  if (!is_array_of(GgufType::kString)) return found;
  ByteReader reader(bytes);
  while (found.size() < most && !reader.at_end()) found.push_back(reader.take_text(reader.number<std::uint64_t>()));
  return found;
}

std::string shape_text(const GgufTensor& tensor) {
  return fmt::format("[{}]", fmt::join(std::span(tensor.extents).first(std::min<std::size_t>(tensor.rank, tensor.extents.size())), ", "));
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto found = metadata.find(key);
  return found == metadata.end() ? nullptr : &found->second;
}

const GgufTensor* GgufFile::tensor(std::string_view name) const {
  const auto found = tensor_index.find(name);
  return found == tensor_index.end() ? nullptr : &tensors[found->second];
}

Result<GgufFile> parse_gguf(std::span<const std::byte> bytes, const ReadLimits& limits) { return Parser(bytes, limits).parse(); }

}  // namespace forebay::formats

#include "tensors/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "tensors/errors.h"
#include "tensors/npy_header.h"
#include "tensors/utf8.h"

namespace forebay::tensors {

namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);

// What one element is in the file.
struct Item {
  DType dtype = DType::kFloat32;
  std::size_t bytes = 0;
  bool swapped = false;  // big-endian
  bool unicode = false;  // four bytes a character
};

std::optional<DType> dtype_of_code(char kind, std::size_t bytes) {
  switch (kind) {
    case 'b':
      return bytes == 1 ? std::optional(DType::kBool) : std::nullopt;
    case 'u':
      return bytes == 1   ? std::optional(DType::kUint8)
             : bytes == 2 ? std::optional(DType::kUint16)
             : bytes == 4 ? std::optional(DType::kUint32)
             : bytes == 8 ? std::optional(DType::kUint64)
                          : std::nullopt;
    case 'i':
      return bytes == 1   ? std::optional(DType::kInt8)
             : bytes == 2 ? std::optional(DType::kInt16)
             : bytes == 4 ? std::optional(DType::kInt32)
             : bytes == 8 ? std::optional(DType::kInt64)
                          : std::nullopt;
    case 'f':
      return bytes == 2   ? std::optional(DType::kFloat16)
             : bytes == 4 ? std::optional(DType::kFloat32)
             : bytes == 8 ? std::optional(DType::kFloat64)
                          : std::nullopt;
    case 'V':
      return bytes == 2 ? std::optional(DType::kBfloat16) : std::nullopt;
    case 'S':
    case 'U':
      return DType::kString;
    default:
      return std::nullopt;
  }
}

// "<f4": byte order, kind, size.
Result<Item> item_of(std::string_view descr) {
  const Error unsupported(kNpyUnsupported, fmt::format("the type '{}' is not supported", descr.substr(0, 32)));
  if (descr.size() < 3 || !std::string_view("<>|").contains(descr[0])) return fail(unsupported);
  std::size_t width = 0;
  const auto [end, error] = std::from_chars(descr.data() + 2, descr.data() + descr.size(), width);
  constexpr std::size_t kWidthMax = std::size_t{1} << 40;
  if (error != std::errc() || end != descr.data() + descr.size() || width > kWidthMax) return fail(unsupported);
  const auto dtype = dtype_of_code(descr[1], width);
  if (!dtype || width == 0) return fail(unsupported);  // Strings of no width would be elements without bytes.
  const bool unicode = descr[1] == 'U';
  return Item{.dtype = *dtype, .bytes = unicode ? width * 4 : width, .swapped = descr[0] == '>', .unicode = unicode};
}

std::uint32_t little_endian(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(bytes[i]);
  return value;
}

struct Parts {
  std::string_view header;
  std::span<const std::byte> body;
};

Result<Parts> split_file(std::span<const std::byte> file, std::size_t header_bytes_max) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (!text.starts_with(kMagic) || file.size() < 10) return fail(kNpyInvalid, "the bytes do not start like a .npy file");
  const int version = std::to_integer<int>(file[6]);
  if (version < 1 || version > 3) return fail(kNpyUnsupported, fmt::format("version {} is not known", version));
  const std::size_t start = version == 1 ? 10 : 12;
  if (file.size() < start) return fail(kNpyInvalid, "the file ends in its header");
  const std::size_t length = little_endian(file.subspan(8, start - 8));
  if (length > header_bytes_max) return fail(kTensorTooLarge, fmt::format("the header has more than {} bytes", header_bytes_max));
  if (length > file.size() - start) return fail(kNpyInvalid, "the file ends in its header");
  return Parts{text.substr(start, length), file.subspan(start + length)};
}

// Calls visit(k, offset) for the k-th element in row-major order and where it stands in the file.
template <class Visit>
void for_each_element(const NpyHeader& header, std::size_t count, Visit visit) {
  const std::size_t rank = header.shape.size();
  std::vector<std::size_t> step(rank, 1);  // elements between neighbours of a dimension
  for (std::size_t i = 1; i < rank; ++i) {
    const std::size_t to = header.column_major ? i : rank - 1 - i;
    const std::size_t from = header.column_major ? i - 1 : rank - i;
    step[to] = step[from] * static_cast<std::size_t>(header.shape[from]);
  }
  std::vector<std::int64_t> index(rank, 0);
  std::size_t offset = 0;
  for (std::size_t k = 0; k < count; ++k) {
    visit(k, offset);
    for (std::size_t i = rank; i-- > 0;) {
      offset += step[i];
      if (++index[i] < header.shape[i]) break;
      offset -= step[i] * static_cast<std::size_t>(header.shape[i]);
      index[i] = 0;
    }
  }
}

Result<Tensor> read_numbers(const NpyHeader& header, const Item& item, std::size_t count, std::span<const std::byte> body) {
  std::vector<std::byte> bytes(body.size());
  if (!header.column_major && !item.swapped) {
    std::ranges::copy(body, bytes.begin());
  } else {
    for_each_element(header, count, [&](std::size_t k, std::size_t offset) {
      const auto from = body.subspan(offset * item.bytes, item.bytes);
      const auto to = bytes.begin() + static_cast<std::ptrdiff_t>(k * item.bytes);
      if (item.swapped)
        std::ranges::reverse_copy(from, to);
      else
        std::ranges::copy(from, to);
    });
  }
  return Tensor::from_bytes(item.dtype, header.shape, std::move(bytes));
}

// One fixed-width element without the zeros that fill it up; false for what is no character.
bool read_string(std::span<const std::byte> element, const Item& item, std::string& out) {
  if (!item.unicode) {
    out.assign(reinterpret_cast<const char*>(element.data()), element.size());
    out.erase(out.find_last_not_of('\0') + 1);
    return true;
  }
  for (std::size_t i = 0; i < element.size(); i += 4) {
    std::array<std::byte, 4> character;
    std::ranges::copy(element.subspan(i, 4), character.begin());
    if (item.swapped) std::ranges::reverse(character);
    const std::uint32_t point = little_endian(character);
    if (!is_character(point)) return false;
    append_utf8(out, point);
  }
  out.erase(out.find_last_not_of('\0') + 1);
  return true;
}

Result<Tensor> read_strings(const NpyHeader& header, const Item& item, std::size_t count, std::span<const std::byte> body) {
  std::vector<std::string> strings(count);
  bool characters = true;
  for_each_element(header, count, [&](std::size_t k, std::size_t offset) {
    characters = read_string(body.subspan(offset * item.bytes, item.bytes), item, strings[k]) && characters;
  });
  if (!characters) return fail(kNpyInvalid, "a string has a character that does not exist");
  return Tensor::from_strings(header.shape, std::move(strings));
}

std::string_view code_of(DType dtype) {
  constexpr std::array<std::string_view, 13> kCodes = {"|b1", "|u1", "<u2", "<u4", "<u8", "|i1", "<i2",
                                                       "<i4", "<i8", "<f2", "<V2", "<f4", "<f8"};
  return kCodes[static_cast<std::size_t>(dtype)];
}

std::string header_of(std::string_view descr, const Shape& shape) {
  std::string tuple;
  for (const std::int64_t dimension : shape) tuple += fmt::format("{},", dimension);
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, tuple);
  // Spaces and a line end put the values at a multiple of 64.
  text.append(63 - (10 + text.size()) % 64, ' ');
  text += '\n';
  return fmt::format("{}{}{}{}{}{}", kMagic, '\x01', '\0', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8),
                     text);
}

Result<std::vector<std::u32string>> to_characters(std::span<const std::string> strings) {
  std::vector<std::u32string> texts;
  texts.reserve(strings.size());
  for (const std::string& string : strings) {
    auto text = to_utf32(string);
    if (!text) return fail(kNpyUnsupported, "a string is not UTF-8, which .npy files cannot hold");
    if (text->ends_with(U'\0')) return fail(kNpyUnsupported, "a string ends with a zero, which .npy files cannot hold");
    texts.push_back(std::move(*text));
  }
  return texts;
}

Result<std::string> write_strings(const Tensor& tensor, std::size_t bytes_max) {
  TRY_ASSIGN(const auto texts, to_characters(tensor.strings()));
  std::size_t width = 1;
  for (const auto& text : texts) width = std::max(width, text.size());
  std::string file = header_of(fmt::format("<U{}", width), tensor.shape());
  if (!texts.empty() && width > (bytes_max - std::min(bytes_max, file.size())) / 4 / texts.size()) {
    return fail(kTensorTooLarge, fmt::format("the file would have more than {} bytes", bytes_max));
  }
  for (const auto& text : texts) {
    file.append(reinterpret_cast<const char*>(text.data()), text.size() * 4);
    file.append((width - text.size()) * 4, '\0');
  }
  return file;
}

}  // namespace

Result<Tensor> read_npy(std::span<const std::byte> file, const NpyLimits& limits) {
  TRY_ASSIGN(const Parts parts, split_file(file, limits.header_bytes_max));
  TRY_ASSIGN(const NpyHeader header, parse_npy_header(parts.header, limits.rank_max));
  TRY_ASSIGN(const Item item, item_of(header.descr));
  if (!element_count(header.shape)) return fail(kNpyInvalid, fmt::format("the shape {} cannot be", to_string(header.shape)));
  const auto count = element_count(header.shape, limits.elements_max);
  if (!count) return fail(kTensorTooLarge, fmt::format("{} are more than {} elements", to_string(header.shape), limits.elements_max));
  if (*count > parts.body.size() / item.bytes || *count * item.bytes != parts.body.size()) {
    return fail(kNpyInvalid,
                fmt::format("{} elements of {} bytes are declared, {} bytes are there", *count, item.bytes, parts.body.size()));
  }
  if (item.dtype == DType::kString) return read_strings(header, item, *count, parts.body);
  return read_numbers(header, item, *count, parts.body);
}

Result<std::string> write_npy(const Tensor& tensor, const NpyLimits& limits) {
  if (tensor.shape().size() > limits.rank_max) return fail(kTensorTooLarge, fmt::format("more than {} dimensions", limits.rank_max));
  if (tensor.dtype() == DType::kString) return write_strings(tensor, limits.bytes_max);
  std::string file = header_of(code_of(tensor.dtype()), tensor.shape());
  if (tensor.bytes().size() > limits.bytes_max - std::min(limits.bytes_max, file.size())) {
    return fail(kTensorTooLarge, fmt::format("the file would have more than {} bytes", limits.bytes_max));
  }
  file.append(reinterpret_cast<const char*>(tensor.bytes().data()), tensor.bytes().size());
  return file;
}

}  // namespace forebay::tensors

#include "tensors/orientation.h"

#include <optional>
#include <string_view>

namespace forebay::tensors {

namespace {

using Bytes = std::span<const std::byte>;
constexpr std::string_view kExifMark("Exif\0\0", 6);

// The run of `length` bytes at `offset`, or nothing where it does not fit.
Bytes run_of(Bytes bytes, std::size_t offset, std::size_t length) {
  if (offset > bytes.size() || length > bytes.size() - offset) return {};
  return bytes.subspan(offset, length);
}

std::optional<std::uint32_t> number(Bytes bytes, std::size_t offset, std::size_t length, bool big_endian) {
  const Bytes run = run_of(bytes, offset, length);
  if (run.empty()) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < length; ++i) value = value << 8 | std::to_integer<std::uint32_t>(run[big_endian ? i : length - 1 - i]);
  return value;
}

bool starts_with(Bytes bytes, std::string_view text) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).starts_with(text);
}

// TIFF 6.0: byte order, 42, the offset of a directory; a count and 12 bytes an entry: tag, type, count, value.
std::optional<Orientation> orientation_in_tiff(Bytes tiff) {
  const bool big_endian = starts_with(tiff, "MM");
  if (!big_endian && !starts_with(tiff, "II")) return std::nullopt;
  const auto read = [&](std::size_t offset, std::size_t length) { return number(tiff, offset, length, big_endian); };
  constexpr std::uint32_t kTiff = 42;
  if (read(2, 2) != kTiff) return std::nullopt;
  const auto directory = read(4, 4);
  const auto entries = directory ? read(*directory, 2) : std::nullopt;
  if (!entries) return std::nullopt;
  constexpr std::size_t kEntryBytes = 12;
  constexpr std::uint32_t kOrientationTag = 274;
  constexpr std::uint32_t kShort = 3;
  for (std::size_t i = 0; i < *entries; ++i) {
    const std::size_t entry = std::size_t{*directory} + 2 + i * kEntryBytes;
    const auto tag = read(entry, 2);
    if (!tag) return std::nullopt;
    if (*tag != kOrientationTag) continue;
    const auto value = read(entry + 8, 2);
    if (read(entry + 2, 2) != kShort || read(entry + 4, 4) != 1U || !value || *value < 1 || *value > 8) return std::nullopt;
    return static_cast<Orientation>(*value);
  }
  return std::nullopt;
}

// Markers 0xFF and a letter, most with a length that counts itself; the pixels begin behind "start of scan".
Bytes exif_of_jpeg(Bytes file) {
  for (std::size_t at = 2;;) {
    while (at < file.size() && file[at] != std::byte{0xff}) ++at;
    while (at < file.size() && file[at] == std::byte{0xff}) ++at;
    if (at >= file.size()) return {};
    const auto marker = std::to_integer<unsigned>(file[at++]);
    constexpr unsigned kEndOfImage = 0xd9;
    constexpr unsigned kStartOfScan = 0xda;
    constexpr unsigned kApp1 = 0xe1;
    if (marker == kEndOfImage || marker == kStartOfScan) return {};
    const bool alone = marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd7);
    if (alone) continue;
    const auto length = number(file, at, 2, true);
    if (!length || *length < 2) return {};
    const Bytes body = run_of(file, at + 2, *length - 2);
    if (marker == kApp1 && starts_with(body, kExifMark)) return body.subspan(kExifMark.size());
    at += *length;
  }
}

struct ChunkLayout {
  std::size_t start;   // of the first chunk
  bool length_first;   // PNG; WebP has the name first
  std::size_t behind;  // bytes after a chunk's body: PNG's check sum
  std::size_t alignment;
  std::string_view wanted;
};
constexpr ChunkLayout kPngChunks{.start = 8, .length_first = true, .behind = 4, .alignment = 1, .wanted = "eXIf"};
constexpr ChunkLayout kWebpChunks{.start = 12, .length_first = false, .behind = 0, .alignment = 2, .wanted = "EXIF"};

Bytes exif_of_chunks(Bytes file, const ChunkLayout& layout) {
  for (std::size_t at = layout.start; at < file.size();) {
    const auto length = number(file, at + (layout.length_first ? 0 : 4), 4, layout.length_first);
    const Bytes name = run_of(file, at + (layout.length_first ? 4 : 0), 4);
    if (!length || name.empty()) return {};
    const Bytes body = run_of(file, at + 8, *length);
    if (starts_with(name, layout.wanted)) return starts_with(body, kExifMark) ? body.subspan(kExifMark.size()) : body;
    at += 8 + std::size_t{*length} + *length % layout.alignment + layout.behind;
  }
  return {};
}

Bytes exif_of(Bytes file, ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return exif_of_jpeg(file);
    case ImageFormat::kPng:
      return exif_of_chunks(file, kPngChunks);
    case ImageFormat::kWebp:
      return exif_of_chunks(file, kWebpChunks);
  }
  return {};
}

// Where the pixel to the right and the one below stand in the stored picture, in pixels.
struct Walk {
  std::ptrdiff_t start;
  std::ptrdiff_t right;
  std::ptrdiff_t down;
};
Walk walk_of(std::ptrdiff_t width, std::ptrdiff_t height, Orientation orientation) {
  switch (orientation) {
    case Orientation::kUpright:
      return {0, 1, width};
    case Orientation::kMirrored:
      return {width - 1, -1, width};
    case Orientation::kHalfTurn:
      return {width * height - 1, -1, -width};
    case Orientation::kFlipped:
      return {(height - 1) * width, 1, -width};
    case Orientation::kTransposed:
      return {0, width, 1};
    case Orientation::kQuarterTurn:
      return {(height - 1) * width, -width, 1};
    case Orientation::kTransverse:
      return {width * height - 1, -width, -1};
    case Orientation::kThreeQuarterTurn:
      return {width - 1, width, -1};
  }
  return {0, 1, width};
}

template <std::size_t Channels>
void copy(const Tensor& from, const Walk& walk, Tensor& into) {
  const std::byte* const pixels = from.bytes().data();
  std::byte* out = into.mutable_bytes().data();
  for (std::int64_t y = 0; y < into.shape()[0]; ++y) {
    for (std::int64_t x = 0; x < into.shape()[1]; ++x) {
      const std::byte* const pixel = pixels + (walk.start + y * walk.down + x * walk.right) * static_cast<std::ptrdiff_t>(Channels);
      for (std::size_t c = 0; c < Channels; ++c) *out++ = pixel[c];
    }
  }
}

}  // namespace

Orientation orientation_of(std::span<const std::byte> file, ImageFormat format) {
  return orientation_in_tiff(exif_of(file, format)).value_or(Orientation::kUpright);
}

Tensor turned_upright(Tensor picture, Orientation orientation) {
  if (orientation == Orientation::kUpright) return picture;
  const Shape& shape = picture.shape();
  const bool sides_change = orientation >= Orientation::kTransposed;
  Tensor turned = Tensor::zeros(DType::kUint8, {shape[sides_change ? 1 : 0], shape[sides_change ? 0 : 1], shape[2]});
  const Walk walk = walk_of(shape[1], shape[0], orientation);
  if (shape[2] == 1) copy<1>(picture, walk, turned);
  if (shape[2] == 3) copy<3>(picture, walk, turned);
  if (shape[2] == 4) copy<4>(picture, walk, turned);
  return turned;
}

}  // namespace forebay::tensors

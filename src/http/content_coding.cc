#include "http/content_coding.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "http/errors.h"

namespace forebay::http {

namespace {

constexpr std::size_t kStepBytes = 256 << 10;
// Bits of zlib's window: the largest, with the format added as zlib.h says.
constexpr int kGzipBits = 15 + 16;
constexpr int kZlibBits = 15;
constexpr int kRawBits = -15;

class Inflater {
 public:
  explicit Inflater(int window_bits) { usable_ = inflateInit2(&stream_, window_bits) == Z_OK; }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  bool usable() const { return usable_; }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
  bool usable_ = false;
};

// RFC 1950 section 2.2: a header's two bytes are a multiple of 31, with method 8.
bool has_zlib_header(std::string_view body) {
  if (body.size() < 2) return false;
  const unsigned first = static_cast<unsigned char>(body[0]);
  return (first & 0x0FU) == 8 && (first * 256 + static_cast<unsigned char>(body[1])) % 31 == 0;
}

}  // namespace

Result<ContentCoding> coding_of(std::string_view content_encoding) {
  std::string name(content_encoding);
  std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (name.empty() || name == "identity") return ContentCoding::kNone;
  if (name == "gzip" || name == "x-gzip") return ContentCoding::kGzip;
  if (name == "deflate") return ContentCoding::kDeflate;
  return fail(kContentEncoding, fmt::format("Content-Encoding {} is not taken", name.substr(0, 40)));
}

Result<std::string> decoded_body(std::string_view body, ContentCoding coding, const std::function<Result<>(std::uint64_t bytes)>& grow) {
  Inflater inflater(coding == ContentCoding::kGzip ? kGzipBits : has_zlib_header(body) ? kZlibBits : kRawBits);
  if (!inflater.usable()) return fail(kBodyDamaged, "the body cannot be decompressed");
  auto& stream = inflater.stream();
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  std::string decoded;
  int status = Z_OK;
  while (status == Z_OK) {
    const std::size_t before = decoded.size();
    TRY(grow(before + 1));
    decoded.resize_and_overwrite(before + kStepBytes, [&](char* to, std::size_t size) {
      stream.next_out = reinterpret_cast<Bytef*>(to + before);
      stream.avail_out = static_cast<uInt>(size - before);
      status = inflate(&stream, Z_NO_FLUSH);
      return size - stream.avail_out;
    });
    // A gzip file may have several members.
    if (status == Z_STREAM_END && stream.avail_in > 0 && coding == ContentCoding::kGzip) status = inflateReset(&stream);
  }
  if (status != Z_STREAM_END || stream.avail_in > 0) return fail(kBodyDamaged, "the compressed body is damaged or not complete");
  TRY(grow(decoded.size()));
  return decoded;
}

}  // namespace forebay::http

// Compressed request bodies: gzip (RFC 1952) and deflate (RFC 1950, and RFC 1951 as some clients send it).
// Threads: immutable.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace forebay::http {

// What Content-Encoding names. kContentEncoding for others, and for several at once.
enum class ContentCoding : std::uint8_t { kNone, kGzip, kDeflate };
Result<ContentCoding> coding_of(std::string_view content_encoding);

// Returns the decoded body. `grow` is told the bytes that it will have at least, before they are made; its error ends decoding.
// kBodyDamaged. Takes about 3 ms for each MiB that comes out.
Result<std::string> decoded_body(std::string_view body, ContentCoding coding, const std::function<Result<>(std::uint64_t bytes)>& grow);

}  // namespace forebay::http

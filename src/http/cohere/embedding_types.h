// Vectors in the types of Cohere's "embedding_types".
//   float, base64 (of little-endian float32)
//   int8     each number of the unit vector times 127, rounded; uint8 the same plus 128
//   ubinary  a bit for each number, set when it is above zero, eight to a byte, the first in the highest bit; binary the same minus 128
// Source: docs.cohere.com/docs/embeddings; the bits are those of numpy.packbits. Threads: immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "http/json_writer.h"

namespace forebay::http::cohere {

enum class EmbeddingType : std::uint8_t { kFloat, kBase64, kInt8, kUint8, kBinary, kUbinary };
std::string_view name_of(EmbeddingType type);  // "float"
std::optional<EmbeddingType> embedding_type_named(std::string_view name);
inline constexpr std::string_view kEmbeddingTypeNames = "float, base64, int8, uint8, binary or ubinary";

// Of a vector of unit length.
std::vector<int> quantised(const std::vector<float>& vector, EmbeddingType type);
// As a JSON value.
void write_as(JsonWriter& json, const std::vector<float>& vector, EmbeddingType type);

}  // namespace forebay::http::cohere

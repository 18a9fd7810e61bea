#include "http/cohere/embedding_types.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "http/embedding_run.h"

namespace forebay::http::cohere {

namespace {
constexpr std::array<std::string_view, 6> kNames = {"float", "base64", "int8", "uint8", "binary", "ubinary"};
constexpr int kSignedToUnsigned = 128;

std::vector<int> bytes_of_signs(const std::vector<float>& vector) {
  std::vector<int> bytes((vector.size() + 7) / 8);
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (vector[i] > 0) bytes[i / 8] |= 0x80 >> (i % 8);
  }
  return bytes;
}
}  // namespace

std::string_view name_of(EmbeddingType type) { return kNames.at(static_cast<std::size_t>(type)); }

std::optional<EmbeddingType> embedding_type_named(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<EmbeddingType>(found - kNames.begin());
}

std::vector<int> quantised(const std::vector<float>& vector, EmbeddingType type) {
  const bool bits = type == EmbeddingType::kBinary || type == EmbeddingType::kUbinary;
  std::vector<int> numbers = bits ? bytes_of_signs(vector) : std::vector<int>();
  if (!bits) {
    for (const float value : vector) numbers.push_back(static_cast<int>(std::lround(std::clamp(value, -1.0F, 1.0F) * 127)));
  }
  if (type == EmbeddingType::kUint8 || type == EmbeddingType::kBinary) {
    const int offset = type == EmbeddingType::kUint8 ? kSignedToUnsigned : -kSignedToUnsigned;
    for (int& number : numbers) number += offset;
  }
  return numbers;
}

void write_as(JsonWriter& json, const std::vector<float>& vector, EmbeddingType type) {
  if (type == EmbeddingType::kFloat || type == EmbeddingType::kBase64) return write_vector(json, vector, type == EmbeddingType::kBase64);
  json.array();
  for (const int number : quantised(vector, type)) json.value(number);
  json.end();
}

}  // namespace forebay::http::cohere

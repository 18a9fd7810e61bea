// Texts to vectors, the same for every dialect: parameters read from JSON, the service called, vectors written as JSON.
// Threads: called on the request pool. Not here: any dialect's fields, and what is done with the texts (inference/embedding.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "http/exchange.h"
#include "http/json_body.h"
#include "http/json_writer.h"
#include "http/urgency.h"
#include "inference/embedding.h"

namespace forebay::http {

struct EmbeddingOrder {
  std::string model;
  Urgency urgency;
  inference::EmbeddingParams params;
};

// "text", ["text", …], [1, 2, …] or [[1, 2], …]; at least one, none empty. kFieldRange, kFieldType, kTooManyItems.
// How many texts a request may have is the model's to say (models.embedding.request_texts_max) where `texts_max` is not given.
inline constexpr std::size_t kTextsReadMax = 1 << 20;
Result<std::vector<inference::TextOrTokens>> read_texts(const JsonValue& field, std::size_t texts_max = kTextsReadMax);

// Leases the model and answers with `to_json`, which runs on the request pool, or with an error of inference/embedding.h or kWrongTask.
void embed(const ExchangePtr& exchange, const EmbeddingOrder& order, std::function<std::string(const inference::Embeddings&)> to_json);

// What several dialects say in the same way; nothing when the field is not there. kFieldType, kFieldRange.
Result<> read_dimensions(const JsonObject& body, std::string_view name, inference::EmbeddingParams& params);
Result<> read_prompt_name(const JsonObject& body, inference::EmbeddingParams& params);

// A vector as base64 of little-endian float32, and as an array of numbers.
void write_vector(JsonWriter& json, const std::vector<float>& vector, bool base64 = false);

}  // namespace forebay::http

// Texts to vectors, the same for every dialect: tokens on the request pool, one submission, vectors normalised and shortened.
// Threads: called on the request pool. Not here: any dialect's JSON.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "http/exchange.h"
#include "http/json_body.h"
#include "http/json_writer.h"
#include "http/urgency.h"
#include "text/tokenizer.h"

namespace forebay::http {

// Texts of one request where a dialect has no setting for it.
inline constexpr std::size_t kRequestTextsMax = 2048;

struct EmbeddingOrder {
  std::string model;
  std::vector<std::variant<std::string, std::vector<text::Token>>> texts;
  std::optional<std::uint32_t> dimensions;  // keep the first ones, then normalise again
  bool truncate = false;                    // cut what is too long instead of refusing it
  bool normalize = true;                    // to unit length
  std::optional<std::string> prompt;        // by its name in the model's files; else the model's default, if it has one
  Urgency urgency;
  std::string field = "input";  // what errors are about
};

struct Embedded {
  std::string model;
  std::vector<std::vector<float>> vectors;  // of unit length unless the order said otherwise
  std::uint32_t tokens = 0;
  std::chrono::microseconds queued{0};
  std::chrono::microseconds inference{0};
};

// "text", ["text", …], [1, 2, …] or [[1, 2], …]; at least one, none empty. kFieldRange, kFieldType, kTooManyItems.
Result<std::vector<std::variant<std::string, std::vector<text::Token>>>> read_texts(const JsonValue& field, std::size_t texts_max);

// `to_json` runs on the request pool. Errors: kWrongTask, kTokenOutOfRange, text's kTextTooLong with the text's index, kFieldRange for
// dimensions.
void embed(const ExchangePtr& exchange, EmbeddingOrder order, std::function<std::string(const Embedded&)> to_json);

// What several dialects say in the same way; nothing when the field is not there. kFieldType, kFieldRange.
Result<> read_dimensions(const JsonObject& body, std::string_view name, EmbeddingOrder& order);
Result<> read_prompt_name(const JsonObject& body, EmbeddingOrder& order);

// A vector as base64 of little-endian float32, and as an array of numbers.
void write_vector(JsonWriter& json, const std::vector<float>& vector, bool base64 = false);

// To unit length; a vector of zeros stays one.
void normalize(std::vector<float>& vector);

}  // namespace forebay::http

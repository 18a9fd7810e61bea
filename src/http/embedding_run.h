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

enum class Truncation : std::uint8_t { kNone, kEnd, kStart };  // a text that is too long: refused, or what is cut of it

struct EmbeddingOrder {
  std::string model;
  std::vector<std::variant<std::string, std::vector<text::Token>>> texts;
  std::optional<std::uint32_t> dimensions;  // keep the first ones, then normalise again
  std::string dimensions_field = "dimensions";
  Truncation truncation = Truncation::kNone;
  bool normalize = true;               // to unit length
  std::optional<std::string> prompt;   // by its name in the model's files; else the model's default, if it has one
  std::vector<std::string> prompts{};  // … or the first of these names that the model has
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
// How many texts a request may have is the model's to say (models.embedding.request_texts_max) where `texts_max` is not given.
inline constexpr std::size_t kTextsReadMax = 1 << 20;
Result<std::vector<std::variant<std::string, std::vector<text::Token>>>> read_texts(const JsonValue& field,
                                                                                    std::size_t texts_max = kTextsReadMax);

// `to_json` runs on the request pool. Errors: kWrongTask, kTokenOutOfRange, kTooManyTexts, text's kTextTooLong and kVectorNotFinite with
// the text's index, kFieldRange for dimensions.
void embed(const ExchangePtr& exchange, EmbeddingOrder order, std::function<std::string(const Embedded&)> to_json);

// What stands before every text: the prompt of that name, else of the first of `names` that the model has, else its default; "" without
// one. kFieldRange for a name that it does not have.
Result<std::string> prompt_of(const models::ServedModel& model, const std::optional<std::string>& name,
                              const std::vector<std::string>& names = {});
// The error of a runner, which calls every text "input[i]", about the field as this dialect has it.
Error renamed(Error error, const std::string& field, std::size_t texts);

// What several dialects say in the same way; nothing when the field is not there. kFieldType, kFieldRange.
Result<> read_dimensions(const JsonObject& body, std::string_view name, EmbeddingOrder& order);
Result<> read_prompt_name(const JsonObject& body, EmbeddingOrder& order);

// A vector as base64 of little-endian float32, and as an array of numbers.
void write_vector(JsonWriter& json, const std::vector<float>& vector, bool base64 = false);

// Of vectors of unit length.
float cosine(const std::vector<float>& one, const std::vector<float>& other);

// To unit length; a vector of zeros stays one.
void normalize(std::vector<float>& vector);

}  // namespace forebay::http

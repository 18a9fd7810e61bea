// Texts to vectors: prompts by name, tokens, one submission, vectors shortened and brought to unit length.
// Thread safety: no state. The model must outlive the submission.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "inference/call.h"
#include "models/served_model.h"
#include "scheduling/request.h"
#include "text/tokenizer.h"

namespace forebay::inference {

enum class Truncation : std::uint8_t { kNone, kEnd, kStart };  // a text that is too long: refused, or where it is cut

using TextOrTokens = std::variant<std::string, std::vector<text::Token>>;

struct EmbeddingParams {
  std::vector<TextOrTokens> texts = {};
  std::optional<std::uint32_t> dimensions = {};  // the first ones of each vector, which is normalised again
  std::string dimensions_field = "dimensions";   // its name in errors
  Truncation truncation = Truncation::kNone;
  bool normalize = true;                   // to unit length
  std::optional<std::string> prompt = {};  // its name; absent: the first of `prompts` that the model has, else its default
  std::vector<std::string> prompts = {};   // names
  std::string field = "input";             // the name of the texts in errors
};

struct Embeddings {
  std::string model;
  std::vector<std::vector<float>> vectors;  // one a text
  std::uint32_t tokens = 0;
  std::chrono::microseconds queued{0};
  std::chrono::microseconds inference{0};
};

// Returns the text that stands in front of every text to embed: the prompt of this name; without a name the first of `preferred` that the
// model has, else its default prompt, or "". Errors: kFieldRange about "prompt_name".
Result<std::string> embedding_prompt(const models::ServedModel& model, const std::optional<std::string>& name,
                                     std::span<const std::string> preferred = {});

// Checks the parameters and tokenizes the texts. Blocks: for milliseconds.
// Requires: model.embedding. Errors: kFieldRange for dimensions and prompts, scheduling's kTooManyTexts, kTokenOutOfRange, and text's
// kTextTooLong with the text's index.
Result<scheduling::EmbeddingRequest> prepare_embedding(const Call& call, const models::ServedModel& model, const EmbeddingParams& params);
// Submits the texts of prepare_embedding(). `done` is called at most once: with vectors inside of call.aside, with an error on any thread.
// Errors: those of the runner, about params.field; then `done` is not called.
Result<> submit_embedding(const Call& call, models::ServedModel& model, scheduling::EmbeddingRequest request, const EmbeddingParams& params,
                          std::move_only_function<void(Result<Embeddings>)> done);

// Returns the cosine of two vectors of unit length.
float cosine(const std::vector<float>& one, const std::vector<float>& other);

}  // namespace forebay::inference

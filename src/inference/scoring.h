// Texts, or pairs of texts, to the scores of a classifier: tokens, one submission, probabilities, rankings.
// Thread safety: no state. The model must outlive the submission.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "inference/call.h"
#include "models/served_model.h"
#include "scheduling/request.h"

namespace forebay::inference {

// Rerankers have one score, or two classes of which one means that a pair fits; classifiers may have any number of classes.
enum class ScoringKind : std::uint8_t { kRanking, kClasses };

struct ScoringParams {
  ScoringKind kind = ScoringKind::kRanking;
  std::vector<std::pair<std::string, std::optional<std::string>>> texts = {};  // each alone, or with the one it is read with
  bool truncate = true;                                                        // cut what is too long instead of refusing it
  std::size_t second_tokens_max = 0;                                           // more of a pair's second text is cut; 0: any
  std::string field = "documents";                                             // the name of the texts in errors
};

struct Scores {
  std::string model;
  std::vector<std::vector<float>> logits;  // one a text, each with one number a class
  std::vector<std::string> labels;         // of the classes; empty when the model does not name them
  std::uint32_t tokens = 0;
};

// Tokenizes the texts. Blocks: for milliseconds.
// Requires: model.embedding. Errors: scheduling's kTooManyTexts, and text's kTextTooLong with the text's index.
Result<scheduling::EmbeddingRequest> prepare_scoring(const Call& call, const models::ServedModel& model, const ScoringParams& params);
// Submits the texts of prepare_scoring(). `done` is called at most once: with scores inside of call.aside, with an error on any thread.
// Errors: those of the runner, about params.field; then `done` is not called. models' kWrongTask for a ranking by more than two classes.
Result<> submit_scoring(const Call& call, models::ServedModel& model, scheduling::EmbeddingRequest request, const ScoringParams& params,
                        std::move_only_function<void(Result<Scores>)> done);

// Returns one logit as a probability, several as a distribution.
std::vector<float> probabilities(const std::vector<float>& logits);

// Returns which of two classes means that a pair fits: the second, unless only the first one's label says so.
std::size_t relevant_class(std::span<const std::string> labels);

struct Ranked {
  std::size_t index;
  float score;
};
// Returns the score of each text, as a probability or raw: the only logit, or that of the relevant one of two.
std::vector<float> relevance(const Scores& scores, bool raw);
// Returns the texts by their relevance, highest first; equal ones keep their order. At most `most`.
std::vector<Ranked> ranking(const Scores& scores, bool raw, std::size_t most);

struct ScoredClass {
  std::string label;  // "LABEL_0" for a class without a name
  float score;
};
// Returns the classes of one text, as probabilities or raw, highest first; equal ones keep their order.
std::vector<ScoredClass> classes_of(const Scores& scores, std::size_t index, bool raw);

}  // namespace forebay::inference

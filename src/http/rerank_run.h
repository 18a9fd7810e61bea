// Texts, or pairs of texts, to a classifier's scores, the same for every dialect: tokens on the request pool, one submission.
// Threads: called on the request pool. Not here: any dialect's JSON.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "http/exchange.h"
#include "http/json_body.h"
#include "http/urgency.h"

namespace forebay::http {

// Rerankers have one score, or two classes of which one means that a pair fits; classifiers may have any number of classes.
enum class ScoringKind : std::uint8_t { kRanking, kClasses };

struct ScoringOrder {
  std::string model;
  ScoringKind kind = ScoringKind::kRanking;
  std::vector<std::pair<std::string, std::optional<std::string>>> texts;  // each alone, or with the one it is read with
  bool truncate = true;                                                   // cut what is too long instead of refusing it
  std::size_t second_tokens_max = 0;                                      // more of a pair's second text is cut; 0: any
  Urgency urgency;
  std::string field = "documents";  // what errors are about
};

struct Scored {
  std::string model;
  std::vector<std::vector<float>> logits;  // one a text, each with one number a class
  std::vector<std::string> labels;         // of the classes; empty when the model does not name them
  std::uint32_t tokens = 0;
};

// `to_json` runs on the request pool. Errors: kWrongTask (also for a reranker whose scores have more than two classes), kTooManyTexts,
// text's kTextTooLong and kVectorNotFinite with the text's index.
void score(const ExchangePtr& exchange, const ScoringOrder& order, std::function<std::string(const Scored&)> to_json);

// One logit as a probability; several as a distribution.
std::vector<float> probabilities(const std::vector<float>& logits);

// Which of two classes means that a pair fits: the second, unless only the first one's label says so.
std::size_t relevant_class(std::span<const std::string> labels);

struct Ranked {
  std::size_t index;
  float score;
};
// The score of each, as a probability or raw: the only logit, or that of the relevant one of two.
std::vector<float> relevance(const Scored& scored, bool raw);
// Highest first; equal ones keep their order. At most `most`.
std::vector<Ranked> ranking(const Scored& scored, bool raw, std::size_t most);

// "documents": strings, or objects with "text"; at least one.
Result<std::vector<std::string>> read_documents(const JsonValue& field, std::size_t most);

}  // namespace forebay::http

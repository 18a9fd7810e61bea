// Texts, or pairs of texts, to a classifier's scores, the same for every dialect: tokens on the request pool, one submission.
// Threads: called on the request pool. Not here: any dialect's JSON.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/exchange.h"
#include "http/json_body.h"
#include "http/urgency.h"

namespace forebay::http {

struct ScoringOrder {
  std::string model;
  std::vector<std::pair<std::string, std::optional<std::string>>> texts;  // each alone, or with the one it is read with
  bool truncate = true;                                                   // cut what is too long instead of refusing it
  Urgency urgency;
  std::string field = "documents";  // what errors are about
};

struct Scored {
  std::string model;
  std::vector<std::vector<float>> logits;  // one a text, each with one number a class
  std::vector<std::string> labels;         // of the classes; empty when the model does not name them
  std::uint32_t tokens = 0;
};

// `to_json` runs on the request pool. Errors: kWrongTask, text's kTextTooLong with the text's index.
void score(const ExchangePtr& exchange, const ScoringOrder& order, std::function<std::string(const Scored&)> to_json);

// One logit as a probability; several as a distribution.
std::vector<float> probabilities(const std::vector<float>& logits);

struct Ranked {
  std::size_t index;
  float score;
};
// Of the first logit of each, highest first; equal ones keep their order. At most `most`.
std::vector<Ranked> ranking(const Scored& scored, bool raw, std::size_t most);

// "documents": strings, or objects with "text"; at least one and none empty.
Result<std::vector<std::string>> read_documents(const JsonValue& field, std::size_t most);

}  // namespace forebay::http

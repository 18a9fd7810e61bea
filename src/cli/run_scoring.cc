#include <fmt/format.h>

#include <algorithm>

#include "cli/answer_sink.h"
#include "cli/awaited.h"
#include "cli/errors.h"
#include "cli/json_text.h"
#include "cli/run_tasks.h"
#include "cli/run_texts.h"
#include "inference/scoring.h"

namespace forebay::cli {

namespace {

Result<> check_options(const RunOptions& options) {
  TRY(check_text_options(options, "scores texts"));
  if (options.prompt_name || !options.normalize)
    return fail(kOptionOutOfPlace, "this model scores texts: --prompt-name and --no-normalize are for embedding models");
  if (options.form != OutputForm::kText && options.form != OutputForm::kJson)
    return fail(kOutputFormat, "scores of texts are answered as text or json");
  if (options.top_k && !options.query) return fail(kOptionOutOfPlace, "--top-k is for a ranking: --query is missing");
  return {};
}

// Without a query the text is classified by itself.
inference::ScoringParams params_of(const std::vector<std::string>& texts, const std::optional<std::string>& query) {
  using inference::ScoringKind;
  inference::ScoringParams params{.kind = query ? ScoringKind::kRanking : ScoringKind::kClasses, .field = "text"};
  for (const auto& text : texts) {
    if (query)
      params.texts.emplace_back(*query, text);
    else
      params.texts.emplace_back(text, std::nullopt);
  }
  return params;
}

std::string ranking_text(const std::vector<inference::Ranked>& ranked, const std::vector<std::string>& texts) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [index, score] : ranked) rows.push_back({fmt::format("{:.4f}", score), harmless(texts[index])});
  return aligned(rows);
}

std::string ranking_json(const std::vector<inference::Ranked>& ranked, const std::vector<std::string>& texts) {
  std::string results;
  for (const auto& [index, score] : ranked)
    results += fmt::format(R"({}{{"index": {}, "relevance_score": {}, "document": {{"text": {}}}}})", results.empty() ? "" : ", ", index,
                           score, json_string(texts[index]));
  return fmt::format("{{\"results\": [{}]}}\n", results);
}

std::string classes_text(const inference::Scores& scores, const std::vector<std::string>& texts) {
  std::string out;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts.size() > 1) out += harmless(texts[i]) + "\n";
    std::vector<std::vector<std::string>> rows;
    for (const auto& [label, score] : inference::classes_of(scores, i, false))
      rows.push_back({(texts.size() > 1 ? "  " : "") + harmless(label), fmt::format("{:.4f}", score)});
    out += aligned(rows);
  }
  return out;
}

std::string classes_json(const inference::Scores& scores) {
  std::string all;
  for (std::size_t i = 0; i < scores.logits.size(); ++i) {
    std::string one;
    for (const auto& [label, score] : inference::classes_of(scores, i, false))
      one += fmt::format(R"({}{{"label": {}, "score": {}}})", one.empty() ? "" : ", ", json_string(label), score);
    all += fmt::format("{}[{}]", all.empty() ? "" : ", ", one);
  }
  return fmt::format("{{\"classes\": [{}]}}\n", all);
}

std::string rendered(const inference::Scores& scores, const std::vector<std::string>& texts, const RunOptions& options) {
  const bool json = options.form == OutputForm::kJson;
  if (!options.query) return json ? classes_json(scores) : classes_text(scores, texts);
  const auto most = options.top_k.value_or(0) > 0 ? static_cast<std::size_t>(*options.top_k) : texts.size();
  const auto ranked = inference::ranking(scores, false, most);
  return json ? ranking_json(ranked, texts) : ranking_text(ranked, texts);
}

}  // namespace

Result<> run_scoring(Console& console, models::ServedModel& model, const RunOptions& options) {
  TRY(check_options(options));
  TRY_ASSIGN(const auto texts, texts_of(console, options));
  const inference::Call call{.ticket = {.request_id = "run"}};
  const auto params = params_of(texts, options.query);
  TRY_ASSIGN(auto request, inference::prepare_scoring(call, model, params));
  TRY_ASSIGN(const auto scores, awaited<inference::Scores>([&](auto done) {
               return inference::submit_scoring(call, model, std::move(request), params, std::move(done));
             }));
  // How many classes there are is seen here: a file need not say it.
  if (!options.query && !scores.logits.empty() && scores.logits.front().size() == 1)
    return fail(Error(kInputMissing, "this model ranks texts, and there is no query")
                    .with_hint("forebay run FILE --query TEXT \"one text\" \"another\""));
  return write_answer(console, options.out_file, rendered(scores, texts, options), AnswerKind::kText);
}

}  // namespace forebay::cli

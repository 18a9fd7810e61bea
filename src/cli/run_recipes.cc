#include "cli/run_recipes.h"

#include <fmt/format.h>

#include <vector>

#include "cli/console.h"
#include "cli/json_text.h"
#include "cli/run_outputs.h"
#include "inference/declared_steps.h"

namespace forebay::cli {

namespace {
using Rankings = std::vector<tensors::Ranking>;

Result<Rankings> rankings_of(const ReadInputs& read, const tensors::Tensor& scores, const formats::ModelDescription& model,
                             const RunOptions& options) {
  const auto top_k = options.top_k ? static_cast<std::uint32_t>(*options.top_k) : read.top_k;
  return inference::ranked_items(model, scores, inference::known_items(model, read.tensors), top_k);
}

std::string windows_json(const ReadInputs& read, const formats::ModelDescription& model) {
  std::string out;
  for (const auto start : read.starts)
    out += fmt::format(R"({}{{"start": {}, "end": {}}})", out.empty() ? "" : ", ", start, start + model.series->window);
  return fmt::format(R"("windows": [{}])", out);
}

std::string items_json(const Rankings& rankings) {
  std::string rows;
  for (const auto& ranking : rankings) {
    std::string row;
    for (const auto& item : ranking)
      row += fmt::format(R"({}{{"label": {}, "index": {}, "score": {}}})", row.empty() ? "" : ", ", json_string(inference::label_of(item)),
                         item.index, item.score);
    rows += fmt::format("{}[{}]", rows.empty() ? "" : ", ", row);
  }
  return fmt::format(R"("items": [{}])", rows);
}

// `extra` are members that stand before those of an object's text.
std::string with_members(const std::string& extra, const std::string& object) { return "{" + extra + ", " + object.substr(1); }

std::string items_text(const Rankings& rankings) {
  std::string out;
  for (std::size_t row = 0; row < rankings.size(); ++row) {
    if (rankings.size() > 1) out += fmt::format("row {}\n", row);
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : rankings[row]) rows.push_back({"  " + harmless(inference::label_of(item)), fmt::format("{:.4f}", item.score)});
    out += aligned(rows);
  }
  return out;
}

std::string items_csv(const Rankings& rankings) {
  std::string out = "row,label,index,score\n";
  for (std::size_t row = 0; row < rankings.size(); ++row) {
    for (const auto& item : rankings[row]) {
      std::string label = inference::label_of(item);
      for (std::size_t at = 0; (at = label.find('"', at)) != std::string::npos; at += 2) label.insert(at, 1, '"');
      out += fmt::format("{},\"{}\",{},{}\n", row, label, item.index, item.score);
    }
  }
  return out;
}

std::string windows_text(const ReadInputs& read, const formats::ModelDescription& model) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t row = 0; row < read.starts.size(); ++row)
    rows.push_back({fmt::format("row {}", row), fmt::format("steps {} to {}", read.starts[row], read.starts[row] + model.series->window)});
  return aligned(rows);
}
}  // namespace

bool has_recipe_answer(const ReadInputs& read, const formats::ModelDescription& model, const RunOptions& options) {
  return !read.starts.empty() || (model.ranking && options.outputs.empty());
}

Result<std::string> render_recipe(const ReadInputs& read, const tensors::NamedTensors& outputs, const formats::ModelDescription& model,
                                  const RunOptions& options, OutputForm form) {
  const auto* scores = options.outputs.empty() ? inference::item_scores(model, outputs) : nullptr;
  Rankings rankings;
  if (scores != nullptr) {
    TRY_ASSIGN(rankings, rankings_of(read, *scores, model, options));
  }
  if (form == OutputForm::kCsv && scores != nullptr) return items_csv(rankings);
  if (form == OutputForm::kText) {
    std::string out = read.starts.empty() ? "" : windows_text(read, model);
    if (scores != nullptr) return out + items_text(rankings);
    TRY_ASSIGN(const std::string rest, render_outputs(outputs, model, form));
    return out + rest;
  }
  if (form != OutputForm::kJson) return render_outputs(outputs, model, form);
  std::string extra = read.starts.empty() ? "" : windows_json(read, model);
  if (scores != nullptr) extra += (extra.empty() ? "" : ", ") + items_json(rankings);
  if (scores != nullptr && !read.raw) return "{" + extra + "}\n";
  TRY_ASSIGN(const std::string rest, render_outputs(outputs, model, form));
  return with_members(extra, rest);
}

}  // namespace forebay::cli

#include "cli/run_outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <vector>

#include "cli/console.h"
#include "cli/errors.h"
#include "cli/json_text.h"
#include "cli/run_image.h"
#include "tensors/array_json.h"
#include "tensors/csv.h"
#include "tensors/npy.h"

namespace forebay::cli {

namespace {
using tensors::DType;
using tensors::NamedTensor;
using tensors::Tensor;
using namespace std::string_view_literals;

constexpr std::array kFormNames = {"text"sv, "json"sv, "csv"sv, "npy"sv, "png"sv};
constexpr std::size_t kValuesShownMax = 64;
constexpr std::size_t kRowsShownMax = 16;
constexpr std::size_t kLabelsShown = 5;

bool is_floating(const Tensor& tensor) {
  return tensor.dtype() == DType::kFloat32 || tensor.dtype() == DType::kFloat64 || tensor.dtype() == DType::kFloat16;
}

// The labels with the highest scores of one row.
Result<std::string> best_labels(const Tensor& row, const std::vector<std::string>& labels) {
  TRY_ASSIGN(const Tensor scores, row.converted_to(DType::kFloat64));
  const auto values = scores.values<double>();
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  const auto shown = static_cast<std::ptrdiff_t>(std::min(kLabelsShown, order.size()));
  std::ranges::partial_sort(order, order.begin() + shown, [&](std::size_t a, std::size_t b) {
    return std::isnan(values[b]) ? !std::isnan(values[a]) : values[a] > values[b];  // what is no number comes last
  });
  std::vector<std::vector<std::string>> rows;
  for (const std::size_t at : std::span(order).first(static_cast<std::size_t>(shown)))
    rows.push_back({"  " + harmless(labels[at]), fmt::format("{:.4f}", values[at])});
  return aligned(rows);
}

Result<std::string> text_of(const NamedTensor& output, const formats::ModelDescription& model) {
  const Tensor& tensor = output.tensor;
  std::string out = fmt::format("{}  {} {}\n", harmless(output.name), tensors::name_of(tensor.dtype()), tensors::to_string(tensor.shape()));
  const auto rank = tensor.shape().size();
  const bool scores =
      is_floating(tensor) && rank == 2 && model.labels.size() > 1 && tensor.shape()[1] == static_cast<std::int64_t>(model.labels.size());
  if (scores) {
    const auto rows = std::min<std::size_t>(static_cast<std::size_t>(tensor.shape()[0]), kRowsShownMax);
    for (std::size_t i = 0; i < rows; ++i) {
      TRY_ASSIGN(const Tensor row, tensor.rows(i, 1));
      TRY_ASSIGN(const std::string best, best_labels(row, model.labels));
      out += (tensor.shape()[0] > 1 ? fmt::format("row {}\n", i) : "") + best;
    }
    if (rows < static_cast<std::size_t>(tensor.shape()[0]))
      out += fmt::format("  and {} more rows\n", tensor.shape()[0] - static_cast<std::int64_t>(rows));
    return out;
  }
  std::string values;
  if (tensor.size() <= kValuesShownMax || rank == 0) {
    TRY(tensors::append_json(values, tensor));
  } else {
    TRY_ASSIGN(const Tensor flat, tensor.reshaped({static_cast<std::int64_t>(tensor.size())}));
    TRY_ASSIGN(const Tensor first, flat.rows(0, kValuesShownMax));
    TRY(tensors::append_json(values, first));
    values.back() = ',';
    values += fmt::format(" … {} more]", tensor.size() - kValuesShownMax);
  }
  return out + "  " + values + "\n";
}

Result<std::string> json_of(const tensors::NamedTensors& outputs) {
  std::string out = "{\"outputs\": {";
  for (const auto& output : outputs) {
    out += fmt::format("{}{}: ", out.ends_with('{') ? "" : ", ", json_string(output.name));
    TRY(tensors::append_json(out, output.tensor));
  }
  return out + "}}\n";
}

// "name", or "name_0", "name_1", … for several columns; class names where the model has them.
std::vector<std::string> columns_of(const NamedTensor& output, const formats::ModelDescription& model) {
  const auto& shape = output.tensor.shape();
  const std::size_t rows = shape.empty() ? 1 : static_cast<std::size_t>(shape[0]);
  const std::size_t count = rows == 0 ? 1 : output.tensor.size() / rows;
  if (count == 1) return {output.name};
  std::vector<std::string> columns;
  for (std::size_t i = 0; i < count; ++i)
    columns.push_back(fmt::format("{}_{}", output.name,
                                  is_floating(output.tensor) && model.labels.size() == count ? model.labels[i] : fmt::format("{}", i)));
  return columns;
}

Result<std::string> csv_of(const tensors::NamedTensors& outputs, const formats::ModelDescription& model) {
  std::vector<std::string> lines;
  for (const auto& output : outputs) {
    TRY_ASSIGN(const Tensor tensor, output.tensor.shape().empty() ? output.tensor.reshaped({1}) : Result<Tensor>(output.tensor));
    std::string text;
    TRY(tensors::append_csv(text, tensor, columns_of(output, model)));
    if (tensor.dtype() == DType::kString &&
        std::ranges::any_of(tensor.strings(), [](const std::string& value) { return value.find_first_of("\r\n") != std::string::npos; }))
      return fail(kOutputFormat, fmt::format("the output '{}' has texts of several lines, which do not go beside others in a table",
                                             harmless(output.name)));
    std::vector<std::string> own;
    for (std::size_t at = 0, end = 0; (end = text.find("\r\n", at)) != std::string::npos; at = end + 2)
      own.push_back(text.substr(at, end - at));
    if (!lines.empty() && own.size() != lines.size())
      return fail(Error(kOutputFormat, "the outputs have different numbers of rows, and a table has one")
                      .with_hint("choose one with --outputs NAME, or use --output json"));
    lines.resize(own.size());
    for (std::size_t i = 0; i < own.size(); ++i) lines[i] += (lines[i].empty() ? "" : ",") + own[i];
  }
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}

Result<const Tensor*> only_output(const tensors::NamedTensors& outputs, std::string_view form) {
  if (outputs.size() == 1) return &outputs.front().tensor;
  std::string names;
  for (const auto& output : outputs) names += (names.empty() ? "" : ", ") + harmless(output.name);
  return fail(Error(kOutputFormat, fmt::format("{} holds one output, and the model has {}: {}", form, outputs.size(), names))
                  .with_hint("choose one with --outputs NAME"));
}
}  // namespace

Result<OutputForm> output_form_named(std::string_view name) {
  const auto found = std::ranges::find(kFormNames, name);
  if (found == kFormNames.end()) return fail(kUsage, fmt::format("--output is text, json, csv, npy or png, not '{}'", harmless(name)));
  return static_cast<OutputForm>(found - kFormNames.begin());
}

Result<std::string> render_outputs(const tensors::NamedTensors& outputs, const formats::ModelDescription& model, OutputForm form) {
  switch (form) {
    case OutputForm::kText: {
      std::string out;
      for (const auto& output : outputs) {
        TRY_ASSIGN(const std::string text, text_of(output, model));
        out += text;
      }
      return out;
    }
    case OutputForm::kJson:
      return json_of(outputs);
    case OutputForm::kCsv:
      return csv_of(outputs, model);
    case OutputForm::kNpy: {
      TRY_ASSIGN(const Tensor* tensor, only_output(outputs, "npy"));
      return tensors::write_npy(*tensor);
    }
    case OutputForm::kPng: {
      TRY_ASSIGN(const Tensor* tensor, only_output(outputs, "png"));
      return png_of(*tensor);
    }
  }
  return fail(kOutputFormat, "unknown form");
}

}  // namespace forebay::cli

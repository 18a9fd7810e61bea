#include "engines/onnx/row_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "engines/errors.h"
#include "engines/onnx/onnx_values.h"

namespace forebay::engines {

using formats::ModelDescription;
using formats::TensorSpec;
using tensors::DType;
using tensors::NamedTensors;
using tensors::Shape;
using tensors::Tensor;

namespace {
constexpr std::size_t kElementsMax = 16 << 20;
constexpr auto kTimeMax = std::chrono::seconds(5);  // trials begun before that are finished
constexpr std::uint32_t kRows = 3;
// Free dimensions beside the rows: the first size that the model takes.
constexpr std::int64_t kSizes[] = {8, 1, 32, 64, 128, 224, 256, 512};
constexpr int kIntegersBelow[] = {100, 4, 2};

// The share of a row's largest number that its sums may differ by. A kernel adds in another order for one row than for three; for sums of
// 10,000 products that is 1e-6 of the largest term, and deep models make it some times larger.
double tolerance_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return 1e-8;
    case DType::kFloat16:
    case DType::kBfloat16:
      return 2e-2;
    default:
      return 1e-4;
  }
}

struct Trial {
  double least = -1;
  double most = 1;
  bool scales_rows = false;  // row i is 30^i times larger: statistics over rows change, rows do not
};
constexpr Trial kTrials[] = {{-1, 1, false}, {0, 1, false}, {-1, 1, true}};

bool is_float(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64 || dtype == DType::kFloat16 || dtype == DType::kBfloat16;
}

class Probe {
 public:
  Probe(Ort::Session& session, const ModelDescription& description, const RunBounds& bounds, const CancelToken& cancel)
      : session_(session), description_(description), bounds_(bounds), cancel_(cancel), names_(output_names_of(session)) {}

  RowsIndependence find() {
    if (auto reason = find_sizes()) return {false, *std::move(reason)};
    const SystemClock clock;
    const Instant give_up = clock.now() + kTimeMax;
    for (const Trial& trial : kTrials) {
      if (cancel_.cancelled() || (told_ && clock.now() >= give_up)) break;
      if (auto reason = compare(trial)) return {false, *std::move(reason)};
    }
    if (cancel_.cancelled()) return {false, "the load was stopped"};
    if (!told_) return {false, "different rows gave no different numbers when it was tried out"};
    return {true, "different rows alone and together gave the same when the model was loaded"};
  }

 private:
  // What keeps it from being tried out.
  std::optional<std::string> find_sizes() {
    std::string reason = "it takes no made-up inputs";
    for (const std::int64_t size : kSizes) {
      for (const int below : kIntegersBelow) {
        size_ = size;
        integers_below_ = below;
        auto outputs = run(kTrials[0], {0});
        if (outputs) return std::nullopt;
        reason = fmt::format("it takes no made-up inputs: {}", outputs.error().message());
        if (cancel_.cancelled() || outputs.error().code() == kRunTooLong) return reason;  // another size takes as long
        if (!has_integers()) break;
      }
      if (!has_free_sizes()) break;
    }
    return reason;
  }

  bool has_integers() const {
    return std::ranges::any_of(description_.inputs, [](const TensorSpec& input) { return !is_float(input.dtype); });
  }
  bool has_free_sizes() const {
    return std::ranges::any_of(description_.inputs, [](const TensorSpec& input) {
      return std::any_of(input.shape.begin() + 1, input.shape.end(), [](std::int64_t size) { return size < 0; });
    });
  }

  // What is wrong.
  std::optional<std::string> compare(const Trial& trial) {
    std::vector<NamedTensors> alone;
    for (std::uint32_t row = 0; row < kRows; ++row) {
      auto outputs = run(trial, {row});
      if (!outputs) return "a made-up row fails: " + std::string(outputs.error().message());
      alone.push_back(*std::move(outputs));
    }
    // Another number of rows, and another order.
    for (const std::vector<std::uint32_t>& rows : {std::vector<std::uint32_t>{0, 1, 2}, std::vector<std::uint32_t>{2, 0}}) {
      auto together = run(trial, rows);
      if (!together) return "rows that run alone fail together: " + std::string(together.error().message());
      for (std::size_t place = 0; place < rows.size(); ++place)
        if (auto reason = differs(*together, place, rows.size(), alone[rows[place]])) return reason;
    }
    told_ = told_ || tells_apart(alone);
    return std::nullopt;
  }

  static std::optional<std::string> differs(const NamedTensors& together, std::size_t place, std::size_t count, const NamedTensors& alone) {
    for (std::size_t i = 0; i < together.size(); ++i) {
      const Tensor& all = together[i].tensor;
      const bool has_rows = !all.shape().empty() && all.shape().front() == static_cast<std::int64_t>(count);
      const auto row = has_rows ? all.rows(place, 1) : Result<Tensor>(all);
      if (!has_rows || !row || row->shape() != alone[i].tensor.shape() || row->dtype() != alone[i].tensor.dtype())
        return fmt::format("the shape of '{}' does not follow the rows", together[i].name);
      if (!same(*row, alone[i].tensor)) return fmt::format("'{}' of a row changes with the rows beside it", together[i].name);
    }
    return std::nullopt;
  }

  static bool same(const Tensor& one, const Tensor& other) {
    if (one.dtype() == DType::kString) return std::ranges::equal(one.strings(), other.strings());
    if (!is_float(one.dtype())) return std::ranges::equal(one.bytes(), other.bytes());
    const auto a = one.converted_to(DType::kFloat64);
    const auto b = other.converted_to(DType::kFloat64);
    if (!a || !b) return false;
    double largest = 0;
    for (const double value : a->values<double>())
      if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
    const double tolerance = tolerance_of(one.dtype()) * largest;
    return std::ranges::equal(a->values<double>(), b->values<double>(), [tolerance](double x, double y) {
      return x == y || (std::isnan(x) && std::isnan(y)) || std::abs(x - y) <= tolerance;
    });
  }

  // Whether these rows have different numbers, without which their agreement shows nothing.
  static bool tells_apart(const std::vector<NamedTensors>& rows) {
    for (std::size_t i = 0; i < rows[0].size(); ++i) {
      const Tensor& first = rows[0][i].tensor;
      if (first.dtype() == DType::kString || first.size() == 0) continue;
      const auto numbers = first.converted_to(DType::kFloat64);
      if (!numbers || std::ranges::none_of(numbers->values<double>(), [](double value) { return std::isfinite(value); })) continue;
      if (!std::ranges::equal(first.bytes(), rows[1][i].tensor.bytes())) return true;
    }
    return false;
  }

  Result<NamedTensors> run(const Trial& trial, const std::vector<std::uint32_t>& rows) {
    std::vector<Tensor> inputs;
    RunArguments arguments;
    for (std::size_t i = 0; i < description_.inputs.size(); ++i) {
      TRY_ASSIGN(auto input, made_up(i, trial, rows));
      inputs.push_back(std::move(input));
      arguments.input_names.push_back(description_.inputs[i].name.c_str());
    }
    for (const std::string& name : names_) arguments.output_names.push_back(name.c_str());
    for (const Tensor& input : inputs) arguments.inputs.push_back(value_of(input));
    TRY_ASSIGN(auto values, bounded_run(session_, arguments, bounds_, cancel_));
    NamedTensors outputs;
    for (std::size_t i = 0; i < values.size(); ++i) {
      TRY_ASSIGN(auto tensor, tensor_of(names_[i], std::move(values[i])));
      outputs.push_back({names_[i], std::move(tensor)});
    }
    return outputs;
  }

  // The numbers of a row depend on the row alone.
  Result<Tensor> made_up(std::size_t input, const Trial& trial, const std::vector<std::uint32_t>& rows) const {
    const TensorSpec& spec = description_.inputs[input];
    Shape shape = spec.shape;
    std::ranges::replace_if(shape, [](std::int64_t size) { return size < 0; }, size_);
    shape.front() = 1;
    const auto count = tensors::element_count(shape, kElementsMax);
    if (!count) return fail(kRunTooLarge, fmt::format("'{}' has too many elements", spec.name));
    std::vector<Tensor> parts;
    for (const std::uint32_t row : rows) {
      std::mt19937 random(static_cast<std::uint32_t>(1000 * input) + row + 1);
      std::vector<double> numbers(*count);
      for (std::size_t i = 0; i < *count; ++i) numbers[i] = number(spec, trial, row, i, random);
      TRY_ASSIGN(auto part, Tensor::of<double>(shape, numbers).converted_to(spec.dtype));
      parts.push_back(std::move(part));
    }
    return Tensor::concatenate(parts);
  }

  double number(const TensorSpec& spec, const Trial& trial, std::uint32_t row, std::size_t i, std::mt19937& random) const {
    const double share = static_cast<double>(random()) / 4294967296.0;
    // A mask shows some elements and hides the others at the end.
    if (spec.name.contains("mask")) return i == 0 || i % static_cast<std::size_t>(size_) + row < static_cast<std::size_t>(size_) ? 1 : 0;
    if (spec.dtype == DType::kBool) return share < 0.5 ? 0 : 1;
    if (!is_float(spec.dtype)) return std::floor(share * integers_below_);
    const double scale = trial.scales_rows ? std::pow(30, row) : 1;
    return scale * (trial.least + share * (trial.most - trial.least));
  }

  Ort::Session& session_;
  const ModelDescription& description_;
  const RunBounds& bounds_;
  const CancelToken& cancel_;
  const std::vector<std::string> names_;
  std::int64_t size_ = 1;
  int integers_below_ = 2;
  bool told_ = false;
};
}  // namespace

std::optional<RowsIndependence> rows_said(const ModelDescription& description) {
  if (!description.batchable) return RowsIndependence{false, "the shapes do not allow batches"};
  if (description.rows_independent)
    return RowsIndependence{*description.rows_independent, "the file .forebay.json beside the model says so"};
  if (!description.mixes_rows.empty())
    return RowsIndependence{false, fmt::format("the operator {} may let one row depend on another", description.mixes_rows)};
  for (const TensorSpec& input : description.inputs) {
    if (input.dtype == DType::kString) return RowsIndependence{false, "it takes texts, which cannot be made up to try it out"};
    if (input.is_optional) return RowsIndependence{false, "it has inputs that may be left out"};
  }
  return std::nullopt;
}

RowsIndependence rows_shown(Ort::Session& session, const ModelDescription& description, const RunBounds& bounds,
                            const CancelToken& cancel) {
  try {
    return Probe(session, description, bounds, cancel).find();
  } catch (const Ort::Exception&) {
    return {false, "it could not be tried out"};
  } catch (const std::bad_alloc&) {
    return {false, "there is not enough memory to try it out"};
  }
}

}  // namespace forebay::engines

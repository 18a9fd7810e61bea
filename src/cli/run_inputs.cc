#include "cli/run_inputs.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <istream>
#include <iterator>
#include <optional>
#include <system_error>

#include "base/errors.h"
#include "base/mapped_file.h"
#include "cli/console.h"
#include "cli/errors.h"
#include "cli/json_members.h"
#include "inference/declared_steps.h"
#include "inference/errors.h"
#include "inference/tensor_inputs.h"
#include "tensors/array_json.h"
#include "tensors/csv.h"
#include "tensors/npy.h"

namespace forebay::cli {

namespace {
using formats::TensorSpec;
using tensors::DType;
using tensors::Tensor;

enum class ValueKind : std::uint8_t { kJson, kCsv, kNpy, kImage, kWords };

// A value with its bytes in memory.
struct Value {
  ValueKind kind = ValueKind::kWords;
  std::string bytes;
  std::string name;  // for messages
};

std::string lower_extension(const std::string& path) {
  std::string extension = std::filesystem::path(path).extension().string();
  std::ranges::transform(extension, extension.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return extension;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

ValueKind kind_of_content(std::string_view bytes) {
  if (bytes.starts_with("\x93NUMPY")) return ValueKind::kNpy;
  if (bytes.starts_with("\x89PNG") || bytes.starts_with("\xFF\xD8\xFF") ||
      (bytes.starts_with("RIFF") && bytes.substr(0, 16).contains("WEBP")))
    return ValueKind::kImage;
  const auto text = trimmed(bytes);
  if (text.starts_with('[') || text.starts_with('{') || text.starts_with('"')) return ValueKind::kJson;
  return text.contains('\n') ? ValueKind::kCsv : ValueKind::kWords;
}

Result<Value> value_of(const std::string& argument, std::istream& standard_input, const InputLimits& limits) {
  if (argument == "-") {
    std::string bytes;
    std::array<char, 65'536> chunk{};
    while (standard_input.read(chunk.data(), chunk.size()) || standard_input.gcount() > 0) {
      bytes.append(chunk.data(), static_cast<std::size_t>(standard_input.gcount()));
      if (bytes.size() > limits.file_bytes_max) return fail(kFileTooLarge, "standard input is larger than the limit");
    }
    const ValueKind kind = kind_of_content(bytes);
    return Value{kind, std::move(bytes), "standard input"};
  }
  static constexpr std::array<std::pair<std::string_view, ValueKind>, 7> kKinds = {{{".json", ValueKind::kJson},
                                                                                    {".csv", ValueKind::kCsv},
                                                                                    {".npy", ValueKind::kNpy},
                                                                                    {".png", ValueKind::kImage},
                                                                                    {".jpg", ValueKind::kImage},
                                                                                    {".jpeg", ValueKind::kImage},
                                                                                    {".webp", ValueKind::kImage}}};
  const std::string extension = lower_extension(argument);
  const auto known = std::ranges::find(kKinds, extension, [](const auto& kind) { return kind.first; });
  std::error_code ignored;
  const bool is_file = argument.size() < 4096 && std::filesystem::is_regular_file(argument, ignored);
  if (known != kKinds.end() || is_file) {
    TRY_ASSIGN(auto bytes, read_text_file(argument, limits.file_bytes_max), "reading an input");
    const ValueKind kind = known != kKinds.end() ? known->second : kind_of_content(bytes);
    return Value{kind, std::move(bytes), argument};
  }
  return Value{kind_of_content(argument), argument, harmless(argument.substr(0, 40))};
}

tensors::ArrayLimits array_limits(const InputLimits& limits) { return {.elements_max = limits.elements_max}; }

Result<Tensor> from_words(const Value& value, const TensorSpec& spec, const InputLimits& limits) {
  const auto text = trimmed(value.bytes);
  if (spec.dtype == DType::kString) {
    tensors::Shape shape = spec.shape;
    std::ranges::replace_if(shape, [](std::int64_t dimension) { return dimension < 0; }, 1);
    return Tensor::from_strings(std::move(shape), {std::string(text)});
  }
  if (text.empty() || text.find_first_not_of("0123456789+-.eE, \ttruefalsNINinty") != std::string_view::npos) {
    return fail(kInputNotUnderstood, fmt::format("'{}' is no file that exists, no JSON and no list of numbers", value.name));
  }
  return inference::input_from_json(spec, fmt::format("[{}]", text), array_limits(limits));
}

Result<Tensor> table_of(const Value& value, const TensorSpec& spec, const InputLimits& limits) {
  TRY_ASSIGN(auto table,
             tensors::read_csv(value.bytes, spec.dtype, {.known_names = std::span(&spec.name, 1), .cells_max = limits.elements_max}));
  if (table.values.size() == 0) return fail(kInputNotUnderstood, fmt::format("'{}' is a table without rows", value.name));
  return std::move(table.values);
}

Result<Tensor> from_csv(const Value& value, const TensorSpec& spec, const InputLimits& limits) {
  TRY_ASSIGN(const auto table, table_of(value, spec, limits));
  return spec.has_shape ? fitted(table, spec.shape) : table;
}

Result<Tensor> array_of(const Value& value, const TensorSpec& spec, const InputLimits& limits) {
  TRY_ASSIGN(const auto tensor, tensors::read_npy(std::as_bytes(std::span(value.bytes)), {.elements_max = limits.elements_max}));
  return tensor.converted_to(spec.dtype);
}

Result<Tensor> from_npy(const Value& value, const TensorSpec& spec, const InputLimits& limits) {
  TRY_ASSIGN(const auto converted, array_of(value, spec, limits));
  return spec.has_shape ? fitted(converted, spec.shape) : converted;
}

Result<Tensor> tensor_of(const Value& value, const formats::ModelDescription& model, const TensorSpec& spec, const InputLimits& limits,
                         std::optional<SeenPicture>& picture) {
  switch (value.kind) {
    case ValueKind::kJson:
      return inference::input_from_json(spec, value.bytes, array_limits(limits));
    case ValueKind::kCsv:
      return from_csv(value, spec, limits);
    case ValueKind::kNpy:
      return from_npy(value, spec, limits);
    case ValueKind::kImage:
      return tensor_from_image(std::as_bytes(std::span(value.bytes)), model, spec, picture);
    case ValueKind::kWords:
      return from_words(value, spec, limits);
  }
  return fail(kInputNotUnderstood, value.name);
}

// An error of a service with the code and the hint that a command has for it.
Error of_command(const Error& error) {
  const bool is_unknown = error.code() == inference::kInputUnknown || error.code() == inference::kFieldConflict;
  if (!is_unknown && error.code() != inference::kInputMissing) return error;
  Error own(is_unknown ? kInputUnknown : kInputMissing, error.message());
  return error.hint() == error.code().hint ? own : std::move(own).with_hint(std::string(error.hint()));
}

// One value for each step, or one row for each.
bool has_rows_of_steps(const tensors::Shape& shape, const tensors::Shape& wanted) {
  if (shape.size() == 1) return wanted.size() == 1;
  return shape.size() == 2 && (wanted.size() == 1 ? shape[1] == 1 : wanted[1] < 0 || wanted[1] == shape[1]);
}

class Inputs {
 public:
  Inputs(const formats::ModelDescription& model, std::istream& standard_input, const InputLimits& limits,
         std::optional<std::int64_t> stride)
      : model_(model), standard_input_(standard_input), limits_(limits), stride_(stride) {}

  Result<> add_named(const std::string& argument) {
    const auto sign = argument.find('=');
    if (sign == std::string::npos || sign == 0) return fail(kUsage, fmt::format("--input takes NAME=VALUE, not '{}'", harmless(argument)));
    TRY_ASSIGN(const auto value, value_of(argument.substr(sign + 1), standard_input_, limits_));
    return add(argument.substr(0, sign), value);
  }
  Result<> add_series(const std::string& argument) {
    if (!model_.series) return fail(kOptionOutOfPlace, "--series is for models whose sidecar declares a series");
    TRY_ASSIGN(const auto value, value_of(argument, standard_input_, limits_));
    return add_series(value);
  }
  Result<> add_positional(const std::string& argument) {
    // NAME=VALUE where NAME is an input; everything else with a '=' in it is a value.
    const auto sign = argument.find('=');
    if (sign != std::string::npos && spec_named(argument.substr(0, sign)) != nullptr) return add_named(argument);
    TRY_ASSIGN(const auto value, value_of(argument, standard_input_, limits_));
    if (value.kind == ValueKind::kJson && trimmed(value.bytes).starts_with('{')) return add_object(value);
    const auto next =
        std::ranges::find_if(model_.inputs, [&](const TensorSpec& spec) { return find_tensor(read_.tensors, spec.name) == nullptr; });
    if (next == model_.inputs.end())
      return fail(kInputUnknown, fmt::format("the model takes {} input{}, and there is one more: {}", model_.inputs.size(),
                                             model_.inputs.size() == 1 ? "" : "s", value.name));
    return add(next->name, value);
  }
  Result<ReadInputs> finish() {
    if (auto complete = inference::check_complete(model_, read_.tensors); !complete) return fail(of_command(complete.error()));
    return std::move(read_);
  }

 private:
  const TensorSpec* spec_named(std::string_view name) const {
    const auto found = std::ranges::find(model_.inputs, name, &TensorSpec::name);
    return found == model_.inputs.end() ? nullptr : &*found;
  }
  Result<> add(const std::string& name, const Value& value) {
    const auto spec = inference::input_of(model_, name);
    if (!spec) return fail(of_command(spec.error()));
    if (model_.series && model_.series->input == name && is_table(value)) {
      TRY_ASSIGN(const auto rows, rows_of(value), "the input " + name);
      TRY_ASSIGN(const auto whole, inference::series_spec(model_));
      if (has_rows_of_steps(rows.shape(), whole.shape)) return add_cut(rows);
    }
    TRY_ASSIGN(auto tensor, tensor_of(value, model_, **spec, limits_, read_.picture), "the input " + name);
    read_.tensors.push_back({name, std::move(tensor)});
    return {};
  }
  Result<> add_series(const Value& value) {
    const auto spec = inference::series_spec(model_);
    if (!spec) return fail(of_command(spec.error()));
    if (is_table(value)) {
      TRY_ASSIGN(auto rows, rows_of(value), "the series");
      const bool is_one_line = spec->shape.size() == 1 && rows.shape().size() == 2 && rows.shape()[0] == 1;
      if (!is_one_line) return add_cut(rows);
      TRY_ASSIGN(const auto steps, rows.reshaped({static_cast<std::int64_t>(rows.size())}));
      return add_cut(steps);
    }
    TRY_ASSIGN(const auto series, tensor_of(value, model_, *spec, limits_, read_.picture), "the series");
    return add_cut(series);
  }
  static bool is_table(const Value& value) { return value.kind == ValueKind::kCsv || value.kind == ValueKind::kNpy; }
  Result<Tensor> rows_of(const Value& value) const {
    const TensorSpec numbers{.name = "series"};
    return value.kind == ValueKind::kCsv ? table_of(value, numbers, limits_) : array_of(value, numbers, limits_);
  }
  Result<> add_cut(const Tensor& series) {
    TRY_ASSIGN(auto cut, inference::series_input(model_, series, stride_), "the series");
    read_.tensors.push_back(std::move(cut.input));
    read_.starts = std::move(cut.starts);
    return {};
  }
  // What may stand beside the inputs in the body of a predict request. True when the member was one of these.
  Result<bool> add_recipe_member(const std::string& name, const std::string& text) {
    if (spec_named(name) != nullptr) return false;
    if (name == "model" || name == "version") return true;
    if (name == "raw" && model_.ranking) {
      if (text != "true" && text != "false") return fail(kInputNotUnderstood, "'raw' must be true or false");
      read_.raw = text == "true";
      return true;
    }
    const bool is_stride = name == "stride" && model_.series;
    if (!is_stride && !(name == "top_k" && model_.ranking)) return false;
    std::uint32_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || number == 0)
      return fail(kInputNotUnderstood, fmt::format("'{}' must be a whole number of 1 or more", name));
    if (is_stride)
      stride_ = number;
    else
      read_.top_k = number;
    return true;
  }
  Result<> add_object(const Value& value) {
    TRY_ASSIGN(auto members, json_members(value.bytes));
    if (members.size() == 1 && members[0].first == "inputs" && spec_named("inputs") == nullptr &&
        trimmed(members[0].second).starts_with('{')) {
      TRY_ASSIGN(members, json_members(std::string(members[0].second)));
    }
    std::optional<std::string> series;
    for (auto& [name, text] : members) {
      TRY_ASSIGN(const bool done, add_recipe_member(name, text));
      if (done) continue;
      if (name == "series" && model_.series && spec_named(name) == nullptr) {
        series = std::move(text);
        continue;
      }
      const bool only = name == "input" && spec_named(name) == nullptr && model_.inputs.size() == 1;
      TRY(add(only ? model_.inputs[0].name : name, {ValueKind::kJson, std::move(text), value.name}));
    }
    if (series) return add_series({ValueKind::kJson, *std::move(series), value.name});  // its stride may stand behind it
    return {};
  }

  const formats::ModelDescription& model_;
  std::istream& standard_input_;
  const InputLimits& limits_;
  std::optional<std::int64_t> stride_;
  ReadInputs read_;
};
// The dimensions that are neither free nor 1.
tensors::Shape sizes_beyond_one(tensors::Shape shape) {
  std::erase_if(shape, [](std::int64_t dimension) { return dimension < 0 || dimension == 1; });
  return shape;
}

// [rows, values], where a row is as long as everything behind the first dimension.
bool is_rows_of(const tensors::Shape& shape, const tensors::Shape& wanted) {
  if (shape.size() != 2 || wanted.size() < 2 || (wanted[0] >= 0 && wanted[0] != shape[0])) return false;
  return tensors::element_count(tensors::Shape(wanted.begin() + 1, wanted.end())) == static_cast<std::size_t>(shape[1]);
}

// The first free dimension takes what is left, further ones are 1; nothing if that does not come out even.
std::optional<tensors::Shape> filled(tensors::Shape shape, std::size_t count) {
  std::size_t known = 1;
  auto free_at = shape.end();
  for (auto dimension = shape.begin(); dimension != shape.end(); ++dimension) {
    if (*dimension < 0 && free_at == shape.end())
      free_at = dimension;
    else if (*dimension < 0)
      *dimension = 1;
    if (*dimension >= 0) known *= static_cast<std::size_t>(*dimension);
  }
  if (free_at == shape.end()) return known == count ? std::optional(shape) : std::nullopt;
  if (known == 0 || count % known != 0) return std::nullopt;
  *free_at = static_cast<std::int64_t>(count / known);
  return shape;
}
}  // namespace

Result<Tensor> fitted(const Tensor& tensor, const tensors::Shape& wanted) {
  const auto fits = [](const tensors::Shape& shape, const tensors::Shape& pattern) {
    return shape.size() == pattern.size() &&
           std::ranges::equal(shape, pattern, [](std::int64_t have, std::int64_t want) { return want < 0 || have == want; });
  };
  if (fits(tensor.shape(), wanted)) return tensor;
  if (!wanted.empty() && (wanted[0] < 0 || wanted[0] == 1)) {
    tensors::Shape batched = tensor.shape();
    batched.insert(batched.begin(), 1);
    if (fits(batched, wanted)) return tensor.reshaped(std::move(batched));
  }
  // Flat values, flat values a row, or the same sizes with other ones between them. Anything else, laid out anew, would mix up its rows.
  const bool flat = tensor.shape().size() <= 1;
  const bool same_sizes = sizes_beyond_one(tensor.shape()) == sizes_beyond_one(wanted);
  if (flat || same_sizes || is_rows_of(tensor.shape(), wanted)) {
    if (auto shape = filled(wanted, tensor.size())) return tensor.reshaped(*std::move(shape));
  }
  return fail(kInputShape, fmt::format("{} values of shape {} do not fit the shape {}", tensor.size(), tensors::to_string(tensor.shape()),
                                       tensors::to_string(wanted)));
}

Result<ReadInputs> read_inputs(const formats::ModelDescription& model, const GivenInputs& given, std::istream& standard_input,
                               const InputLimits& limits) {
  if (given.stride && !model.series) return fail(kOptionOutOfPlace, "--stride is for models whose sidecar declares a series");
  if (given.stride && *given.stride < 1) return fail(kUsage, "--stride is 1 or more");
  Inputs inputs(model, standard_input, limits, given.stride);
  if (given.series) TRY(inputs.add_series(*given.series));
  for (const auto& argument : given.named) TRY(inputs.add_named(argument));
  for (const auto& argument : given.positional) TRY(inputs.add_positional(argument));
  return inputs.finish();
}

}  // namespace forebay::cli

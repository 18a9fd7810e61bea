#include "tensors/array_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "tensors/array_reader.h"
#include "tensors/element_types.h"
#include "tensors/errors.h"
#include "tensors/json_element.h"
#include "tensors/json_string.h"

namespace forebay::tensors {

namespace {

struct Word {
  std::string_view text;
  double value;
};
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::array<Word, 4> kNotFinite = {{{"\"NaN\"", std::numeric_limits<double>::quiet_NaN()},
                                             {"null", std::numeric_limits<double>::quiet_NaN()},
                                             {"\"Infinity\"", kInfinity},
                                             {"\"-Infinity\"", -kInfinity}}};

const Word* not_finite_word(std::string_view text) {
  const auto found = std::ranges::find_if(kNotFinite, [&](const Word& word) { return text.starts_with(word.text); });
  return found == kNotFinite.end() ? nullptr : &*found;
}

// What stands at the start of `text`, in words.
std::string_view kind_of(std::string_view text) {
  if (text.starts_with('"')) return "a string";
  if (text.starts_with("true") || text.starts_with("false")) return "a bool";
  if (text.starts_with("null")) return "null";
  if (text.starts_with('{')) return "an object";
  return {};
}

Error explain_element(std::string_view json, std::size_t at, DType dtype, bool floating) {
  const std::string_view rest = json.substr(at);
  if (const JsonNumber number = scan_json_number(rest); !number.text.empty()) {
    if (dtype == DType::kString) return {kTensorTypeMismatch, fmt::format("byte {}: a number where a string is wanted", at)};
    return {kTensorValueOutOfRange, fmt::format("byte {}: {} cannot hold {}", at, name_of(dtype), number.text.substr(0, 40))};
  }
  if (floating && not_finite_word(rest) != nullptr) {
    return {kArrayNotFinite, fmt::format("byte {}: {} is not a finite number", at, not_finite_word(rest)->text)};
  }
  if (const auto kind = kind_of(rest); !kind.empty()) {
    return {kTensorTypeMismatch, fmt::format("byte {}: {} where {} is wanted", at, kind, name_of(dtype))};
  }
  return {kArrayJsonSyntax, fmt::format("byte {}: a value is missing", at)};
}

template <class T>
class NumberSink {
 public:
  NumberSink(DType dtype, NanPolicy nan, Tensor& memory) : dtype_(dtype), nan_(nan), out_(memory.mutable_bytes()) {}

  std::size_t read(std::string_view json, std::size_t at) {
    T& stored = reinterpret_cast<T*>(out_.data())[count_];
    const std::string_view rest = json.substr(at);
    const JsonNumber number = scan_json_number(rest);
    std::size_t length = number.text.size();
    if (length == 0)
      length = read_word(rest, stored);
    else if (!store_number(stored, number))
      return std::string_view::npos;
    if (length == 0) return std::string_view::npos;
    ++count_;
    return at + length;
  }
  Error explain(std::string_view json, std::size_t at) const { return explain_element(json, at, dtype_, kIsFloating<T>); }
  std::size_t size() const { return count_; }

 private:
  // true, false and what is not finite; the length of the word, 0 if none is taken.
  std::size_t read_word(std::string_view text, T& stored) const {
    if constexpr (std::is_same_v<T, Bool>) {
      stored.byte = text.starts_with("true");
      return stored.byte == 1 ? 4 : text.starts_with("false") ? 5 : 0;
    } else if constexpr (kIsFloating<T>) {
      const Word* word = nan_ == NanPolicy::kAllow ? not_finite_word(text) : nullptr;
      if (word == nullptr) return 0;
      store_element(stored, word->value);
      return word->text.size();
    } else {
      return 0;
    }
  }

  const DType dtype_;
  const NanPolicy nan_;
  const std::span<std::byte> out_;
  std::size_t count_ = 0;
};

class StringSink {
 public:
  explicit StringSink(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  std::size_t read(std::string_view json, std::size_t at) {
    if (at >= json.size() || json[at] != '"') return std::string_view::npos;
    auto end = read_json_string(json, at, bytes_max_, strings_.emplace_back());
    if (end) return *end;
    error_ = std::move(end.error());
    return std::string_view::npos;
  }
  Error explain(std::string_view json, std::size_t at) const { return error_ ? *error_ : explain_element(json, at, DType::kString, false); }
  std::size_t size() const { return strings_.size(); }
  std::vector<std::string> take() { return std::move(strings_); }

 private:
  const std::size_t bytes_max_;
  std::vector<std::string> strings_;
  std::optional<Error> error_;
};

Error shape_error(const Shape& nested, const Shape& wanted) {
  return {kTensorShapeMismatch, fmt::format("the array has the shape {}; {} is wanted", to_string(nested), to_string(wanted))};
}

bool dimensions_fit(std::span<const std::int64_t> nested, std::span<const std::int64_t> wanted) {
  return std::ranges::equal(nested, wanted, [](std::int64_t here, std::int64_t there) { return there < 0 || here == there; });
}

// The shape of `count` elements in a row: one free dimension at most takes what the others leave.
Result<Shape> fit_flat(std::size_t count, const Shape& wanted) {
  Shape shape = wanted;
  std::int64_t* free = nullptr;
  for (std::int64_t& dimension : shape) {
    if (dimension >= 0) continue;
    if (free != nullptr) {
      return fail(kTensorShapeMismatch, fmt::format("a flat array leaves {} open: nest it, or state the shape", to_string(wanted)));
    }
    free = &dimension;
    dimension = 1;
  }
  const auto known = element_count(shape);
  if (!known) return fail(kTensorShapeInvalid, fmt::format("{} is not the shape of a tensor", to_string(wanted)));
  if (free != nullptr) *free = *known == 0 ? 0 : static_cast<std::int64_t>(count / *known);
  if (element_count(shape) != count) {
    return fail(kTensorShapeMismatch, fmt::format("the array has {} elements; the shape {} is wanted", count, to_string(wanted)));
  }
  return shape;
}

Result<Shape> fit_shape(Shape nested, std::size_t count, const Shape* any_or_wanted) {
  if (any_or_wanted == nullptr) return nested;
  const Shape& wanted = *any_or_wanted;
  const std::size_t depth = nested.size();
  if (depth == wanted.size() && dimensions_fit(nested, wanted)) return nested;
  if (depth <= 1) return fit_flat(count, wanted);
  if (depth + 1 != wanted.size() || (wanted[0] >= 0 && wanted[0] != 1)) return fail(shape_error(nested, wanted));
  if (!dimensions_fit(nested, std::span(wanted).subspan(1))) return fail(shape_error(nested, wanted));
  nested.insert(nested.begin(), 1);
  return nested;
}

// Every element but the last is followed by a comma, so there are at most that many and one.
std::size_t elements_at_most(std::string_view json, const ArrayLimits& limits) {
  return std::min(static_cast<std::size_t>(std::ranges::count(json, ',')) + 1, limits.elements_max);
}

Result<Tensor> read_strings(std::string_view json, const Shape* wanted, const ArrayLimits& limits) {
  StringSink sink(limits.string_bytes_max);
  TRY_ASSIGN(Shape nested, ArrayReader(json, limits, sink).read());
  TRY_ASSIGN(Shape shape, fit_shape(std::move(nested), sink.size(), wanted));
  return Tensor::from_strings(std::move(shape), sink.take());
}

// Without a wanted shape any will do.
Result<Tensor> read_tensor(std::string_view json, DType dtype, const Shape* wanted, NanPolicy nan, const ArrayLimits& limits) {
  if (dtype == DType::kString) return read_strings(json, wanted, limits);
  Tensor memory = Tensor::zeros(dtype, {static_cast<std::int64_t>(elements_at_most(json, limits))});
  return with_element_type(dtype, [&]<class T>() -> Result<Tensor> {
    NumberSink<T> sink(dtype, nan, memory);
    TRY_ASSIGN(Shape nested, ArrayReader(json, limits, sink).read());
    TRY_ASSIGN(Shape shape, fit_shape(std::move(nested), sink.size(), wanted));
    TRY_ASSIGN(Tensor used, memory.rows(0, sink.size()));
    return used.reshaped(std::move(shape));
  });
}

}  // namespace

Result<Tensor> tensor_from_json(std::string_view json, DType dtype, const Shape& wanted, NanPolicy nan, const ArrayLimits& limits) {
  return read_tensor(json, dtype, &wanted, nan, limits);
}

Result<Tensor> tensor_from_json(std::string_view json, DType dtype, NanPolicy nan, const ArrayLimits& limits) {
  return read_tensor(json, dtype, nullptr, nan, limits);
}

}  // namespace forebay::tensors

#include "formats/onnx_value_facts.h"

#include <algorithm>
#include <cmath>

#include "formats/byte_reader.h"
#include "formats/onnx_shape_rules.h"

namespace forebay::formats {

namespace shape_rules {

namespace {
std::int64_t broadcast(std::int64_t one, std::int64_t other) {
  if (one == other) return one;
  if (one > 1 || other > 1) return std::max(one, other);  // The other must be 1 or the same.
  if (one == 0 || other == 0) return 0;
  if (one == 1) return other;
  if (other == 1) return one;
  return Facts::kUnknown;
}
}  // namespace

double product_of(const Shape& shape) {
  double product = 1;
  for (const auto dimension : shape) product *= dimension >= 0 ? static_cast<double>(dimension) : 1;
  return product;
}

std::int64_t dimension_of(double value) {
  if (std::isnan(value)) return Facts::kUnknown;
  return static_cast<std::int64_t>(std::clamp(value, 0.0, static_cast<double>(kDimensionMax)));
}

Shape shape_out_of(const std::vector<double>& values) {
  Shape shape;
  for (const double value : values) shape.push_back(dimension_of(value));
  return shape;
}

std::optional<Shape> unknown_of_length(const Facts& list) {
  constexpr std::int64_t kRankMax = 64;
  if (list.rank() != 1 || list.shape->front() < 0 || list.shape->front() > kRankMax) return std::nullopt;
  return Shape(static_cast<std::size_t>(list.shape->front()), Facts::kUnknown);
}

double times(double one, double other) { return one == 0 || other == 0 ? 0 : one * other; }

Facts shaped(OnnxType type, std::optional<Shape> shape) {
  Facts facts{.type = type, .shape = std::move(shape)};
  if (facts.is_static()) facts.elements_max = product_of(*facts.shape);
  return facts;
}

std::int64_t integer_of(const OnnxNode& node, std::string_view name, std::int64_t otherwise) {
  const auto* attribute = node.attribute(name);
  return attribute != nullptr && !attribute->integers.empty() ? attribute->integers.front() : otherwise;
}

const Facts& input_of(Inputs inputs, std::size_t index) {
  static const Facts absent{.is_given = false, .at_load = true};
  return index < inputs.size() ? inputs[index] : absent;
}

std::optional<std::vector<double>> numbers_of(const OnnxNode& node, std::string_view name, const Facts& input) {
  if (input.is_given && input.values) return input.values;
  const auto* attribute = node.attribute(name);
  if (attribute == nullptr || input.is_given) return std::nullopt;
  if (!attribute->reals.empty()) return std::vector<double>(attribute->reals.begin(), attribute->reals.end());
  return std::vector<double>(attribute->integers.begin(), attribute->integers.end());
}

bool all_known(const std::optional<std::vector<double>>& values) {
  return values && std::ranges::none_of(*values, [](double value) { return std::isnan(value); });
}

std::optional<Shape> broadcast(const std::optional<Shape>& one, const std::optional<Shape>& other) {
  if (!one || !other) return std::nullopt;
  Shape shape = one->size() >= other->size() ? *one : *other;
  const Shape& shorter = one->size() >= other->size() ? *other : *one;
  const auto offset = shape.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) shape[offset + i] = broadcast(shape[offset + i], shorter[i]);
  return shape;
}

}  // namespace shape_rules

using namespace shape_rules;

bool ValueFacts::is_static() const {
  return shape && std::ranges::all_of(*shape, [](std::int64_t dimension) { return dimension >= 0; });
}

double ValueFacts::bytes_of_element() const {
  constexpr double kTextBytes = 32;
  if (type == OnnxType::kString) return kTextBytes;
  const auto bits = is_known(type) ? bits_of(type) : 64U;
  return std::max(1.0, bits / 8.0);
}

ValueFacts facts_of(const OnnxTensor& tensor) {
  Facts facts = shaped(tensor.type, tensor.dimensions);
  facts.at_load = true;
  const double elements = facts.elements_max;
  if (elements > static_cast<double>(Facts::kValuesMax) || tensor.is_external) return facts;
  std::vector<double> values;
  if (tensor.raw) {
    ByteReader reader(*tensor.raw);
    while (!reader.at_end() && !reader.failed()) {
      if (tensor.type == OnnxType::kInt64) {
        values.push_back(static_cast<double>(reader.number<std::int64_t>()));
      } else if (tensor.type == OnnxType::kInt32) {
        values.push_back(reader.number<std::int32_t>());
      } else if (tensor.type == OnnxType::kFloat) {
        values.push_back(reader.number<float>());
      } else if (tensor.type == OnnxType::kDouble) {
        values.push_back(reader.number<double>());
      } else if (tensor.type == OnnxType::kBool) {
        values.push_back(reader.number<std::uint8_t>());
      } else {
        return facts;
      }
    }
  } else if (!tensor.integers.empty()) {
    values.assign(tensor.integers.begin(), tensor.integers.end());
  } else {
    values = tensor.reals;
  }
  if (static_cast<double>(values.size()) == elements) facts.values = std::move(values);
  return facts;
}

ValueFacts facts_of_input(const OnnxValueType& type) {
  Facts facts;
  if (type.kind != OnnxValueType::Kind::kTensor) return facts;
  facts.type = type.element;
  facts.rank_is_open = !type.has_shape;
  if (!type.has_shape) return facts;
  Shape shape;
  for (const auto& dimension : type.shape) shape.push_back(dimension.value && *dimension.value >= 0 ? *dimension.value : Facts::kFree);
  return shaped(type.element, std::move(shape));
}

}  // namespace forebay::formats

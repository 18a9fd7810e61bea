#include <algorithm>
#include <cmath>
#include <functional>

#include "formats/onnx_shape_rules.h"

namespace forebay::formats::shape_rules {

namespace {
Facts grown(OnnxType type, std::optional<Shape> shape, double elements_max) {
  Facts facts = shaped(type, std::move(shape));
  if (!facts.is_static()) facts.elements_max = elements_max;
  if (facts.shape) facts.elements_min = product_of(*facts.shape);
  return facts;
}
}  // namespace

Facts constant_of_shape(const OnnxNode& node, Inputs inputs) {
  const auto* value = node.attribute("value");
  const OnnxType type = value != nullptr && !value->tensors.empty() ? value->tensors.front().type : OnnxType::kFloat;
  const Facts& wanted = input_of(inputs, 0);
  if (!wanted.values) return {.type = type, .shape = unknown_of_length(wanted)};
  return grown(type, shape_out_of(*wanted.values), kUnbounded);
}

Facts random_of_shape(const OnnxNode& node, Inputs) {
  const auto* shape = node.attribute("shape");
  if (shape == nullptr) return {.type = OnnxType::kDouble};
  Shape wanted = shape->integers;
  for (auto& dimension : wanted) dimension = std::clamp<std::int64_t>(dimension, 0, kDimensionMax);
  return grown(OnnxType::kFloat, std::move(wanted), kUnbounded);
}

Facts expand(const OnnxNode&, Inputs inputs) {
  const Facts& from = input_of(inputs, 0);
  const auto& wanted = input_of(inputs, 1).values;
  if (!wanted) return {.type = from.type};
  const Shape sizes = shape_out_of(*wanted);
  Facts facts =
      grown(from.type, broadcast(from.shape, sizes), all_known(wanted) ? times(from.elements_max, product_of(sizes)) : kUnbounded);
  facts.elements_min = std::max(facts.elements_min, product_of(sizes));
  return facts;
}

Facts tile(const OnnxNode&, Inputs inputs) {
  const Facts& from = input_of(inputs, 0);
  const auto& repeats = input_of(inputs, 1).values;
  if (!repeats) return {.type = from.type};
  const Shape factors = shape_out_of(*repeats);
  std::optional<Shape> shape;
  if (from.shape && from.shape->size() == factors.size()) {
    shape.emplace();
    for (std::size_t i = 0; i < factors.size(); ++i) {
      const bool is_known = (*from.shape)[i] >= 0 && factors[i] >= 0;
      shape->push_back(is_known ? dimension_of(static_cast<double>((*from.shape)[i]) * static_cast<double>(factors[i]))
                                : std::min((*from.shape)[i], Facts::kFree));
    }
  }
  Facts facts = grown(from.type, std::move(shape), all_known(repeats) ? times(from.elements_max, product_of(factors)) : kUnbounded);
  facts.elements_min = std::max(facts.elements_min, product_of(factors));
  return facts;
}

Facts range(const OnnxNode&, Inputs inputs) {
  const auto number = [&](std::size_t index) {
    const auto& values = input_of(inputs, index).values;
    return values && values->size() == 1 ? values->front() : kNotKnown;
  };
  const OnnxType type = input_of(inputs, 0).type;
  const double start = number(0), limit = number(1), delta = number(2);
  const double count = delta == 0 ? kUnbounded : std::max(0.0, std::ceil((limit - start) / delta));
  if (std::isnan(start) || std::isnan(limit) || std::isnan(delta)) return {.type = type, .shape = Shape{Facts::kUnknown}};
  Facts facts = grown(type, Shape{dimension_of(count)}, kUnbounded);
  if (count > static_cast<double>(Facts::kValuesMax)) return facts;
  facts.values.emplace();
  const auto whole = static_cast<int>(count);
  for (int i = 0; i < whole; ++i) facts.values->push_back(start + i * delta);
  return facts;
}

Facts one_hot(const OnnxNode&, Inputs inputs) {
  const Facts& indices = input_of(inputs, 0);
  const auto& depth = input_of(inputs, 1).values;
  Facts facts{.type = input_of(inputs, 2).type};
  if (!all_known(depth) || depth->size() != 1) return facts;
  facts.elements_max = times(indices.elements_max, depth->front());
  facts.elements_min = (indices.shape ? product_of(*indices.shape) : 1) * depth->front();
  return facts;
}

Facts pad(const OnnxNode& node, Inputs inputs) {
  const Facts& from = input_of(inputs, 0);
  const auto pads = numbers_of(node, "pads", input_of(inputs, 1));
  if (!all_known(pads)) return {.type = from.type};
  const auto half = pads->size() / 2;
  double least = 1;
  const bool per_dimension = from.shape && from.shape->size() == half && !input_of(inputs, 3).is_given;
  Shape shape;
  for (std::size_t i = 0; i < half; ++i) {
    const double added = (*pads)[i] + (*pads)[i + half];
    const auto extent = per_dimension ? (*from.shape)[i] : Facts::kUnknown;
    shape.push_back(extent >= 0 ? dimension_of(static_cast<double>(extent) + added) : extent);
    least *= std::max(1.0, static_cast<double>(std::max<std::int64_t>(extent, 0)) + added);
  }
  Facts facts = grown(from.type, per_dimension ? std::optional(std::move(shape)) : std::nullopt, kUnbounded);
  facts.elements_min = std::max(facts.elements_min, least);
  return facts;
}

Facts resize(const OnnxNode& node, Inputs inputs) {
  const Facts& from = input_of(inputs, 0);
  const bool is_upsample = node.op_type == "Upsample" || inputs.size() == 2;  // scales are the second input, else the third
  const auto scales = numbers_of(node, "scales", input_of(inputs, is_upsample ? 1 : 2));
  const auto& sizes = input_of(inputs, 3).values;
  const double others = from.shape ? product_of(*from.shape) : 1;
  Facts facts{.type = from.type};
  if (sizes && !sizes->empty()) {
    const Shape wanted = shape_out_of(*sizes);
    facts = grown(from.type, node.attribute("axes") == nullptr ? std::optional(wanted) : std::nullopt, kUnbounded);
    facts.elements_min = std::max(facts.elements_min, product_of(wanted));
  } else if (all_known(scales) && !scales->empty()) {
    const double factor = std::ranges::fold_left(*scales, 1.0, std::multiplies());
    facts.elements_max = times(from.elements_max, std::max(1.0, factor));
    facts.elements_min = others * factor;
  }
  return facts;
}

}  // namespace forebay::formats::shape_rules

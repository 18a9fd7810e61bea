#include "formats/onnx_shape_rules.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <ranges>

namespace forebay::formats {

namespace {
using namespace shape_rules;

bool is_integer(OnnxType type) {
  using enum OnnxType;
  switch (type) {
    case kUint8:
    case kInt8:
    case kUint16:
    case kInt16:
    case kInt32:
    case kInt64:
    case kUint32:
    case kUint64:
    case kBool:
      return true;
    default:
      return false;
  }
}

// Of at most as many elements as `like`.
Facts no_larger(OnnxType type, std::optional<Shape> shape, const Facts& like) {
  Facts facts = shaped(type, std::move(shape));
  facts.elements_max = std::min(facts.elements_max, like.elements_max);
  return facts;
}

// --- small numbers ---

double computed(std::string_view op, double a, double b, bool whole) {
  if (op == "Add" || op == "Sum") return a + b;
  if (op == "Sub") return a - b;
  if (op == "Mul") return a * b;
  if (op == "Div") return b == 0 ? kNotKnown : (whole ? std::trunc(a / b) : a / b);
  if (op == "Min") return std::min(a, b);
  if (op == "Max") return std::max(a, b);
  if (op == "Equal") return a == b ? 1 : 0;
  return kNotKnown;
}

std::optional<std::vector<double>> computed(std::string_view op, const Facts& a, const Facts& b) {
  if (!a.values || !b.values || a.rank() > 1 || b.rank() > 1 || a.rank() < 0 || b.rank() < 0) return std::nullopt;
  const auto size = std::max(a.values->size(), b.values->size());
  if ((a.values->size() != size && a.values->size() != 1) || (b.values->size() != size && b.values->size() != 1)) return std::nullopt;
  std::vector<double> result;
  for (std::size_t i = 0; i < size; ++i) {
    const double x = (*a.values)[a.values->size() == 1 ? 0 : i];
    const double y = (*b.values)[b.values->size() == 1 ? 0 : i];
    result.push_back(std::isnan(x) || std::isnan(y) ? kNotKnown : computed(op, x, y, is_integer(a.type)));
  }
  return result;
}

// --- rules, by how the output follows from the inputs ---

Facts same_shape(const OnnxNode& node, Inputs inputs) {
  const Facts& from = input_of(inputs, 0);
  Facts facts = no_larger(from.type, from.shape, from);
  if (node.op_type == "Cast") facts.type = static_cast<OnnxType>(std::clamp<std::int64_t>(integer_of(node, "to", 0), 0, 255));
  if (node.op_type == "DequantizeLinear") facts.type = OnnxType::kFloat;
  if (node.op_type == "EyeLike") facts.type = OnnxType::kDouble;
  if (!from.values) return facts;
  if (node.op_type == "Identity" || node.op_type == "Cast") facts.values = from.values;
  const auto apply = [&](auto function) {
    facts.values = *from.values | std::views::transform(function) | std::ranges::to<std::vector<double>>();
  };
  if (node.op_type == "Cast" && is_integer(facts.type)) apply([](double value) { return std::trunc(value); });
  if (node.op_type == "Neg") apply([](double value) { return -value; });
  if (node.op_type == "Abs") apply([](double value) { return std::abs(value); });
  if (node.op_type == "Floor") apply([](double value) { return std::floor(value); });
  if (node.op_type == "Ceil") apply([](double value) { return std::ceil(value); });
  if (node.op_type == "Sqrt") apply([](double value) { return std::sqrt(value); });
  return facts;
}

Facts broadcasts(const OnnxNode& node, Inputs inputs) {
  if (inputs.empty()) return {};
  Facts facts = inputs[0];
  for (const Facts& other : inputs.subspan(1)) {
    Facts next = shaped(facts.type, broadcast(facts.shape, other.shape));
    next.elements_max = std::min(next.elements_max, times(facts.elements_max, other.elements_max));
    next.values = computed(node.op_type, facts, other);
    facts = std::move(next);
  }
  if (node.op_type == "Where" && inputs.size() == 3) {
    facts.type = inputs[1].type;
    const auto& condition = inputs[0].values;
    const bool alike = condition && inputs[1].values && inputs[2].values && inputs[1].values->size() == condition->size() &&
                       inputs[2].values->size() == condition->size();
    facts.values.reset();
    if (alike) {
      facts.values.emplace();
      for (std::size_t i = 0; i < condition->size(); ++i) {
        const double chosen = (*condition)[i];
        facts.values->push_back(std::isnan(chosen) ? kNotKnown : (*inputs[chosen != 0 ? 1 : 2].values)[i]);
      }
    }
  }
  return facts;
}

// Some of the elements of its first input.
Facts shrinks(const OnnxNode& node, Inputs inputs) {
  const Facts& from = input_of(inputs, 0);
  Facts facts = no_larger(from.type, std::nullopt, from);
  if (node.op_type.starts_with("Arg") || node.op_type == "TopK") facts.type = OnnxType::kInt64;
  if (!all_known(from.values) || from.rank() > 1 || integer_of(node, "keepdims", 1) != 0) return facts;
  const auto fold = [&](double start, auto function) {
    facts.values = std::vector{std::ranges::fold_left(*from.values, start, function)};
    facts.shape = Shape();
  };
  if (node.op_type == "ReduceProd") fold(1, std::multiplies());
  if (node.op_type == "ReduceSum") fold(0, std::plus());
  return facts;
}

Facts reshape(const OnnxNode& node, Inputs inputs) {
  const Facts& from = input_of(inputs, 0);
  Facts facts = no_larger(from.type, std::nullopt, from);
  facts.values = from.values;
  const auto wanted = numbers_of(node, "shape", input_of(inputs, 1));
  if (!wanted) {
    facts.shape = unknown_of_length(input_of(inputs, 1));
    facts.rank_is_open = !facts.shape;
    return facts;
  }
  Shape shape;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < wanted->size(); ++i) {
    const double value = (*wanted)[i];
    if (value == -1) open = i;
    if (value == 0) {
      shape.push_back(from.shape && i < from.shape->size() ? (*from.shape)[i] : Facts::kUnknown);
    } else {
      shape.push_back(value < 0 ? Facts::kUnknown : dimension_of(value));
    }
  }
  const bool others_known = std::ranges::count_if(shape, [](std::int64_t one) { return one < 0; }) == 1;
  if (const double others = product_of(shape); open && others_known && from.is_static() && others > 0)
    shape[*open] = dimension_of(std::floor(from.elements_max / others));
  facts.shape = std::move(shape);
  return facts;
}

std::int64_t axis_of(std::int64_t axis, std::int64_t rank) { return axis < 0 ? axis + rank : axis; }

Facts unsqueeze(const OnnxNode& node, Inputs inputs) {
  const Facts& from = input_of(inputs, 0);
  Facts facts = no_larger(from.type, std::nullopt, from);
  facts.values = from.values;
  const auto axes = numbers_of(node, "axes", input_of(inputs, 1));
  if (!from.shape || !all_known(axes)) return facts;
  const auto rank = from.rank() + static_cast<std::int64_t>(axes->size());
  std::vector<std::int64_t> places;
  for (const double axis : *axes) places.push_back(axis_of(static_cast<std::int64_t>(axis), rank));
  Shape shape = *from.shape;
  std::ranges::sort(places);
  for (const auto place : places) {
    if (place < 0 || place > static_cast<std::int64_t>(shape.size())) return facts;
    shape.insert(shape.begin() + place, 1);
  }
  facts.shape = std::move(shape);
  return facts;
}

Facts squeeze(const OnnxNode& node, Inputs inputs) {
  const Facts& from = input_of(inputs, 0);
  Facts facts = no_larger(from.type, std::nullopt, from);
  facts.values = from.values;
  const Facts& given = input_of(inputs, 1);
  const auto axes = numbers_of(node, "axes", given);
  if (!from.shape) return facts;
  Shape shape;
  if (axes && all_known(axes) && !axes->empty()) {
    for (std::int64_t i = 0; i < from.rank(); ++i) {
      const bool goes = std::ranges::any_of(*axes, [&](double axis) { return axis_of(static_cast<std::int64_t>(axis), from.rank()) == i; });
      if (!goes) shape.push_back((*from.shape)[static_cast<std::size_t>(i)]);
    }
  } else if (!given.is_given && from.is_static()) {
    std::ranges::copy_if(*from.shape, std::back_inserter(shape), [](std::int64_t one) { return one != 1; });
  } else {
    return facts;
  }
  facts.shape = std::move(shape);
  return facts;
}

Facts transpose(const OnnxNode& node, Inputs inputs) {
  const Facts& from = input_of(inputs, 0);
  Facts facts = no_larger(from.type, std::nullopt, from);
  if (!from.shape) return facts;
  if (from.rank() <= 1) facts.values = from.values;
  Shape shape(from.shape->rbegin(), from.shape->rend());
  if (const auto* order = node.attribute("perm"); order != nullptr) {
    if (order->integers.size() != shape.size()) return facts;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const auto source = order->integers[i];
      if (source < 0 || source >= from.rank()) return facts;
      shape[i] = (*from.shape)[static_cast<std::size_t>(source)];
    }
  }
  facts.shape = std::move(shape);
  return facts;
}

Facts concat(const OnnxNode& node, Inputs inputs) {
  if (inputs.empty()) return {};
  Facts facts{.type = inputs[0].type, .shape = inputs[0].shape};
  facts.elements_max = 0;
  bool has_values = true;
  for (const Facts& part : inputs) {
    facts.elements_max += part.elements_max;
    if (part.rank() != facts.rank()) facts.shape.reset();
    has_values = has_values && part.values && part.rank() == 1;
  }
  if (has_values) {
    facts.values.emplace();
    for (const Facts& part : inputs) facts.values->append_range(*part.values);
    if (facts.values->size() > Facts::kValuesMax) facts.values.reset();
  }
  if (!facts.shape) return facts;
  const auto axis = axis_of(integer_of(node, "axis", 1), facts.rank());
  for (const Facts& part : inputs.subspan(1)) {
    for (std::int64_t i = 0; i < facts.rank(); ++i) {
      auto& dimension = (*facts.shape)[static_cast<std::size_t>(i)];
      const auto other = (*part.shape)[static_cast<std::size_t>(i)];
      if (i == axis) {
        dimension =
            dimension >= 0 && other >= 0 ? std::min(dimension + other, kDimensionMax) : std::min(std::min(dimension, other), Facts::kFree);
      } else if (dimension != other) {
        dimension = dimension >= 0 ? dimension : other >= 0 ? other : Facts::kUnknown;
      }
    }
  }
  return facts;
}

Facts gather(const OnnxNode& node, Inputs inputs) {
  const Facts& from = input_of(inputs, 0);
  const Facts& indices = input_of(inputs, 1);
  Facts facts{.type = from.type};
  facts.elements_max = times(from.elements_max, indices.elements_max);
  if (!from.shape || from.shape->empty()) return facts;
  const auto axis = axis_of(integer_of(node, "axis", 0), from.rank());
  if (axis < 0 || axis >= from.rank()) return facts;
  const auto place = static_cast<std::size_t>(axis);
  if (const auto extent = (*from.shape)[place]; extent > 0)
    facts.elements_max = std::min(facts.elements_max, times(from.elements_max / static_cast<double>(extent), indices.elements_max));
  if (indices.shape) {
    Shape shape = *from.shape;
    shape.erase(shape.begin() + axis);
    shape.insert(shape.begin() + axis, indices.shape->begin(), indices.shape->end());
    facts.shape = std::move(shape);
  }
  if (from.values && from.rank() == 1 && indices.values && indices.rank() <= 1) {
    facts.values.emplace();
    for (const double index : *indices.values) {
      const double at = index < 0 ? index + static_cast<double>(from.values->size()) : index;
      const bool is_known = at >= 0 && at < static_cast<double>(from.values->size());
      facts.values->push_back(is_known ? (*from.values)[static_cast<std::size_t>(at)] : kNotKnown);
    }
  }
  return facts;
}

Facts slice(const OnnxNode& node, Inputs inputs) {
  const Facts& from = input_of(inputs, 0);
  Facts facts = no_larger(from.type, from.shape, from);
  const auto starts = numbers_of(node, "starts", input_of(inputs, 1));
  const auto ends = numbers_of(node, "ends", input_of(inputs, 2));
  const Facts& steps = input_of(inputs, 4);
  if (facts.shape) {
    for (auto& dimension : *facts.shape) dimension = dimension == Facts::kFree ? Facts::kFree : Facts::kUnknown;
  }
  const bool is_plain = from.values && from.rank() == 1 && all_known(starts) && all_known(ends) && starts->size() == 1 &&
                        ends->size() == 1 && (!steps.is_given || (steps.values && steps.values->front() == 1));
  if (!is_plain) return facts;
  const auto size = static_cast<double>(from.values->size());
  const auto place = [&](double at) { return static_cast<std::size_t>(std::clamp(at < 0 ? at + size : at, 0.0, size)); };
  const auto first = place(starts->front());
  const auto last = std::max(first, place(ends->front()));
  facts.values =
      std::vector(from.values->begin() + static_cast<std::ptrdiff_t>(first), from.values->begin() + static_cast<std::ptrdiff_t>(last));
  facts.shape = Shape{static_cast<std::int64_t>(last - first)};
  return facts;
}

// Only the first dimension of the output is known.
Facts keeps_rows(const OnnxNode&, Inputs inputs) {
  const Facts& from = input_of(inputs, 0);
  Facts facts{.type = from.type};
  if (!from.shape || from.shape->empty()) return facts;
  facts.shape = Shape(from.shape->size(), Facts::kUnknown);
  facts.shape->front() = from.shape->front();
  return facts;
}

Facts mat_mul(const OnnxNode& node, Inputs inputs) {
  Facts a = input_of(inputs, 0);
  Facts b = input_of(inputs, 1);
  Facts facts{.type = a.type};
  facts.elements_max = times(a.elements_max, b.elements_max);
  facts.work = facts.elements_max;
  if (a.rank() < 2 || b.rank() < 2) return facts;
  if (node.op_type == "Gemm" && integer_of(node, "transA", 0) != 0) std::swap((*a.shape)[0], (*a.shape)[1]);
  if (node.op_type == "Gemm" && integer_of(node, "transB", 0) != 0) std::swap((*b.shape)[0], (*b.shape)[1]);
  auto shape = *broadcast(Shape(a.shape->begin(), a.shape->end() - 2), Shape(b.shape->begin(), b.shape->end() - 2));
  shape.push_back((*a.shape)[a.shape->size() - 2]);
  shape.push_back(b.shape->back());
  Facts known = shaped(a.type, std::move(shape));
  known.elements_max = std::min(known.elements_max, facts.elements_max);
  known.work = std::min(facts.work, times(known.elements_max, static_cast<double>(std::max<std::int64_t>(1, a.shape->back()))));
  if (a.shape->back() < 0) known.work = facts.work;
  return known;
}

Facts shape_of(const OnnxNode& node, Inputs inputs) {
  const Facts& from = input_of(inputs, 0);
  if (node.op_type == "Size") {
    Facts facts = shaped(OnnxType::kInt64, Shape());
    facts.at_load = !from.shape || !std::ranges::contains(*from.shape, Facts::kFree);
    if (from.is_static()) facts.values = std::vector{from.elements_max};
    return facts;
  }
  Facts facts{.at_load = true, .type = OnnxType::kInt64, .shape = Shape{Facts::kUnknown}};
  facts.elements_max = 16;
  if (!from.shape) return facts;
  const auto rank = from.rank();
  const auto first = std::clamp<std::int64_t>(axis_of(integer_of(node, "start", 0), rank), 0, rank);
  const auto last = std::clamp<std::int64_t>(axis_of(integer_of(node, "end", rank), rank), first, rank);
  const Shape taken(from.shape->begin() + first, from.shape->begin() + last);
  facts.shape = Shape{last - first};
  facts.at_load = !std::ranges::contains(taken, Facts::kFree);
  facts.values.emplace();
  for (const auto dimension : taken) facts.values->push_back(dimension >= 0 ? static_cast<double>(dimension) : kNotKnown);
  return facts;
}

Facts constant(const OnnxNode& node, Inputs) {
  for (const auto& attribute : node.attributes) {
    if (!attribute.tensors.empty()) return facts_of(attribute.tensors.front());
    if (!attribute.sparse.empty()) {
      const auto& sparse = attribute.sparse.front();
      return shaped(sparse.values.type, sparse.dimensions);
    }
    if (!attribute.reference.empty()) continue;
    const bool is_list = attribute.name.ends_with('s');
    const auto scalar_or_list = [&](OnnxType type, const auto& numbers) {
      Facts facts = shaped(type, is_list ? Shape{static_cast<std::int64_t>(numbers.size())} : Shape());
      if constexpr (std::is_arithmetic_v<std::ranges::range_value_t<decltype(numbers)>>) {
        if (numbers.size() <= Facts::kValuesMax) facts.values.emplace(numbers.begin(), numbers.end());
        if (!is_list && numbers.empty()) facts.values = std::vector{0.0};
      }
      return facts;
    };
    if (attribute.name.starts_with("value_int")) return scalar_or_list(OnnxType::kInt64, attribute.integers);
    if (attribute.name.starts_with("value_float")) return scalar_or_list(OnnxType::kFloat, attribute.reals);
    if (attribute.name.starts_with("value_string")) return scalar_or_list(OnnxType::kString, attribute.texts);
  }
  return {};
}

struct Rule {
  std::string_view op;
  Facts (*infer)(const OnnxNode& node, Inputs inputs);
  bool grows = false;
};

constexpr std::string_view kSameShape[] = {"Abs",
                                           "Acos",
                                           "Acosh",
                                           "Asin",
                                           "Asinh",
                                           "Atan",
                                           "Atanh",
                                           "BatchNormalization",
                                           "Bernoulli",
                                           "BitwiseNot",
                                           "Cast",
                                           "Ceil",
                                           "Celu",
                                           "Clip",
                                           "Cos",
                                           "Cosh",
                                           "CumSum",
                                           "DequantizeLinear",
                                           "Dropout",
                                           "Elu",
                                           "Erf",
                                           "Exp",
                                           "EyeLike",
                                           "Floor",
                                           "Gelu",
                                           "GroupNormalization",
                                           "HardSigmoid",
                                           "HardSwish",
                                           "Hardmax",
                                           "Identity",
                                           "InstanceNormalization",
                                           "IsInf",
                                           "IsNaN",
                                           "LayerNormalization",
                                           "LeakyRelu",
                                           "Log",
                                           "LogSoftmax",
                                           "LpNormalization",
                                           "Mish",
                                           "Neg",
                                           "Not",
                                           "PRelu",
                                           "QuantizeLinear",
                                           "RMSNormalization",
                                           "RandomNormalLike",
                                           "RandomUniformLike",
                                           "Reciprocal",
                                           "Relu",
                                           "Round",
                                           "ScatterElements",
                                           "ScatterND",
                                           "Selu",
                                           "Shrink",
                                           "Sigmoid",
                                           "Sign",
                                           "SimplifiedLayerNormalization",
                                           "Sin",
                                           "Sinh",
                                           "Softmax",
                                           "Softplus",
                                           "Softsign",
                                           "Sqrt",
                                           "Swish",
                                           "Tan",
                                           "Tanh",
                                           "ThresholdedRelu",
                                           "Trilu"};
constexpr std::string_view kClassicSameShape[] = {"Binarizer", "Imputer", "Normalizer", "Scaler"};  // of ai.onnx.ml
constexpr std::string_view kBroadcasts[] = {
    "Add", "And",  "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
    "Max", "Mean", "Min",      "Mod",        "Mul",       "Or",         "Pow", "Sub",   "Sum",     "Where",          "Xor"};
constexpr std::string_view kShrinks[] = {"ArgMax",       "ArgMin",    "Compress",     "DepthToSpace",    "Flatten",
                                         "ReduceL1",     "ReduceL2",  "ReduceLogSum", "ReduceLogSumExp", "ReduceMax",
                                         "ReduceMean",   "ReduceMin", "ReduceProd",   "ReduceSum",       "ReduceSumSquare",
                                         "SpaceToDepth", "Split",     "TopK",         "Unique"};
constexpr std::string_view kKeepsRows[] = {"AveragePool",   "Conv", "ConvInteger", "ConvTranspose", "GlobalAveragePool",
                                           "GlobalMaxPool", "LRN",  "LpPool",      "MaxPool",       "QLinearConv"};
constexpr Rule kRules[] = {{"Concat", concat},
                           {"Constant", constant},
                           {"ConstantOfShape", constant_of_shape, true},
                           {"Expand", expand, true},
                           {"Gather", gather},
                           {"Gemm", mat_mul},
                           {"MatMul", mat_mul},
                           {"OneHot", one_hot, true},
                           {"Pad", pad, true},
                           {"RandomNormal", random_of_shape, true},
                           {"RandomUniform", random_of_shape, true},
                           {"Range", range, true},
                           {"Reshape", reshape},
                           {"Resize", resize, true},
                           {"Shape", shape_of},
                           {"Size", shape_of},
                           {"Slice", slice},
                           {"Squeeze", squeeze},
                           {"Tile", tile, true},
                           {"Transpose", transpose},
                           {"Unsqueeze", unsqueeze},
                           {"Upsample", resize, true}};
static_assert(std::ranges::is_sorted(kSameShape) && std::ranges::is_sorted(kBroadcasts) && std::ranges::is_sorted(kShrinks));
static_assert(std::ranges::is_sorted(kKeepsRows) && std::ranges::is_sorted(kRules, {}, &Rule::op));

const Rule* rule_of(const OnnxNode& node) {
  const auto rule = std::ranges::lower_bound(kRules, node.op_type, {}, &Rule::op);
  return node.domain.empty() && rule != std::end(kRules) && rule->op == node.op_type ? rule : nullptr;
}
}  // namespace

std::optional<ValueFacts> infer_facts(const OnnxNode& node, std::span<const ValueFacts> inputs) {
  if (node.domain == "ai.onnx.ml" && std::ranges::contains(kClassicSameShape, node.op_type)) return same_shape(node, inputs);
  if (!node.domain.empty()) return std::nullopt;
  if (const Rule* rule = rule_of(node)) return rule->infer(node, inputs);
  const auto op = node.op_type;
  if (std::ranges::binary_search(kSameShape, op)) return same_shape(node, inputs);
  if (std::ranges::binary_search(kBroadcasts, op)) return broadcasts(node, inputs);
  if (std::ranges::binary_search(kShrinks, op)) return shrinks(node, inputs);
  if (std::ranges::binary_search(kKeepsRows, op)) return keeps_rows(node, inputs);
  return std::nullopt;
}

bool grows_by_constants(const OnnxNode& node) {
  const Rule* rule = rule_of(node);
  return rule != nullptr && rule->grows;
}

}  // namespace forebay::formats

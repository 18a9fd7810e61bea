// What the rules of single operators share, and the rules of those that make more than they are given.
// Threads: shared (no state). Owner: infer_facts().
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "formats/onnx_value_facts.h"

namespace forebay::formats::shape_rules {

using Facts = ValueFacts;
using Inputs = std::span<const Facts>;
using Shape = std::vector<std::int64_t>;

inline constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kUnbounded = std::numeric_limits<double>::infinity();
inline constexpr std::int64_t kDimensionMax = std::int64_t{1} << 40;

// Of the known dimensions.
double product_of(const Shape& shape);
// 0 when either is, whatever the other.
double times(double one, double other);
// A dimension out of a number that a graph computes with.
std::int64_t dimension_of(double value);
Shape shape_out_of(const std::vector<double>& values);
// As many unknown dimensions as the list has numbers, when that is known.
std::optional<Shape> unknown_of_length(const Facts& list);
Facts shaped(OnnxType type, std::optional<Shape> shape);
std::int64_t integer_of(const OnnxNode& node, std::string_view name, std::int64_t otherwise);
// An input that is not there counts as left out.
const Facts& input_of(Inputs inputs, std::size_t index);
// The integers of an attribute, or of the input that newer operator sets have in its place.
std::optional<std::vector<double>> numbers_of(const OnnxNode& node, std::string_view name, const Facts& input);
bool all_known(const std::optional<std::vector<double>>& values);
std::optional<Shape> broadcast(const std::optional<Shape>& one, const std::optional<Shape>& other);

Facts constant_of_shape(const OnnxNode& node, Inputs inputs);
Facts expand(const OnnxNode& node, Inputs inputs);
Facts one_hot(const OnnxNode& node, Inputs inputs);
Facts pad(const OnnxNode& node, Inputs inputs);
Facts random_of_shape(const OnnxNode& node, Inputs inputs);
Facts range(const OnnxNode& node, Inputs inputs);
Facts resize(const OnnxNode& node, Inputs inputs);
Facts tile(const OnnxNode& node, Inputs inputs);

}  // namespace forebay::formats::shape_rules

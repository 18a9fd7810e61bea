// What is known of an ONNX value before anything runs: its shape, and its numbers where they are few.
// Threads: confined to one check. Owner: none.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "formats/onnx_model.h"

namespace forebay::formats {

struct ValueFacts {
  static constexpr std::int64_t kFree = -1;     // a dimension that only a request decides
  static constexpr std::int64_t kUnknown = -2;  // a dimension that this analysis cannot tell
  static constexpr std::size_t kValuesMax = 64;

  bool is_given = true;  // false: an optional input that is left out
  bool at_load = false;  // the library may compute it when it loads the model
  OnnxType type = OnnxType::kUndefined;
  std::optional<std::vector<std::int64_t>> shape;
  std::optional<std::vector<double>> values;  // row-major; NaN where unknown
  double elements_max = std::numeric_limits<double>::infinity();
  double elements_min = 0;    // the product of the known dimensions, where a node makes something larger than its inputs
  bool rank_is_open = false;  // a request may choose it
  double work = 0;            // multiplications beyond one for each element

  std::int64_t rank() const { return shape ? static_cast<std::int64_t>(shape->size()) : -1; }
  bool is_static() const;
  double bytes_of_element() const;
};

ValueFacts facts_of(const OnnxTensor& tensor);
ValueFacts facts_of_input(const OnnxValueType& type);  // of a model

// The facts of what a node makes, or nothing for an operator without a rule. Every output of a node has the same facts.
std::optional<ValueFacts> infer_facts(const OnnxNode& node, std::span<const ValueFacts> inputs);
// Whether the node makes more than its inputs hold, as its constant inputs or attributes say.
bool grows_by_constants(const OnnxNode& node);

}  // namespace forebay::formats

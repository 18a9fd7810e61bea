// Requests whose inputs differ in one length, joined all the same: padded with zeros to the longest, which the model's attention mask makes
// invisible, and their outputs cut back. For models in which every input has one free dimension beside the batch, all of one name, and one
// input is called attention_mask. Threads: immutable. Owner: a tensor runner.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engines/engine.h"
#include "tensors/tensor.h"

namespace forebay::scheduling {

class LengthRule {
 public:
  static std::optional<LengthRule> of(const formats::ModelDescription& description);

  // The length that all the inputs have; 0 when they do not agree or one is missing.
  std::size_t length_of(const tensors::NamedTensors& inputs) const;
  // Only lengths of one bucket are joined: at most a third of what is computed is padding.
  static std::size_t bucket_of(std::size_t length);
  // Whether they agree in everything but the length and the rows.
  bool agree(const tensors::NamedTensors& one, const tensors::NamedTensors& other) const;
  Result<tensors::NamedTensors> padded(const tensors::NamedTensors& inputs, std::size_t length) const;
  // Outputs without the length stay as they are.
  Result<tensors::NamedTensors> cut(const tensors::NamedTensors& outputs, std::size_t length) const;

 private:
  struct Axis {
    std::string name;  // of the input or output
    std::size_t axis = 0;
  };
  std::vector<Axis> inputs_;
  std::vector<Axis> outputs_;
};

// The tensor with another size in one dimension: zeros behind what was there, or less of it. Not for strings.
Result<tensors::Tensor> resized(const tensors::Tensor& tensor, std::size_t axis, std::size_t size);
// Floats that differ by no more than this share of the largest; other types exactly.
bool nearly_same(const tensors::NamedTensors& one, const tensors::NamedTensors& other, double tolerance);

}  // namespace forebay::scheduling

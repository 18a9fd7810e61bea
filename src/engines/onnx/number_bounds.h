// How large the numbers can be that a graph computes from shapes and constants: what counts the elements of a tensor stays small, however
// often it is added up. Whatever else a graph computes, or takes from a request, is not known here.
// Threads: confined to its holder. Owner: the holder.
#pragma once

#include <string_view>
#include <unordered_map>

#include "engines/onnx/element_types.h"
#include "formats/onnx_model.h"

namespace forebay::engines {

class NumberBounds {
 public:
  // Lifetime: both outlive this.
  NumberBounds(const formats::OnnxModel& model, const ElementTypes& types);

  // Whether every number of this value is known to have fewer than 50 bits, so that sums and differences of three such fit into 64.
  bool is_small(std::string_view name) const;

 private:
  void look_at(const formats::OnnxGraph& graph);
  int bits_out_of(const formats::OnnxNode& node) const;
  int bits_of(std::string_view name) const;

  const ElementTypes& types_;
  std::unordered_map<std::string_view, int> bits_;
};

}  // namespace forebay::engines

// The element types of a graph's values, as far as its operators decide them without running it.
// Threads: confined to its holder. Owner: the holder.
#pragma once

#include <optional>
#include <string_view>
#include <unordered_map>

#include "formats/onnx_model.h"

namespace forebay::engines {

class ElementTypes {
 public:
  // Looks through the graph and its subgraphs. A name that is defined twice has no type. Lifetime: `model` outlives this.
  explicit ElementTypes(const formats::OnnxModel& model);

  // kUndefined when it is not known.
  formats::OnnxType of(std::string_view name) const;
  // The tensor of a weight or a constant; null for everything else.
  const formats::OnnxTensor* constant(std::string_view name) const;

 private:
  struct Known {
    formats::OnnxType type = formats::OnnxType::kUndefined;
    const formats::OnnxTensor* constant = nullptr;
  };
  void look_at(const formats::OnnxGraph& graph);
  void look_at(const formats::OnnxNode& node);
  formats::OnnxType type_of(const formats::OnnxNode& node) const;
  void define(std::string_view name, Known known);

  std::unordered_map<std::string_view, Known> known_;
};

}  // namespace forebay::engines

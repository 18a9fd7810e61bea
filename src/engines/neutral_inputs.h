// The smallest request that a description allows, for runs whose answer nobody reads: warming up and measuring.
// Threads: shared (no state). Owner: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "formats/model_description.h"
#include "tensors/tensor.h"

namespace forebay::engines {

enum class NeutralValue : std::uint8_t {
  kOne,   // what no operator divides by in vain
  kZero,  // an index that everything has
};

// Every free dimension is 1, and the first one `rows` where the shapes allow batches. Optional inputs are left out. Nothing where an input
// takes texts, for which there is no neutral value, or has too many elements.
std::optional<tensors::NamedTensors> neutral_inputs(const formats::ModelDescription& description, NeutralValue value,
                                                    std::size_t elements_max, std::uint32_t rows = 1);

}  // namespace forebay::engines

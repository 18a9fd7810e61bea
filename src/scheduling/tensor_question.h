// What a tensor request asks, and for which cache scope: two requests with identical questions have the same answer.
// Threads: immutable.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "scheduling/keyed_text.h"
#include "tensors/tensor.h"

namespace forebay::scheduling {

struct TensorQuestion {
  tensors::NamedTensors inputs;
  std::vector<std::string> outputs;  // empty: all
  CacheScope scope = 0;
};

// Identical questions have the same hash. Of large tensors it looks at an even sample only: who needs certainty asks identical().
std::size_t hash_of(const TensorQuestion& question);
// Names in the same order, types, shapes and every byte.
bool identical(const TensorQuestion& one, const TensorQuestion& other);

// Bytes that the tensors hold, with what is around them.
std::size_t bytes_of(const tensors::NamedTensors& tensors);
// The same values in memory of their own: a view of a request's body or of a whole batch would keep all of that alive.
tensors::NamedTensors own_copy(const tensors::NamedTensors& tensors);

}  // namespace forebay::scheduling

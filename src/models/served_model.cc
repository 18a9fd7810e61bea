#include "models/served_model.h"

namespace forebay::models {

scheduling::RunnerStats ServedModel::stats() const {
  if (generation) return generation->stats();
  if (tensors) return tensors->stats();
  if (embedding) return embedding->stats();
  return {};
}

}  // namespace forebay::models

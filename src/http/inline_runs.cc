#include "http/inline_runs.h"

#include <algorithm>
#include <utility>

#include "models/served_model.h"

namespace forebay::http {

void InlineRuns::add(const models::Lease& model) {
  if (std::ranges::contains(models_, model)) return;
  models_.push_back(model);
  if (models_.size() == 1) loop_->defer([self = shared_from_this()] { self->run(); });
}

void InlineRuns::run() {
  const auto models = std::exchange(models_, {});
  for (const auto& model : models) model->tensors->help();
}

}  // namespace forebay::http

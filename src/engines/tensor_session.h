// Runs a tensor model: named tensors in, named tensors out.
// Threads: one at a time, not always the same. Owner: scheduling.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/result.h"
#include "tensors/tensor.h"

namespace forebay::engines {

class TensorSession {
 public:
  virtual ~TensorSession() = default;
  // Inputs as the description names them, in any order; `outputs` empty means all. Outputs come in the asked order and keep the
  // engine's memory alive; ZipMap outputs come as the tensors `NAME` (probabilities [batch, classes], columns in ascending label order).
  // kInputMismatch for names, dtypes or shapes the model does not take; kInputEmpty for an input without elements, unless the outputs are
  // known to be empty too; kRunFailed with the library's reason; kRunTooLong, kRunTooLarge at the model's limits; the token's error when
  // cancelled, which reaches the library while it computes.
  Result<tensors::NamedTensors> run(const tensors::NamedTensors& inputs, std::span<const std::string> outputs, const CancelToken& cancel) {
    return run_within(inputs, outputs, cancel, std::nullopt);
  }
  // kRunTooLong after this time already.
  virtual Result<tensors::NamedTensors> run_within(const tensors::NamedTensors& inputs, std::span<const std::string> outputs,
                                                   const CancelToken& cancel, std::optional<Duration> time_max) = 0;
};

}  // namespace forebay::engines

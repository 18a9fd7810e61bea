// Validates inputs against the description, runs the shared library session, and hands out its outputs without a copy.
// Threads: confined to its worker; many run at the same time on one model. Owner: the worker.
#pragma once

#include <memory>

#include "engines/onnx/onnx_model.h"

namespace forebay::engines {

// kInputMismatch with the input's name, and what was expected and given.
Result<> check_inputs(const tensors::NamedTensors& inputs, const std::vector<formats::TensorSpec>& wanted);

class OnnxSession final : public TensorSession {
 public:
  explicit OnnxSession(std::shared_ptr<OnnxModel> model) : model_(std::move(model)) {}
  Result<tensors::NamedTensors> run_within(const tensors::NamedTensors& inputs, std::span<const std::string> outputs,
                                           const CancelToken& cancel, std::optional<Duration> time_max) override;

 private:
  std::shared_ptr<OnnxModel> model_;
};

}  // namespace forebay::engines

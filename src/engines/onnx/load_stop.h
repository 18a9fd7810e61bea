// Stops the library while it loads a model: between the passes over a graph and between the weights it looks at a flag.
// Threads: watch() by the loading thread; the token may be cancelled by any. Owner: the load.
#pragma once

#include <memory>
#include <vector>

#include "base/cancel.h"
#include "base/synchronized.h"
#include "engines/onnx/onnx_api.h"

namespace forebay::engines {

class LoadStop {
 public:
  explicit LoadStop(const CancelToken& cancel);
  // Loads with these options, or with copies of them, stop when the token is cancelled, also when it has been.
  void watch(const Ort::SessionOptions& options);

 private:
  static void stop(OrtSessionOptions* options);

  const CancelToken cancel_;
  Synchronized<std::vector<Ort::SessionOptions>> watched_;  // copies share their flag
  CancelToken::Subscription subscription_;
};

}  // namespace forebay::engines

#include "engines/onnx/load_stop.h"

namespace forebay::engines {

// The C function, because what runs in a cancel callback must not throw.
void LoadStop::stop(OrtSessionOptions* options) { Ort::Status{Ort::GetApi().SessionOptionsSetLoadCancellationFlag(options, true)}; }

LoadStop::LoadStop(const CancelToken& cancel) : cancel_(cancel) {
  subscription_ = cancel_.on_cancel([this](CancelReason) {
    auto watched = watched_.lock();
    for (auto& options : *watched) stop(options);
  });
}

void LoadStop::watch(const Ort::SessionOptions& options) {
  auto watched = watched_.lock();
  watched->push_back(options.Clone());
  if (cancel_.cancelled()) stop(watched->back());
}

}  // namespace forebay::engines

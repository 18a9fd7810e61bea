// The execution providers of ONNX Runtime by the names --backend takes.
// Threads: immutable. Owner: onnx/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engines/engine.h"
#include "engines/onnx/onnx_api.h"

namespace forebay::engines {

// "auto" or "dnnl,cpu" as the names to try, in order; unknown names stay in it.
std::vector<std::string> onnx_backend_chain(std::string_view wanted);
// Adds the backend to the options; the reason why not, when it cannot be used here. "cpu" adds nothing.
std::optional<std::string> append_backend(Ort::SessionOptions& options, const std::string& backend);
std::vector<Device> onnx_devices();

}  // namespace forebay::engines

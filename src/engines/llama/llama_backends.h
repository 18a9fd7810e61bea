// The compute devices of ggml by the names --backend takes: "cpu", "vulkan", "cuda", …
// Threads: immutable. Owner: llama/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engines/engine.h"
#include "engines/llama/llama_library.h"

namespace forebay::engines {

// A null-terminated list for llama_model_params: empty for the CPU alone. Or why the backend cannot be used.
struct LlamaDevices {
  std::vector<ggml_backend_dev_t> list{nullptr};
  std::string reason;
};

// "auto": every GPU backend that is there, then the CPU.
std::vector<std::string> llama_backend_chain(std::string_view wanted);
LlamaDevices devices_of(const std::string& backend);
std::vector<Device> llama_devices();

}  // namespace forebay::engines

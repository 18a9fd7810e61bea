#include "engines/llama/llama_backends.h"

#include <algorithm>

#include "base/machine.h"
#include "engines/backend_chain.h"

namespace forebay::engines {

namespace {
constexpr std::string_view kNoDevice =
    "the backend is installed, but finds no device here; ggml leaves out a software driver unless its environment variable names it, "
    "such as GGML_VK_VISIBLE_DEVICES=0";

std::string backend_name_of(ggml_backend_reg_t registry) {
  std::string name = ggml_backend_reg_name(registry);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return name;
}

// "Vulkan0" belongs to the registry "Vulkan": "vulkan".
std::string backend_name_of(ggml_backend_dev_t device) { return backend_name_of(ggml_backend_dev_backend_reg(device)); }

// Those that are loaded and have nothing to compute on.
std::vector<std::string> backends_without_device() {
  llama_library();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < ggml_backend_reg_count(); ++i) {
    ggml_backend_reg_t registry = ggml_backend_reg_get(i);
    if (ggml_backend_reg_dev_count(registry) == 0) names.push_back(backend_name_of(registry));
  }
  return names;
}

bool is_gpu(ggml_backend_dev_t device) {
  const auto type = ggml_backend_dev_type(device);
  return type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU;
}

std::vector<ggml_backend_dev_t> all_devices() {
  llama_library();
  std::vector<ggml_backend_dev_t> devices;
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) devices.push_back(ggml_backend_dev_get(i));
  return devices;
}
}  // namespace

std::vector<std::string> llama_backend_chain(std::string_view wanted) {
  if (wanted != "auto" && !wanted.empty()) return split_backend_chain(wanted);
  std::vector<std::string> chain;
  for (ggml_backend_dev_t device : all_devices()) {
    if (is_gpu(device) && !std::ranges::contains(chain, backend_name_of(device))) chain.push_back(backend_name_of(device));
  }
  chain.emplace_back("cpu");
  return chain;
}

LlamaDevices devices_of(const std::string& backend) {
  LlamaDevices found;
  if (backend == "cpu") {
    if (!llama_library().has_cpu) found.reason = "libllama found no CPU backend";
    return found;
  }
  for (ggml_backend_dev_t device : all_devices()) {
    if (is_gpu(device) && backend_name_of(device) == backend) found.list.insert(found.list.end() - 1, device);
  }
  if (found.list.size() == 1) {
    const bool installed = std::ranges::contains(backends_without_device(), backend);
    found.reason = installed ? kNoDevice : "libllama found no such backend on this machine";
  }
  return found;
}

std::vector<Device> llama_devices() {
  std::vector<Device> devices;
  for (ggml_backend_dev_t device : all_devices()) {
    std::size_t free_bytes = 0;
    std::size_t total_bytes = 0;
    ggml_backend_dev_memory(device, &free_bytes, &total_bytes);
    const bool is_cpu = ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU;
    devices.push_back({.engine = "llama",
                       .backend = backend_name_of(device),
                       .description = ggml_backend_dev_description(device),
                       .memory_bytes = is_cpu ? usable_memory_bytes() : total_bytes,
                       .usable = is_cpu || is_gpu(device),
                       .reason = is_cpu || is_gpu(device) ? "" : "it only assists the CPU"});
  }
  for (std::string& backend : backends_without_device())
    devices.push_back({.engine = "llama", .backend = std::move(backend), .reason = std::string(kNoDevice)});
  if (!llama_library().has_cpu) devices.push_back({.engine = "llama", .backend = "cpu", .reason = "libllama found no CPU backend"});
  return devices;
}

}  // namespace forebay::engines

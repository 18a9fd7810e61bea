#include "engines/onnx/onnx_backends.h"

#include <algorithm>
#include <memory>

#include "base/machine.h"
#include "base/processors.h"
#include "engines/backend_chain.h"
#include "engines/library_message.h"
#include "engines/onnx/onnx_environment.h"

namespace forebay::engines {

namespace {
struct Provider {
  std::string_view backend;
  std::string_view provider;  // as GetAvailableProviders names it
  std::string_view description;
};
constexpr Provider kProviders[] = {
    {"cpu", "CPUExecutionProvider", ""},
    {"dnnl", "DnnlExecutionProvider", "oneDNN on the CPU"},
    {"xnnpack", "XnnpackExecutionProvider", "XNNPACK on the CPU"},
    {"openvino", "OpenVINOExecutionProvider", "Intel OpenVINO"},
    {"cuda", "CUDAExecutionProvider", "NVIDIA CUDA"},
    {"tensorrt", "TensorrtExecutionProvider", "NVIDIA TensorRT"},
    {"rocm", "ROCMExecutionProvider", "AMD ROCm"},
    {"migraphx", "MIGraphXExecutionProvider", "AMD MIGraphX"},
    {"qnn", "QNNExecutionProvider", "Qualcomm QNN"},
};
// What "auto" tries. oneDNN and XNNPACK are left to who asks: on small models they are no faster than the library's own kernels.
constexpr std::string_view kAutoChain = "cuda,cpu";

const Provider* provider_named(std::string_view backend) {
  const auto* found = std::ranges::find(kProviders, backend, &Provider::backend);
  return found == std::end(kProviders) ? nullptr : found;
}

void append(Ort::SessionOptions& options, std::string_view backend) {
  const OrtApi& api = Ort::GetApi();
  if (backend == "dnnl") {
    OrtDnnlProviderOptions* raw = nullptr;
    Ort::ThrowOnError(api.CreateDnnlProviderOptions(&raw));
    const std::unique_ptr<OrtDnnlProviderOptions, void (*)(OrtDnnlProviderOptions*)> dnnl(raw, api.ReleaseDnnlProviderOptions);
    options.AppendExecutionProvider_Dnnl(*dnnl);
  } else if (backend == "cuda") {
    const Ort::CUDAProviderOptions cuda;
    options.AppendExecutionProvider_CUDA_V2(*cuda);
  } else if (backend == "tensorrt") {
    const Ort::TensorRTProviderOptions tensorrt;
    options.AppendExecutionProvider_TensorRT_V2(*tensorrt);
  } else if (backend == "openvino") {
    options.AppendExecutionProvider_OpenVINO_V2();
  } else if (backend == "rocm") {
    options.AppendExecutionProvider_ROCM(OrtROCMProviderOptions());
  } else if (backend == "migraphx") {
    options.AppendExecutionProvider_MIGraphX(OrtMIGraphXProviderOptions());
  } else {
    options.AppendExecutionProvider(backend == "xnnpack" ? "XNNPACK" : "QNN");
  }
}
}  // namespace

std::vector<std::string> onnx_backend_chain(std::string_view wanted) {
  return split_backend_chain(wanted == "auto" || wanted.empty() ? kAutoChain : wanted);
}

std::optional<std::string> append_backend(Ort::SessionOptions& options, const std::string& backend) {
  const Provider* provider = provider_named(backend);
  if (provider == nullptr) return "ONNX Runtime has no backend of this name";
  if (backend == "cpu") return std::nullopt;
  if (!std::ranges::contains(Ort::GetAvailableProviders(), provider->provider)) return "this ONNX Runtime was built without it";
  try {
    append(options, backend);
    return std::nullopt;
  } catch (const Ort::Exception& error) {
    return cleaned_library_message(error.what());
  }
}

std::vector<Device> onnx_devices() {
  std::vector<Device> devices;
  for (const Provider& provider : kProviders) {
    Device device{.engine = "onnxruntime", .backend = std::string(provider.backend), .description = std::string(provider.description)};
    try {
      onnx_environment();
      Ort::SessionOptions options;
      device.reason = append_backend(options, device.backend).value_or("");
    } catch (const Ort::Exception& error) {
      device.reason = cleaned_library_message(error.what());
    }
    device.usable = device.reason.empty();
    if (provider.backend == "cpu") {
      device.description = processor_name();
      device.memory_bytes = usable_memory_bytes();
    }
    devices.push_back(std::move(device));
  }
  return devices;
}

}  // namespace forebay::engines

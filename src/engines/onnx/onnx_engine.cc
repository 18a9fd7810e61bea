#include "engines/onnx/onnx_engine.h"

#include "engines/onnx/onnx_api.h"
#include "engines/onnx/onnx_backends.h"
#include "engines/onnx/onnx_model.h"

namespace forebay::engines {

std::vector<Device> OnnxEngine::devices() const { return onnx_devices(); }

Result<std::shared_ptr<LoadedModel>> OnnxEngine::load(const std::filesystem::path& path, const formats::ModelDescription& description,
                                                      const LoadOptions& options) {
  return OnnxModel::load(path, description, options);
}

std::string onnx_version() { return "ONNX Runtime " + std::string(OrtGetApiBase()->GetVersionString()); }

}  // namespace forebay::engines

// What the checks of guard_operators.h share: reading values, refusing them, and the way into the library.
// Threads: immutable. Owner: the process.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engines/onnx/onnx_api.h"

namespace forebay::engines::guards {

using Shape = std::vector<std::int64_t>;

[[noreturn]] inline void refuse(std::string message) { throw Ort::Exception(std::move(message), ORT_INVALID_ARGUMENT); }

template <class T>
std::span<const T> numbers_of(const Ort::ConstValue& value) {
  return {value.GetTensorData<T>(), value.GetTensorTypeAndShapeInfo().GetElementCount()};
}

// Output 0 is a copy of this input.
inline void pass_on(Ort::KernelContext& context, const Ort::ConstValue& value) {
  const auto information = value.GetTensorTypeAndShapeInfo();
  auto output = context.GetOutput(0, information.GetShape());
  if (information.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING) refuse("texts cannot be checked");
  const std::size_t bytes = value.GetTensorSizeInBytes();
  if (bytes > 0) std::memcpy(output.GetTensorMutableRawData(), value.GetTensorRawData(), bytes);
}

inline constexpr auto kAny = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
inline constexpr auto kInt64 = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;

// Empty if the node does not say.
inline Shape list_of(const Ort::ConstKernelInfo& info, const char* name) {
  try {
    return info.GetAttributes<std::int64_t>(name);
  } catch (const Ort::Exception&) {
    return {};
  }
}

// The library looks for these names. NOLINTBEGIN(readability-identifier-naming)
template <class Check>
struct Kernel {
  explicit Kernel(const OrtKernelInfo* info) : check(Ort::ConstKernelInfo(info)) {}
  OrtStatusPtr ComputeV2(OrtKernelContext* raw) const {
    try {
      Ort::KernelContext context(raw);
      check(context);
      return nullptr;
    } catch (const Ort::Exception& error) {
      return Ort::Status(error).release();
    } catch (const std::exception& error) {
      return Ort::Status(error.what(), ORT_FAIL).release();
    }
  }
  const Check check;
};

template <class Check>
struct Operator : Ort::CustomOpBase<Operator<Check>, Kernel<Check>, true> {
  const char* GetName() const { return Check::kName.data(); }
  std::size_t GetInputTypeCount() const { return std::size(Check::kInputs); }
  ONNXTensorElementDataType GetInputType(std::size_t i) const { return Check::kInputs[i]; }
  OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(std::size_t i) const {
    return i + 1 == std::size(Check::kInputs) ? Check::kLast : INPUT_OUTPUT_REQUIRED;
  }
  std::size_t GetOutputTypeCount() const { return std::size(Check::kOutputs); }
  ONNXTensorElementDataType GetOutputType(std::size_t i) const { return Check::kOutputs[i]; }
  OrtStatusPtr CreateKernelV2(const OrtApi&, const OrtKernelInfo* info, void** kernel) const {
    try {
      *kernel = new Kernel<Check>(info);
      return nullptr;
    } catch (const Ort::Exception& error) {
      return Ort::Status(error).release();
    }
  }
};

// NOLINTEND(readability-identifier-naming)

template <class Check>
void add_to(Ort::CustomOpDomain& domain) {
  domain.Add(new Operator<Check>);  // never destroyed, as the domain
}

// The checks of places, regions, and sizes.
void add_place_checks(Ort::CustomOpDomain& domain);

}  // namespace forebay::engines::guards

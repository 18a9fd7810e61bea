#include "engines/library_message.h"

#include <gtest/gtest.h>

namespace forebay::engines {
namespace {

TEST(LibraryMessage, KeepsFileNamesAndDropsFolders) {
  EXPECT_EQ(cleaned_library_message("Load model from /srv/models/a.onnx failed:Protobuf parsing failed."),
            "Load model from a.onnx failed:Protobuf parsing failed.");
  EXPECT_EQ(cleaned_library_message("node Add/Relu has 3/4 inputs"), "node Add/Relu has 3/4 inputs");
}

TEST(LibraryMessage, SaysTheOperatorAndTheSentence) {
  const std::string status = "Non-zero status code returned while running ";
  EXPECT_EQ(cleaned_library_message(status + "Range node. Name:'places' Status Message: delta in Range operator can not be zero!"),
            "the operator Range (node 'places'): delta in Range operator can not be zero!");
  EXPECT_EQ(
      cleaned_library_message(status + "Pad node. Name:'' Status Message: ./onnxruntime/core/common/safeint.h:17 static void "
                                       "SafeIntExceptionHandler<onnxruntime::OnnxRuntimeException>::SafeIntOnOverflow() Integer overflow"),
      "the operator Pad: Integer overflow");
  EXPECT_EQ(
      cleaned_library_message(status + "Resize node. Name:'' Status Message: upsamplebase.h:422 ScalesValidation Scale value should be "
                                       "greater than 0."),
      "the operator Resize: Scale value should be greater than 0.");
  EXPECT_EQ(cleaned_library_message(
                status +
                "Expand node. Name:'' Status Message: ./onnxruntime/core/framework/op_kernel.cc:83 virtual OrtValue* "
                "onnxruntime::OpKernelContext::OutputMLValue(int, const onnxruntime::TensorShape&) status.IsOK() was false. tensor.cc:57 "
                "CalculateTensorStorageSize Tensor shape.Size() must be >= 0"),
            "the operator Expand: Tensor shape.Size() must be >= 0");
  EXPECT_EQ(
      cleaned_library_message(
          status + "STFT node. Name:'' Status Message: ./onnxruntime/core/providers/cpu/signal/dft.cc:509 onnxruntime::common::Status "
                   "onnxruntime::short_time_fourier_transform(OpKernelContext*, bool, bool) [with T = float; U = float] window_size <= "
                   "signal_size was false. "),
      "the operator STFT cannot compute with these inputs");
}

TEST(LibraryMessage, LeavesOutWhereInTheSourceItWasSaid) {
  EXPECT_EQ(cleaned_library_message("/build/ggml/src/ggml.c:1234: GGML_ASSERT(ne0 == ne1) failed"), "an assertion failed");
  EXPECT_EQ(cleaned_library_message("/build/core/graph/graph.cc:12 void onnxruntime::Graph::Fold(int) const node is no constant"),
            "node is no constant");
  EXPECT_EQ(cleaned_library_message("core/model.cc:12 Load x > 0 was false. "), "a check of the library failed");
  EXPECT_EQ(cleaned_library_message("the axis of 2:3 in a.onnx was false. It is 4"), "the axis of 2:3 in a.onnx was false. It is 4");
}

TEST(LibraryMessage, IsOneBoundedLine) {
  EXPECT_EQ(cleaned_library_message("first\n\tsecond  third\n"), "first second third");
  EXPECT_EQ(cleaned_library_message(std::string(300, 'x')).size(), 300U);
  EXPECT_EQ(cleaned_library_message(std::string(301, 'x')), std::string(300, 'x') + "…");
  EXPECT_EQ(cleaned_library_message("a" + std::string(1, '\0') + "b"), "a b");
}

}  // namespace
}  // namespace forebay::engines

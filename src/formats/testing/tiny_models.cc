#include "formats/testing/tiny_models.h"

#include <memory>

#include "formats/onnx_graph_builder.h"

namespace forebay::formats {

using tensors::DType;
using tensors::Tensor;

std::string identity_model(DType dtype) {
  return OnnxGraphBuilder("identity")
      .input("x", dtype, {"batch", 4})
      .node("Identity", {"x"}, {"y"})
      .output("y", dtype, {"batch", 4})
      .build();
}

std::string add_one_model(std::int64_t columns) {
  return OnnxGraphBuilder("add_one")
      .input("x", DType::kFloat32, {"batch", columns})
      .initialiser("one", Tensor::of<float>({1}, {1}))
      .node("Add", {"x", "one"}, {"y"})
      .output("y", DType::kFloat32, {"batch", columns})
      .build();
}

std::string linear_model() {
  return OnnxGraphBuilder("linear")
      .metadata("labels", R"(["small", "large"])")
      .input("x", DType::kFloat32, {"batch", 3})
      .initialiser("w", Tensor::of<float>({3, 2}, {1, 4, 2, 5, 3, 6}))
      .initialiser("b", Tensor::of<float>({2}, {10, 20}))
      .node("MatMul", {"x", "w"}, {"product"})
      .node("Add", {"product", "b"}, {"y"})
      .output("y", DType::kFloat32, {"batch", 2})
      .build();
}

std::string concat_model() {
  return OnnxGraphBuilder("concat")
      .input("x", DType::kFloat32, {"batch", 2})
      .input("y", DType::kFloat32, {"batch", 3})
      .node("Concat", {"x", "y"}, {"z"}, {{"axis", std::int64_t{1}}})
      .output("z", DType::kFloat32, {"batch", 5})
      .build();
}

std::string dynamic_shape_model() {
  return OnnxGraphBuilder("dynamic")
      .input("x", DType::kFloat32, {"batch", "height", "width"})
      .node("Identity", {"x"}, {"y"})
      .output("y", DType::kFloat32, {"batch", "height", "width"})
      .build();
}

std::string fixed_shape_model() {
  return OnnxGraphBuilder("double")
      .input("x", DType::kFloat32, {1, 4})
      .node("Add", {"x", "x"}, {"y"})
      .output("y", DType::kFloat32, {1, 4})
      .build();
}

std::string scalar_model() {
  return OnnxGraphBuilder("scalar")
      .input("x", DType::kFloat32, {})
      .initialiser("one", Tensor::of<float>({}, {1}))
      .node("Add", {"x", "one"}, {"y"})
      .output("y", DType::kFloat32, {})
      .build();
}

std::string slow_loop_model() {
  auto body = std::make_shared<OnnxGraphBuilder>("body");
  body->input("turn", DType::kInt64, {}).input("go_on", DType::kBool, {}).input("before", DType::kFloat32, {64, 64});
  body->node("MatMul", {"before", "m"}, {"after"}).node("Identity", {"go_on"}, {"still"});
  body->output("still", DType::kBool, {}).output("after", DType::kFloat32, {64, 64});
  return OnnxGraphBuilder("slow_loop")
      .input("steps", DType::kInt64, {})
      .initialiser("m", Tensor::zeros(DType::kFloat32, {64, 64}))
      .initialiser("axes", Tensor::of<std::int64_t>({2}, {0, 1}))
      .node("Loop", {"steps", "", "m"}, {"last"}, {{"body", std::shared_ptr<const OnnxGraphBuilder>(body)}})
      .node("ReduceSum", {"last", "axes"}, {"total"}, {{"keepdims", std::int64_t{0}}})
      .output("total", DType::kFloat32, {})
      .build();
}

std::string zip_map_model() {
  return OnnxGraphBuilder("zip_map")
      .producer("skl2onnx")
      .opset("ai.onnx.ml", 1)
      .input("x", DType::kFloat32, {"batch", 2})
      .node("LinearClassifier", {"x"}, {"label", "scores"},
            {{"classlabels_ints", std::vector<std::int64_t>{0, 1, 2}},
             {"coefficients", std::vector<float>{1, 0, 0, 1, -1, -1}},
             {"intercepts", std::vector<float>{0, 0, 0}},
             {"multi_class", std::int64_t{1}},
             {"post_transform", std::string("SOFTMAX")}},
            "ai.onnx.ml")
      .node("ZipMap", {"scores"}, {"probabilities"}, {{"classlabels_int64s", std::vector<std::int64_t>{0, 1, 2}}}, "ai.onnx.ml")
      .output("label", DType::kInt64, {"batch"})
      .output_of_maps("probabilities", DType::kInt64)
      .build();
}

std::string custom_operator_model() {
  return OnnxGraphBuilder("custom")
      .opset("example.custom", 1)
      .input("x", DType::kFloat32, {"batch", 4})
      .node("Sparkle", {"x"}, {"y"}, {}, "example.custom")
      .output("y", DType::kFloat32, {"batch", 4})
      .build();
}

std::string external_data_model(std::string_view location, std::uint64_t offset) {
  return OnnxGraphBuilder("external")
      .input("x", DType::kFloat32, {"batch", 4})
      .external_initialiser("w", DType::kFloat32, {4}, location, offset)
      .node("Add", {"x", "w"}, {"y"})
      .output("y", DType::kFloat32, {"batch", 4})
      .build();
}

std::string failing_model() {
  return OnnxGraphBuilder("failing")
      .input("x", DType::kFloat32, {"n"})
      .initialiser("shape", Tensor::of<std::int64_t>({1}, {3}))
      .node("Reshape", {"x", "shape"}, {"y"})
      .output("y", DType::kFloat32, {3})
      .build();
}

}  // namespace forebay::formats

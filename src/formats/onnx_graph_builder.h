// Makes an ONNX model in memory: for translators of other formats, and for tests that need a small model.
// Threads: confined to its holder. Owner: whoever builds.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tensors/tensor.h"

namespace forebay::formats {

// Does not check what it is given: read_onnx and the engine do. Text and tensors are copied.
//   OnnxGraphBuilder model("add_one");
//   model.input("x", DType::kFloat32, {"batch", 4}).initialiser("one", one).node("Add", {"x", "one"}, {"y"}).output("y", DType::kFloat32,
//   {"batch", 4}); std::string bytes = model.build();
class OnnxGraphBuilder {
 public:
  struct Dimension {
    Dimension(int extent) : value(extent) {}                    // NOLINT(google-explicit-constructor): {"batch", 4} reads well
    Dimension(std::int64_t extent) : value(extent) {}           // NOLINT(google-explicit-constructor)
    Dimension(const char* symbol) : name(symbol) {}             // NOLINT(google-explicit-constructor)
    Dimension(std::string symbol) : name(std::move(symbol)) {}  // NOLINT(google-explicit-constructor)
    std::int64_t value = -1;                                    // -1 with an empty name: free and nameless
    std::string name;
  };
  struct Attribute {
    std::string name;
    std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>, std::vector<std::string>, tensors::Tensor,
                 std::shared_ptr<const OnnxGraphBuilder>>
        value;  // the last is a subgraph
  };
  using Names = std::vector<std::string>;

  explicit OnnxGraphBuilder(std::string name);
  ~OnnxGraphBuilder();
  OnnxGraphBuilder(OnnxGraphBuilder&&) noexcept;
  OnnxGraphBuilder& operator=(OnnxGraphBuilder&&) noexcept;

  OnnxGraphBuilder& producer(std::string_view name);
  OnnxGraphBuilder& ir_version(std::int64_t version);                      // 8 unless said otherwise
  OnnxGraphBuilder& opset(std::string_view domain, std::int64_t version);  // ai.onnx ("") is 17 unless said otherwise
  OnnxGraphBuilder& metadata(std::string_view key, std::string_view value);
  OnnxGraphBuilder& input(std::string_view name, tensors::DType dtype, const std::vector<Dimension>& shape);
  OnnxGraphBuilder& output(std::string_view name, tensors::DType dtype, const std::vector<Dimension>& shape);
  // Of any rank: the file states no shape.
  OnnxGraphBuilder& output_of_any_shape(std::string_view name, tensors::DType dtype);
  // A ZipMap's output: one map from a label (kInt64 or kString) to a float32 for each row.
  OnnxGraphBuilder& output_of_maps(std::string_view name, tensors::DType label);
  OnnxGraphBuilder& initialiser(std::string_view name, const tensors::Tensor& tensor);
  // A weight in a file beside the model.
  OnnxGraphBuilder& external_initialiser(std::string_view name, tensors::DType dtype, const tensors::Shape& shape,
                                         std::string_view location, std::uint64_t offset = 0);
  OnnxGraphBuilder& node(std::string_view op_type, const Names& inputs, const Names& outputs, const std::vector<Attribute>& attributes = {},
                         std::string_view domain = "");

  // The serialised ModelProto.
  std::string build() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace forebay::formats

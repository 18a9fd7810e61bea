#include "formats/onnx_reader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/ids.h"
#include "formats/errors.h"
#include "formats/onnx_graph_builder.h"
#include "formats/protobuf_wire.h"
#include "formats/testing/onnx_fields.h"
#include "formats/testing/tiny_models.h"

namespace forebay::formats {
namespace {

using tensors::DType;
using tensors::Shape;
using tensors::Tensor;

Result<ModelDescription> read(std::string_view bytes, const ReadLimits& limits = {}) {
  return read_onnx(std::as_bytes(std::span(bytes)), limits, std::nullopt);
}

std::string verdict_of(const Result<ModelDescription>& description) {
  return description ? "accepted" : std::string(description.error().code().name);
}
std::string verdict(std::string_view bytes, const ReadLimits& limits = {}) { return verdict_of(read(bytes, limits)); }
std::string verdict(const OnnxGraphBuilder& model, const ReadLimits& limits = {}) { return verdict(model.build(), limits); }

// A model of y = Relu(x) to be made worse.
OnnxGraphBuilder relu(std::string_view op = "Relu") {
  OnnxGraphBuilder model("relu");
  model.input("x", DType::kFloat32, {"batch", 4}).node(op, {"x"}, {"y"}).output("y", DType::kFloat32, {"batch", 4});
  return model;
}

// A model with the given TensorProto as a weight.
std::string with_weight(const WireWriter& tensor) {
  WireWriter graph;
  graph.message(5, tensor);
  return with_graph_fields(relu().build(), graph);
}

WireWriter weight(const std::vector<std::int64_t>& dimensions, std::uint64_t type) {
  WireWriter tensor;
  for (const auto dimension : dimensions) tensor.varint(1, static_cast<std::uint64_t>(dimension));
  tensor.varint(2, type);
  tensor.bytes(8, "w");
  return tensor;
}

WireWriter raw_weight(const std::vector<std::int64_t>& dimensions, std::uint64_t type, std::size_t bytes) {
  auto tensor = weight(dimensions, type);
  tensor.bytes(9, std::string(bytes, '\0'));
  return tensor;
}

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / make_id("onnx")) { std::filesystem::create_directories(path_); }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  void write(std::string_view name, std::size_t bytes) const { std::ofstream(path_ / name) << std::string(bytes, 'x'); }
  std::string verdict(std::string_view location, std::uint64_t offset = 0) const {
    const auto model = external_data_model(location, offset);
    return verdict_of(read_onnx(std::as_bytes(std::span(model)), {}, path_));
  }

 private:
  std::filesystem::path path_;
};

TEST(OnnxReader, DescribesALinearModel) {
  const auto bytes = linear_model();
  const auto model = read(bytes);
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->format, Format::kOnnx);
  EXPECT_EQ(model->task, Task::kTensors);
  EXPECT_EQ(model->name, "linear");
  EXPECT_EQ(model->architecture, "forebay");
  EXPECT_EQ(model->format_version, 8);
  EXPECT_EQ(model->opsets, (std::map<std::string, std::int64_t>{{"ai.onnx", 17}}));
  EXPECT_EQ(model->parameters, 8);
  EXPECT_EQ(model->weight_bytes, 32);
  EXPECT_EQ(model->quantization, "float32");
  EXPECT_GT(model->memory_bytes, 32);
  EXPECT_EQ(model->file_bytes, bytes.size());
  ASSERT_EQ(model->inputs.size(), 1U);  // The weights are no inputs.
  EXPECT_EQ(model->inputs[0].name, "x");
  EXPECT_EQ(model->inputs[0].dtype, DType::kFloat32);
  EXPECT_EQ(model->inputs[0].shape, (Shape{-1, 3}));
  EXPECT_EQ(model->inputs[0].dimension_names, (std::vector<std::string>{"batch", ""}));
  EXPECT_EQ(model->outputs[0].shape, (Shape{-1, 2}));
  EXPECT_EQ(model->labels, (std::vector<std::string>{"small", "large"}));
  EXPECT_TRUE(model->batchable);
  EXPECT_TRUE(model->warnings.empty());
}

TEST(OnnxReader, AcceptsTheTinyModels) {
  for (const auto& bytes : {add_one_model(), linear_model(), concat_model(), dynamic_shape_model(), fixed_shape_model(), scalar_model(),
                            slow_loop_model(), zip_map_model(), custom_operator_model(), failing_model()}) {
    const auto model = read(bytes);
    EXPECT_TRUE(model) << model.error().to_string();
  }
}

TEST(OnnxReader, KnowsEveryElementType) {
  for (const auto dtype :
       {DType::kBool, DType::kUint8, DType::kUint16, DType::kUint32, DType::kUint64, DType::kInt8, DType::kInt16, DType::kInt32,
        DType::kInt64, DType::kFloat16, DType::kBfloat16, DType::kFloat32, DType::kFloat64, DType::kString}) {
    const auto model = read(identity_model(dtype));
    ASSERT_TRUE(model) << model.error().to_string();
    EXPECT_EQ(model->inputs[0].dtype, dtype);
    EXPECT_EQ(model->outputs[0].dtype, dtype);
  }
}

TEST(OnnxReader, BatchesOnlyWhereEveryFirstDimensionIsFreeAndTheSame) {
  EXPECT_TRUE(read(concat_model())->batchable);
  EXPECT_TRUE(read(dynamic_shape_model())->batchable);
  EXPECT_FALSE(read(fixed_shape_model())->batchable);
  EXPECT_FALSE(read(scalar_model())->batchable);
  EXPECT_FALSE(read(failing_model())->batchable);
  const auto with_names = [](const char* in, const char* out) {
    OnnxGraphBuilder model("names");
    model.input("x", DType::kFloat32, {in}).node("Relu", {"x"}, {"y"}).output("y", DType::kFloat32, {out});
    return read(model.build())->batchable;
  };
  EXPECT_TRUE(with_names("N", "N"));
  EXPECT_FALSE(with_names("N", "M"));
  EXPECT_TRUE(with_names("unk__6", "unk__7"));  // tf2onnx invents a name for each.
  EXPECT_TRUE(with_names("", "N"));
}

TEST(OnnxReader, DescribesAZipMapAsRowsOfClasses) {
  const auto model = read(zip_map_model());
  ASSERT_TRUE(model) << model.error().to_string();
  ASSERT_EQ(model->outputs.size(), 2U);
  EXPECT_TRUE(model->outputs[1].is_sequence_of_maps);
  EXPECT_EQ(model->outputs[1].shape, (Shape{-1, 3}));
  EXPECT_EQ(model->labels, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_TRUE(model->batchable);
  EXPECT_EQ(model->opsets.at("ai.onnx.ml"), 1);
}

TEST(OnnxReader, NamesCustomDomains) {
  const auto model = read(custom_operator_model());
  EXPECT_EQ(model->custom_domains, (std::vector<std::string>{"example.custom"}));
  ASSERT_EQ(model->warnings.size(), 1U);
  EXPECT_EQ(model->warnings[0].code, "custom_operators");
}

TEST(OnnxReader, ReadsLabelsOfSeveralSpellings) {
  const auto labels = [](std::string_view key, std::string_view value) { return read(relu().metadata(key, value).build())->labels; };
  const std::vector<std::string> wanted{"cat", "dog's"};
  EXPECT_EQ(labels("labels", R"(["cat", "dog's"])"), wanted);
  EXPECT_EQ(labels("names", R"({0: 'cat', 1: "dog's"})"), wanted);
  EXPECT_EQ(labels("names", R"({"1": "dog's", "0": "cat"})"), wanted);
  EXPECT_EQ(labels("classes", "cat\ndog's\n"), wanted);
  EXPECT_EQ(labels("class_names", "cat, dog's"), wanted);
  for (const std::string_view broken : {"", "[", "['cat'", "{0: 'cat'", "{0 'cat'}", "{1: 'dog'}", "['cat' 'dog']", "['cat'] x", "alone"}) {
    EXPECT_TRUE(labels("names", broken).empty()) << broken;
  }
}

TEST(OnnxReader, RefusesDamagedBytes) {
  EXPECT_EQ(verdict(std::string("\x08\x08\x3a\xff\xff\xff\xff\x7f", 8)), "onnx_malformed");
  EXPECT_EQ(verdict(std::string("\x08\x08\x0b", 3)), "onnx_malformed");   // A group.
  EXPECT_EQ(verdict(relu().build() + relu().build()), "onnx_malformed");  // Two graphs: readers disagree about what that means.
  EXPECT_EQ(verdict(relu().build() + std::string("\x08")), "onnx_malformed");
  EXPECT_EQ(verdict(OnnxGraphBuilder("x")
                        .input("", DType::kFloat32, {})
                        .node("Relu", {"a"}, {"y"})
                        .output("y", DType::kFloat32, {})
                        .initialiser("a", Tensor())
                        .build()),
            "onnx_malformed");
}

TEST(OnnxReader, RefusesEveryTruncation) {
  const auto bytes = linear_model();
  std::size_t refused = 0;
  for (std::size_t length = 0; length < bytes.size(); ++length) refused += read(std::string_view(bytes).substr(0, length)) ? 0 : 1;
  EXPECT_GT(refused, bytes.size() - 60);  // What follows the graph may be missing without harm.
}

TEST(OnnxReader, RefusesAModelWithoutGraph) {
  EXPECT_EQ(verdict(std::string("\x08\x08", 2)), "onnx_without_graph");
  EXPECT_EQ(verdict(OnnxGraphBuilder("empty")), "onnx_without_graph");
  EXPECT_EQ(verdict(OnnxGraphBuilder("x").input("x", DType::kFloat32, {}).node("Relu", {"x"}, {"y"})), "onnx_without_graph");
}

TEST(OnnxReader, RefusesVersionsFromTheFuture) {
  EXPECT_EQ(verdict(relu().ir_version(13)), "accepted");
  EXPECT_EQ(verdict(relu().ir_version(14)), "onnx_version_unsupported");
  EXPECT_EQ(verdict(relu().ir_version(0)), "onnx_version_unsupported");
  EXPECT_EQ(verdict(relu().opset("", 25)), "accepted");
  EXPECT_EQ(verdict(relu().opset("", 26)), "onnx_version_unsupported");
  EXPECT_EQ(verdict(relu().opset("", 999)), "onnx_version_unsupported");
  EXPECT_EQ(verdict(relu().opset("ai.onnx.ml", 6)), "onnx_version_unsupported");
  EXPECT_EQ(verdict(relu().opset("example.custom", 999)), "accepted");
}

TEST(OnnxReader, RefusesTypesThatNoRequestCanCarry) {
  OnnxGraphBuilder maps("maps");
  maps.input("x", DType::kInt64, {}).node("Identity", {"x"}, {"y"}).output("y", DType::kInt64, {});
  const auto with_input_type = [&](const WireWriter& type) {
    WireWriter value;
    value.bytes(1, "odd");
    value.message(2, type);
    WireWriter graph;
    graph.message(11, value);
    return read(with_graph_fields(maps.build(), graph));
  };
  WireWriter complex;
  complex.varint(1, 14);
  WireWriter complex_tensor;
  complex_tensor.message(1, complex);
  EXPECT_EQ(verdict_of(with_input_type(complex_tensor)), "onnx_type_unsupported");
  EXPECT_EQ(with_input_type(complex_tensor).error().message(), "'odd' is a tensor of complex64");
  WireWriter sequence;
  sequence.message(1, complex_tensor);
  WireWriter sequence_type;
  sequence_type.message(4, sequence);
  EXPECT_EQ(verdict_of(with_input_type(sequence_type)), "onnx_type_unsupported");
  WireWriter floats;
  floats.varint(1, 1);
  WireWriter float_tensor;
  float_tensor.message(1, floats);
  WireWriter optional;
  optional.message(1, float_tensor);
  WireWriter optional_type;
  optional_type.message(9, optional);
  const auto model = with_input_type(optional_type);
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_TRUE(model->inputs[1].is_optional);
  EXPECT_FALSE(model->inputs[1].has_shape);
  WireWriter deep = float_tensor;
  for (int i = 0; i < 8; ++i) {
    WireWriter inner;
    inner.message(1, deep);
    deep = WireWriter();
    deep.message(4, inner);
  }
  EXPECT_EQ(verdict_of(with_input_type(deep)), "onnx_too_deep");
}

TEST(OnnxReader, ChecksWeightsAgainstTheirShapes) {
  EXPECT_EQ(verdict(with_weight(raw_weight({2, 3}, 1, 24))), "accepted");
  EXPECT_EQ(verdict(with_weight(raw_weight({2, 3}, 1, 23))), "onnx_initialiser_inconsistent");
  EXPECT_EQ(verdict(with_weight(raw_weight({2, 3}, 1, 28))), "onnx_initialiser_inconsistent");
  EXPECT_EQ(verdict(with_weight(raw_weight({2, 3}, 22, 3))), "accepted");  // Six int4 in three bytes.
  EXPECT_EQ(verdict(with_weight(raw_weight({0, 3}, 1, 0))), "accepted");
  EXPECT_EQ(verdict(with_weight(raw_weight({1}, 8, 4))), "onnx_initialiser_inconsistent");  // Strings as raw bytes.
  EXPECT_EQ(verdict(with_weight(weight({2}, 1))), "onnx_initialiser_inconsistent");
  auto typed = weight({2}, 1);
  typed.fixed32(4, 1.0F);
  EXPECT_EQ(verdict(with_weight(typed)), "onnx_initialiser_inconsistent");
  typed.fixed32(4, 2.0F);
  EXPECT_EQ(verdict(with_weight(typed)), "accepted");
  auto integers = weight({3}, 7);
  integers.bytes(7, std::string("\x01\x80\x01\x02", 4));  // Packed: 1, 128, 2.
  EXPECT_EQ(verdict(with_weight(integers)), "accepted");
  auto cut = weight({3}, 7);
  cut.bytes(7, std::string("\x01\x02\x80", 3));
  EXPECT_EQ(verdict(with_weight(cut)), "onnx_malformed");
}

TEST(OnnxReader, RefusesImpossibleDimensions) {
  EXPECT_EQ(verdict(with_weight(raw_weight({-1, 4}, 1, 16))), "onnx_dimension_invalid");
  EXPECT_EQ(verdict(with_weight(raw_weight({std::int64_t{1} << 40, std::int64_t{1} << 40}, 1, 16))), "onnx_dimension_invalid");
  EXPECT_EQ(verdict(with_weight(raw_weight({1}, 99, 4))), "onnx_type_unsupported");
  EXPECT_EQ(verdict(with_weight(raw_weight({1, 1, 1, 1, 1, 1, 1, 1}, 1, 4))), "accepted");
  EXPECT_EQ(verdict(with_weight(raw_weight({1, 1, 1, 1, 1, 1, 1, 1, 1}, 1, 4))), "onnx_limit_exceeded");
}

TEST(OnnxReader, HoldsItsLimitsExactly) {
  const auto bytes = linear_model();
  EXPECT_EQ(verdict(bytes, {.tensors_max = 2}), "accepted");
  EXPECT_EQ(verdict(bytes, {.tensors_max = 1}), "onnx_limit_exceeded");
  EXPECT_EQ(verdict(bytes, {.dimensions_max = 2}), "accepted");
  EXPECT_EQ(verdict(bytes, {.dimensions_max = 1}), "onnx_limit_exceeded");
  EXPECT_EQ(verdict(bytes, {.string_bytes_max = 18}), "accepted");
  EXPECT_EQ(verdict(bytes, {.string_bytes_max = 17}), "onnx_limit_exceeded");
  EXPECT_EQ(verdict(bytes, {.array_elements_max = 8}), "onnx_limit_exceeded");
}

TEST(OnnxReader, BoundsNestedGraphs) {
  const auto nested = [](int depth) {
    auto body = std::make_shared<OnnxGraphBuilder>("leaf");
    body->node("Relu", {"x"}, {"v0"}).output("v0", DType::kFloat32, {"batch", 4});
    for (int i = 1; i < depth - 1; ++i) {
      auto outer = std::make_shared<OnnxGraphBuilder>("level");
      const auto name = "v" + std::to_string(i);
      outer->node("If", {"c"}, {name}, {{"then_branch", std::shared_ptr<const OnnxGraphBuilder>(body)}})
          .output(name, DType::kFloat32, {"batch", 4});
      body = outer;
    }
    OnnxGraphBuilder model("nested");
    model.input("x", DType::kFloat32, {"batch", 4}).input("c", DType::kBool, {});
    model.node("If", {"c"}, {"y"}, {{"then_branch", std::shared_ptr<const OnnxGraphBuilder>(body)}})
        .output("y", DType::kFloat32, {"batch", 4});
    return model.build();
  };
  EXPECT_EQ(verdict(nested(16)), "accepted");
  EXPECT_EQ(verdict(nested(17)), "onnx_too_deep");
}

TEST(OnnxReader, RefusesAValueThatNothingMakes) {
  OnnxGraphBuilder hole("hole");
  hole.input("x", DType::kFloat32, {4}).node("Add", {"x", "missing"}, {"y"}).output("y", DType::kFloat32, {4});
  EXPECT_EQ(verdict(hole), "onnx_value_undefined");
  OnnxGraphBuilder no_output("no_output");
  no_output.input("x", DType::kFloat32, {4}).node("Relu", {"x"}, {"y"}).output("z", DType::kFloat32, {4});
  EXPECT_EQ(verdict(no_output), "onnx_value_undefined");
}

TEST(OnnxReader, RefusesACycle) {
  OnnxGraphBuilder cycle("cycle");
  cycle.input("x", DType::kFloat32, {4})
      .node("Add", {"x", "b"}, {"a"})
      .node("Relu", {"a"}, {"b"})
      .node("Relu", {"b"}, {"y"})
      .output("y", DType::kFloat32, {4});
  EXPECT_EQ(verdict(cycle), "onnx_value_undefined");
}

TEST(OnnxReader, AcceptsNodesInAnyOrder) {
  OnnxGraphBuilder unsorted("unsorted");
  unsorted.input("x", DType::kFloat32, {4}).node("Relu", {"a"}, {"y"}).node("Relu", {"x"}, {"a"}).output("y", DType::kFloat32, {4});
  EXPECT_EQ(verdict(unsorted), "accepted");
}

TEST(OnnxReader, RefusesDuplicateNames) {
  EXPECT_EQ(verdict(relu().input("x", DType::kFloat32, {4})), "onnx_duplicate_name");
  EXPECT_EQ(verdict(relu().node("Relu", {"x"}, {"y"})), "onnx_duplicate_name");
  EXPECT_EQ(verdict(relu().output("y", DType::kFloat32, {4})), "onnx_duplicate_name");
  EXPECT_EQ(verdict(relu().initialiser("w", Tensor()).initialiser("w", Tensor())), "onnx_duplicate_name");
}

TEST(OnnxReader, RefusesOperatorsThatDoNotExist) {
  EXPECT_EQ(verdict(relu("NoSuchOp")), "onnx_operator_unknown");
  EXPECT_EQ(verdict(relu("Col2Im")), "accepted");
  EXPECT_EQ(verdict(relu("ZipMap")), "onnx_operator_unknown");  // It is in ai.onnx.ml.
}

TEST(OnnxReader, RefusesAConstantThatFillsTheMemory) {
  const auto constant = [](std::int64_t elements) {
    OnnxGraphBuilder model("constant");
    model.initialiser("shape", Tensor::of<std::int64_t>({2}, {elements / 2, 2}))
        .node("ConstantOfShape", {"shape"}, {"y"})
        .output_of_any_shape("y", DType::kFloat32);
    return verdict(model, {.constant_bytes_max = 4000});
  };
  EXPECT_EQ(constant(1000), "accepted");
  EXPECT_EQ(constant(1002), "onnx_limit_exceeded");
}

TEST(OnnxReader, RefusesFunctionsWithoutEnd) {
  const auto function = [](std::string_view name, std::string_view calls, int times) {
    WireWriter made;
    made.bytes(1, name);
    made.bytes(10, "mine");
    for (int i = 0; i < times; ++i) {
      WireWriter node;
      node.bytes(4, calls);
      node.bytes(7, "mine");
      made.message(7, node);
    }
    WireWriter field;
    field.message(25, made);
    return field.written();
  };
  OnnxGraphBuilder model("caller");
  model.opset("mine", 1).input("x", DType::kFloat32, {4}).node("f0", {"x"}, {"y"}, {}, "mine").output("y", DType::kFloat32, {4});
  const auto start = model.build();
  EXPECT_EQ(verdict(start + function("f0", "f1", 1) + function("f1", "f2", 1) + function("f2", "leaf", 0)), "accepted");
  EXPECT_EQ(verdict(start + function("f0", "f0", 1)), "onnx_too_deep");
  auto laughs = start;
  for (int i = 0; i < 10; ++i) laughs += function("f" + std::to_string(i), "f" + std::to_string(i + 1), 10);
  EXPECT_EQ(verdict(laughs), "onnx_limit_exceeded");
}

TEST(OnnxReader, FindsExternalDataBesideTheModel) {
  const Folder folder;
  folder.write("weights.bin", 100);
  const auto model = external_data_model("weights.bin", 84);
  const auto description = read_onnx(std::as_bytes(std::span(model)), {}, folder.path());
  ASSERT_TRUE(description) << description.error().to_string();
  EXPECT_EQ(description->external_files, (std::vector<std::string>{"weights.bin"}));
  EXPECT_EQ(description->file_bytes, model.size() + 100);
  EXPECT_EQ(description->weight_bytes, 16);
  EXPECT_EQ(folder.verdict("weights.bin", 85), "onnx_external_data_out_of_bounds");
  EXPECT_EQ(folder.verdict("weights.bin", ~std::uint64_t{0}), "onnx_external_data_out_of_bounds");
  EXPECT_EQ(folder.verdict("absent.bin"), "onnx_external_data_missing");
  EXPECT_EQ(verdict(model), "onnx_external_data_missing");  // A model in memory has no folder.
}

TEST(OnnxReader, KeepsExternalDataInsideTheFolder) {
  const Folder folder;
  for (const std::string_view location : {"", "/etc/passwd", "../weights.bin", "a/../../weights.bin", "./weights.bin", "C:/weights.bin",
                                          "https://example.org/w", "..\\weights.bin", "file:weights.bin", "\xff"}) {
    EXPECT_EQ(folder.verdict(location), "onnx_external_data_forbidden") << location;
  }
  EXPECT_EQ(folder.verdict(std::string_view("w\0.bin", 6)), "onnx_external_data_forbidden");
  EXPECT_EQ(folder.verdict(std::string(1025, 'w')), "onnx_external_data_forbidden");
}

TEST(OnnxReader, RefusesLinksAsExternalData) {
  const Folder folder;
  const Folder elsewhere;
  elsewhere.write("weights.bin", 16);
  std::filesystem::create_symlink(elsewhere.path() / "weights.bin", folder.path() / "link.bin");
  EXPECT_EQ(folder.verdict("link.bin"), "onnx_external_data_forbidden");
  std::filesystem::create_symlink(elsewhere.path(), folder.path() / "linked");
  EXPECT_EQ(folder.verdict("linked/weights.bin"), "onnx_external_data_forbidden");
  std::filesystem::create_hard_link(elsewhere.path() / "weights.bin", folder.path() / "hard.bin");
  EXPECT_EQ(folder.verdict("hard.bin"), "onnx_external_data_forbidden");
  std::filesystem::create_directory(folder.path() / "folder.bin");
  EXPECT_EQ(folder.verdict("folder.bin"), "onnx_external_data_forbidden");
}

TEST(OnnxReader, TakesAnOutputWithoutTypeForFloats) {
  OnnxGraphBuilder model("untyped");
  model.input("x", DType::kFloat32, {"n"}).node("Relu", {"x"}, {"y"});
  WireWriter value;
  value.bytes(1, "y");
  WireWriter graph;
  graph.message(12, value);
  const auto description = read(with_graph_fields(model.build(), graph));
  ASSERT_TRUE(description) << description.error().to_string();
  EXPECT_FALSE(description->outputs[0].has_shape);
  EXPECT_EQ(description->warnings[0].code, "output_type_unknown");
}

}  // namespace
}  // namespace forebay::formats

// What ONNX Runtime takes from a file without a check of its own.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/ids.h"
#include "formats/errors.h"
#include "formats/onnx_graph_builder.h"
#include "formats/onnx_reader.h"
#include "formats/testing/onnx_fields.h"
#include "formats/testing/tiny_models.h"

namespace forebay::formats {
namespace {
namespace fs = std::filesystem;
using tensors::DType;
using tensors::Tensor;
using Numbers = std::vector<std::int64_t>;

std::string verdict(std::string_view bytes, const ReadLimits& limits = {}, const std::optional<fs::path>& folder = {}) {
  const auto description = read_onnx(std::as_bytes(std::span(bytes)), limits, folder);
  return description ? "accepted" : std::string(description.error().code().name);
}

std::string relu() {
  OnnxGraphBuilder model("relu");
  model.input("x", DType::kFloat32, {"batch", 4}).node("Relu", {"x"}, {"y"}).output("y", DType::kFloat32, {"batch", 4});
  return model.build();
}

// TensorProto with numbers in int64_data or float_data.
WireWriter numbers(const Numbers& dimensions, const Numbers& values, std::uint64_t type = 7, std::string_view name = "") {
  WireWriter tensor;
  for (const auto dimension : dimensions) tensor.varint(1, static_cast<std::uint64_t>(dimension));
  tensor.varint(2, type);
  for (const auto value : values) {
    if (type == 1) {
      tensor.fixed32(4, static_cast<float>(value));
    } else {
      tensor.varint(7, static_cast<std::uint64_t>(value));
    }
  }
  if (!name.empty()) tensor.bytes(8, name);
  return tensor;
}

struct Sparse {
  Numbers dimensions = {5};
  Numbers values = {1, 2};
  Numbers index_dimensions = {2};
  Numbers indices = {0, 3};
  std::uint64_t index_type = 7;

  WireWriter written() const {
    WireWriter sparse;
    sparse.message(1, numbers({static_cast<std::int64_t>(values.size())}, values, 1, "sparse"));
    sparse.message(2, numbers(index_dimensions, indices, index_type));
    for (const auto dimension : dimensions) sparse.varint(3, static_cast<std::uint64_t>(dimension));
    return sparse;
  }
};

std::string as_initialiser(const Sparse& sparse) {
  WireWriter fields;
  fields.message(15, sparse.written());
  return with_graph_fields(relu(), fields);
}

// A node of `op` that has the AttributeProto.
WireWriter node_with(std::string_view op, const WireWriter& attribute) {
  WireWriter node;
  node.bytes(2, "made");
  node.bytes(4, op);
  node.message(5, attribute);
  WireWriter field;
  field.message(1, node);
  return field;
}

std::string as_constant(const Sparse& sparse) {
  WireWriter attribute;
  attribute.bytes(1, "sparse_value");
  attribute.message(22, sparse.written());
  attribute.varint(20, 11);
  return with_graph_fields(relu(), node_with("Constant", attribute));
}

// In a branch of a condition.
std::string in_subgraph(const Sparse& sparse) {
  WireWriter branch;
  branch.bytes(2, "branch");
  branch.message(15, sparse.written());
  WireWriter attribute;
  attribute.bytes(1, "then_branch");
  attribute.message(6, branch);
  attribute.varint(20, 5);
  return with_graph_fields(relu(), node_with("If", attribute));
}

class SparseTensors : public testing::TestWithParam<std::string (*)(const Sparse&)> {};

TEST_P(SparseTensors, TakesIndicesInBothLayouts) {
  const auto verdict_of = [](const Sparse& sparse) { return verdict(GetParam()(sparse)); };
  EXPECT_EQ(verdict_of({}), "accepted");
  EXPECT_EQ(verdict_of({.indices = {0, 4}}), "accepted");
  EXPECT_EQ(verdict_of({.dimensions = {2, 3}, .index_dimensions = {2, 2}, .indices = {0, 2, 1, 0}}), "accepted");
  EXPECT_EQ(verdict_of({.values = {}, .index_dimensions = {0}, .indices = {}}), "accepted");
}

TEST_P(SparseTensors, RefusesIndicesThatPointElsewhere) {
  const auto verdict_of = [](const Sparse& sparse) { return verdict(GetParam()(sparse)); };
  for (const std::int64_t index :
       {std::int64_t{5}, std::int64_t{10'000}, std::int64_t{1'000'000'000'000}, std::int64_t{-1}, INT64_MIN, INT64_MAX})
    EXPECT_EQ(verdict_of({.indices = {0, index}}), "onnx_sparse_invalid") << index;
  EXPECT_EQ(verdict_of({.dimensions = {2, 3}, .index_dimensions = {2, 2}, .indices = {0, 2, 1, 3}}), "onnx_sparse_invalid");
  EXPECT_EQ(verdict_of({.dimensions = {2, 3}, .index_dimensions = {2, 2}, .indices = {0, 2, -1, 0}}), "onnx_sparse_invalid");
}

TEST_P(SparseTensors, RefusesIndicesThatAreNotOneAscendingPlaceAValue) {
  const auto verdict_of = [](const Sparse& sparse) { return verdict(GetParam()(sparse)); };
  EXPECT_EQ(verdict_of({.indices = {3, 3}}), "onnx_sparse_invalid");
  EXPECT_EQ(verdict_of({.indices = {3, 0}}), "onnx_sparse_invalid");
  EXPECT_EQ(verdict_of({.index_dimensions = {3}, .indices = {0, 1, 2}}), "onnx_sparse_invalid");
  EXPECT_EQ(verdict_of({.index_dimensions = {1}, .indices = {0}}), "onnx_sparse_invalid");
  EXPECT_EQ(verdict_of({.index_dimensions = {2, 2}, .indices = {0, 0, 1, 1}}), "onnx_sparse_invalid");  // the shape has one dimension
  EXPECT_EQ(verdict_of({.index_dimensions = {2, 1, 1}}), "onnx_sparse_invalid");
  EXPECT_EQ(verdict_of({.dimensions = {}}), "onnx_sparse_invalid");
  EXPECT_EQ(verdict_of({.index_dimensions = {3}}), "onnx_initialiser_inconsistent");
}

TEST_P(SparseTensors, RefusesShapesThatCannotBeHeld) {
  const auto verdict_of = [](const Numbers& dimensions, const ReadLimits& limits = {}) {
    return verdict(GetParam()({.dimensions = dimensions}), limits);
  };
  EXPECT_EQ(verdict_of({-5}), "onnx_dimension_invalid");
  EXPECT_EQ(verdict_of({INT64_MAX}), "onnx_dimension_invalid");
  EXPECT_EQ(verdict_of({1'000'000'000}), "onnx_limit_exceeded");
  EXPECT_EQ(verdict_of({1000}, {.constant_bytes_max = 4000}), "accepted");
  EXPECT_EQ(verdict_of({1001}, {.constant_bytes_max = 4000}), "onnx_limit_exceeded");
}

INSTANTIATE_TEST_SUITE_P(Everywhere, SparseTensors, testing::Values(as_initialiser, as_constant, in_subgraph));

TEST(SparseTensors, CountAsTheWeightsTheyBecome) {
  const auto model = as_initialiser({.dimensions = {1000}});
  const auto description = read_onnx(std::as_bytes(std::span(std::string_view(model))), {}, std::nullopt);
  ASSERT_TRUE(description);
  EXPECT_EQ(description->weight_bytes, 4000U);
}

TEST(OnnxAttributes, HaveOneValueOfTheTypeTheyState) {
  const auto with = [](std::uint64_t type, auto fill) {
    WireWriter attribute;
    attribute.bytes(1, "axis");
    fill(attribute);
    if (type != 0) attribute.varint(20, type);
    return verdict(with_graph_fields(relu(), node_with("Flatten", attribute)));
  };
  const auto integer = [](WireWriter& attribute) { attribute.varint(3, 1); };
  EXPECT_EQ(with(2, integer), "accepted");
  EXPECT_EQ(with(2, [](WireWriter&) {}), "accepted");  // Zero need not be written.
  EXPECT_EQ(with(7, integer), "onnx_malformed");
  EXPECT_EQ(with(0, integer), "onnx_malformed");
  EXPECT_EQ(with(15, integer), "onnx_malformed");
  EXPECT_EQ(with(4, [](WireWriter&) {}), "onnx_malformed");
  EXPECT_EQ(with(5, [](WireWriter&) {}), "onnx_malformed");
  EXPECT_EQ(with(2,
                 [](WireWriter& attribute) {
                   attribute.varint(3, 1);
                   attribute.varint(8, 1);
                 }),
            "onnx_malformed");
}

TEST(OnnxAttributes, HaveNamesOfTheirOwn) {
  WireWriter attribute;
  attribute.bytes(1, "axis");
  attribute.varint(3, 1);
  attribute.varint(20, 2);
  WireWriter node;
  node.bytes(4, "Flatten");
  node.message(5, attribute);
  node.message(5, attribute);
  WireWriter field;
  field.message(1, node);
  EXPECT_EQ(verdict(with_graph_fields(relu(), field)), "onnx_duplicate_name");
  WireWriter many;
  many.bytes(4, "Flatten");
  for (int i = 0; i < 257; ++i) {
    WireWriter each;
    each.bytes(1, "a" + std::to_string(i));
    each.varint(20, 2);
    many.message(5, each);
  }
  WireWriter last;
  last.message(1, many);
  EXPECT_EQ(verdict(with_graph_fields(relu(), last)), "onnx_limit_exceeded");
}

TEST(OnnxAttributes, HaveListsOfTensorsThatFitTheirShapes) {
  WireWriter attribute;
  attribute.bytes(1, "values");
  attribute.message(10, numbers({2}, {1, 2}));
  attribute.message(10, numbers({3}, {1, 2}));
  attribute.varint(20, 9);
  EXPECT_EQ(verdict(with_graph_fields(relu(), node_with("Flatten", attribute))), "onnx_initialiser_inconsistent");
}

TEST(OnnxFunctions, AreCheckedLikeTheGraph) {
  const auto with = [](auto fill, int times = 1) {
    WireWriter function;
    function.bytes(1, "f");
    function.bytes(10, "mine");
    function.bytes(4, "a");
    function.bytes(5, "b");
    fill(function);
    WireWriter fields;
    for (int i = 0; i < times; ++i) fields.message(25, function);
    return verdict(relu() + fields.written());
  };
  const auto node = [](std::string_view input) {
    WireWriter made;
    made.bytes(1, input);
    made.bytes(2, "b");
    made.bytes(4, "Relu");
    return made;
  };
  EXPECT_EQ(with([&](WireWriter& function) { function.message(7, node("a")); }), "accepted");
  EXPECT_EQ(with([&](WireWriter& function) { function.message(7, node("a")); }, 2), "onnx_duplicate_name");
  EXPECT_EQ(with([&](WireWriter& function) { function.message(7, node("nothing")); }), "onnx_value_undefined");
  EXPECT_EQ(with([&](WireWriter& function) { function.message(7, node("b")); }), "onnx_value_undefined");
  EXPECT_EQ(with([&](WireWriter&) {}), "onnx_value_undefined");
  EXPECT_EQ(with([&](WireWriter& function) {
              function.message(7, node("a"));
              WireWriter attribute;
              attribute.bytes(1, "weight");
              attribute.message(5, numbers({4}, {1}));
              attribute.varint(20, 4);
              function.message(11, attribute);
            }),
            "onnx_initialiser_inconsistent");
}

TEST(OnnxOperatorSets, HaveOneVersionADomain) {
  WireWriter opset;
  opset.bytes(1, "ai.onnx");
  opset.varint(2, 9);
  WireWriter field;
  field.message(8, opset);
  EXPECT_EQ(verdict(relu() + field.written()), "onnx_duplicate_name");
}

TEST(OnnxExternalData, IsNoAddressInMemory) {
  EXPECT_EQ(verdict(external_data_model("*/_ORT_MEM_ADDR_/*", 4096), {}, fs::temp_directory_path()), "onnx_external_data_forbidden");
}

// MODEL/snapshots/REVISION/NAME -> ../../blobs/HASH
class HuggingFaceCache : public testing::Test {
 protected:
  HuggingFaceCache() {
    fs::create_directories(snapshot_ / "onnx");
    fs::create_directories(model_ / "blobs" / "deeper");
    write(model_ / "blobs" / "hash");
    write(model_ / "config");
    write(root_ / "secret");
    fs::create_directories(root_ / "other" / "blobs");
    write(root_ / "other" / "blobs" / "hash");
  }
  ~HuggingFaceCache() override { fs::remove_all(root_); }
  static void write(const fs::path& path) { std::ofstream(path) << std::string(16, 'x'); }
  // Of a model in `folder` whose weights are a link to `target`.
  std::string linked(const fs::path& target, const fs::path& folder) const {
    fs::remove(folder / "weights");
    fs::create_symlink(target, folder / "weights");
    return verdict(external_data_model("weights"), {}, folder);
  }

  const fs::path root_ = fs::temp_directory_path() / make_id("hub");
  const fs::path model_ = root_ / "models--a--b";
  const fs::path snapshot_ = model_ / "snapshots" / "0123";
};

TEST_F(HuggingFaceCache, LinksToItsOwnBlobsAreFollowed) {
  EXPECT_EQ(linked("../../blobs/hash", snapshot_), "accepted");
  EXPECT_EQ(linked("../../../blobs/hash", snapshot_ / "onnx"), "accepted");
  EXPECT_EQ(linked(model_ / "blobs" / "hash", snapshot_), "accepted");
}

TEST_F(HuggingFaceCache, LinksToAnythingElseAreNot) {
  for (const char* target :
       {"../../config", "../../../secret", "../../../other/blobs/hash", "/etc/passwd", "../../blobs", "../../blobs/deeper", "onnx"})
    EXPECT_EQ(linked(target, snapshot_), "onnx_external_data_forbidden") << target;
  EXPECT_EQ(linked("../../blobs/absent", snapshot_), "onnx_external_data_missing");
  EXPECT_EQ(linked("blobs/hash", model_), "onnx_external_data_forbidden");  // No snapshot.
  EXPECT_EQ(linked("../blobs/hash", model_ / "snapshots"), "onnx_external_data_forbidden");
  fs::create_symlink("../../secret", model_ / "blobs" / "link");
  EXPECT_EQ(linked("../../blobs/link", snapshot_), "onnx_external_data_forbidden");
}

}  // namespace
}  // namespace forebay::formats

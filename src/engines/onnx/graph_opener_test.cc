#include "engines/onnx/graph_opener.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "base/ids.h"
#include "base/machine.h"
#include "engines/onnx/kept_findings.h"
#include "engines/testing/model_files.h"
#include "formats/onnx_graph_builder.h"
#include "formats/testing/tiny_models.h"

namespace forebay::engines {
namespace {
namespace fs = std::filesystem;
using formats::OnnxGraphBuilder;
using tensors::DType;
using tensors::Tensor;

// Convolutions with batch normalization and constants to be folded: what the library rewrites, for this processor's vectors too.
std::string convolution_model(int layers = 3, float first = 0.5F) {
  OnnxGraphBuilder model("convolutions");
  model.input("x", DType::kFloat32, {"batch", 8, 12, 12});
  std::string x = "x";
  for (int i = 0; i < layers; ++i) {
    const auto named = [i](const char* part) { return fmt::format("{}{}", part, i); };
    std::vector<float> weights(std::size_t{8} * 8 * 3 * 3);
    for (std::size_t at = 0; at < weights.size(); ++at) weights[at] = first * static_cast<float>(at % 7) / 50.0F - 0.02F;
    model.initialiser(named("w"), Tensor::of<float>({8, 8, 3, 3}, weights));
    for (const char* part : {"scale", "bias", "mean", "var"})
      model.initialiser(named(part), Tensor::of<float>({8}, {1.0F, 0.9F, 1.1F, 1.2F, 0.8F, 1.0F, 1.3F, 0.7F}));
    model.node("Conv", {x, named("w")}, {named("c")}, {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
    model.node("BatchNormalization", {named("c"), named("scale"), named("bias"), named("mean"), named("var")}, {named("n")});
    x = i + 1 == layers ? "y" : named("r");
    model.node("Relu", {named("n")}, {x});
  }
  return model.output("y", DType::kFloat32, {"batch", 8, 12, 12}).build();
}

class GraphOpening : public testing::Test {
 protected:
  ~GraphOpening() override {
    cache_.reset();
    fs::remove_all(cache_path_);
  }
  // Everything is worth keeping, whatever it takes.
  CacheUse always() const { return {.cache = cache_.get(), .slow_from = Duration::zero(), .gain_min = 0}; }
  std::size_t kept_files() const {
    return static_cast<std::size_t>(
        std::count_if(fs::directory_iterator(cache_path_), {}, [](const auto& entry) { return entry.path().extension() == ".kept"; }));
  }
  std::shared_ptr<LoadedModel> load(const fs::path& path, const CacheUse& use, bool tune = false) const {
    return load_model(path, {.threads = tune ? 0U : 1U, .tune = tune, .cache = use}).value();
  }
  // The answer's bytes.
  static std::vector<std::byte> answer(LoadedModel& model) {
    tensors::NamedTensors inputs;
    for (const auto& spec : model.description().inputs) {
      auto shape = spec.shape;
      std::ranges::replace_if(shape, [](auto size) { return size < 0; }, 2);
      Tensor x = Tensor::zeros(DType::kFloat32, shape);
      auto* values = reinterpret_cast<float*>(x.mutable_bytes().data());
      for (std::size_t i = 0; i < x.size(); ++i) values[i] = static_cast<float>(i % 13) / 5.0F - 1.0F;
      inputs.push_back({spec.name, std::move(x)});
    }
    const auto outputs = model.open_tensor_session().value()->run(inputs, {}, CancelToken()).value();
    const auto bytes = outputs.front().tensor.bytes();
    return {bytes.begin(), bytes.end()};
  }

  const fs::path cache_path_ = fs::temp_directory_path() / make_id("forebay-graphs");
  std::unique_ptr<ModelCache> cache_ = ModelCache::open({cache_path_}).value();
  const ModelFolder folder_;
};

TEST_F(GraphOpening, TheKeptGraphGivesTheSameAnswerToTheBit) {
  const auto path = folder_.write("m.onnx", convolution_model());
  const auto expected = answer(*load(path, {}));
  const auto first = load(path, always());
  EXPECT_TRUE(first->backend().graph.starts_with("the optimized graph is kept: loading takes")) << first->backend().graph;
  EXPECT_EQ(kept_files(), 3U) << "the graph, what was found out, and that its rows are independent";
  EXPECT_EQ(answer(*first), expected);
  const auto second = load(path, always());
  EXPECT_TRUE(second->backend().graph.starts_with("loaded from the kept optimized graph in")) << second->backend().graph;
  EXPECT_EQ(answer(*second), expected);
  EXPECT_EQ(load(path, {})->backend().graph, "");
}

TEST_F(GraphOpening, AnotherFileIsAnotherGraphUnderTheSameName) {
  const auto path = folder_.write("m.onnx", convolution_model(3, 0.5F));
  const auto before = answer(*load(path, always()));
  folder_.write("m.onnx", convolution_model(3, 0.6F));
  const auto changed = load(path, always());
  EXPECT_TRUE(changed->backend().graph.starts_with("the optimized graph is kept"));
  EXPECT_NE(answer(*changed), before);
  EXPECT_EQ(answer(*changed), answer(*load(path, {})));
  EXPECT_EQ(kept_files(), 6U);
}

TEST_F(GraphOpening, ExternalWeightsArePartOfTheFile) {
  std::vector<float> weights = {1, 2, 3, 4};
  const auto write = [&] { folder_.write("w.bin", std::string_view(reinterpret_cast<const char*>(weights.data()), 16)); };
  write();
  const auto path = folder_.write("m.onnx", formats::external_data_model("w.bin"));
  const auto before = answer(*load(path, always()));
  const auto again = load(path, always());
  EXPECT_TRUE(again->backend().graph.starts_with("loaded from the kept")) << again->backend().graph;
  EXPECT_EQ(answer(*again), before);
  weights[2] = 7;
  write();
  const auto changed = load(path, always());
  EXPECT_TRUE(changed->backend().graph.starts_with("the optimized graph is kept")) << changed->backend().graph;
  EXPECT_NE(answer(*changed), before);
}

TEST_F(GraphOpening, ADamagedGraphIsMadeAgain) {
  const auto path = folder_.write("m.onnx", convolution_model());
  const auto expected = answer(*load(path, always()));
  for (const auto& entry : fs::directory_iterator(cache_path_)) {
    if (entry.path().extension() != ".kept" || entry.file_size() < 5'000) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(3'000);
    file.put('\x7f');
  }
  const auto remade = load(path, always());
  EXPECT_TRUE(remade->backend().graph.starts_with("the optimized graph is kept")) << remade->backend().graph;
  EXPECT_EQ(answer(*remade), expected);
  EXPECT_TRUE(load(path, always())->backend().graph.starts_with("loaded from the kept"));
}

TEST_F(GraphOpening, AGraphThatTheLibraryRefusesIsMadeAgain) {
  const auto path = folder_.write("m.onnx", convolution_model());
  const auto description = formats::read_model(path).value();
  load(path, always());
  const GraphOpener opener(path, description, always(), [](std::size_t) { return Ort::SessionOptions(); });
  ASSERT_TRUE(cache_->keep(key_beside(*opener.key(), "graph"), "no graph at all"));
  const auto remade = load(path, always());
  EXPECT_TRUE(remade->backend().graph.starts_with("the optimized graph is kept")) << remade->backend().graph;
}

TEST_F(GraphOpening, WhatGainsNothingIsNotKeptAndNotTriedAgain) {
  const auto path = folder_.write("m.onnx", convolution_model());
  auto use = always();
  use.gain_min = 1e9;
  const auto tried = load(path, use);
  EXPECT_TRUE(tried->backend().graph.starts_with("the optimized graph is not kept: loading takes")) << tried->backend().graph;
  EXPECT_EQ(kept_files(), 2U) << "the findings about the graph and its rows";
  const auto known = load(path, always());
  EXPECT_TRUE(known->backend().graph.contains("it gained nothing when it was tried out")) << known->backend().graph;
  EXPECT_EQ(answer(*known), answer(*tried));
}

// As files of IR version 3 have them.
TEST_F(GraphOpening, WeightsThatAreInputsTooAreNotAskedFor) {
  OnnxGraphBuilder model("old");
  model.ir_version(3).opset("", 9);
  model.input("x", DType::kFloat32, {"batch", 2}).input("a", DType::kFloat32, {2}).input("b", DType::kFloat32, {2});
  model.initialiser("a", Tensor::of<float>({2}, {1, 2})).initialiser("b", Tensor::of<float>({2}, {3, 4}));
  model.node("Add", {"a", "b"}, {"c"}).node("Add", {"x", "c"}, {"y"});
  const auto path = folder_.write("m.onnx", model.output("y", DType::kFloat32, {"batch", 2}).build());
  const auto expected = answer(*load(path, {}));
  for (int start = 0; start < 3; ++start) {
    const auto model_now = load_model(path, {.threads = 1, .tune = false, .cache = always()});
    ASSERT_TRUE(model_now) << model_now.error().to_log_string();
    EXPECT_EQ(answer(**model_now), expected);
  }
}

TEST_F(GraphOpening, QuickAndLargeModelsLeaveNothing) {
  const auto path = folder_.write("m.onnx", convolution_model());
  auto use = always();
  use.slow_from = std::chrono::hours(1);
  EXPECT_EQ(load(path, use)->backend().graph, "");
  use = always();
  use.model_bytes_max = fs::file_size(path) - 1;
  EXPECT_EQ(load(path, use)->backend().graph, "");
  EXPECT_EQ(kept_files(), 1U) << "that the rows of the quick one are independent";
  use.model_bytes_max = fs::file_size(path);
  EXPECT_NE(load(path, use)->backend().graph, "");
}

TEST_F(GraphOpening, WhatWasFoundOutAboutThreadsAndBatchesIsKnownAtTheNextStart) {
  const auto path = folder_.write("m.onnx", convolution_model());
  const auto tuned = load(path, always(), true);
  const auto again = load(path, always(), true);
  ASSERT_FALSE(tuned->backend().runs.empty());
  EXPECT_EQ(tuned->backend().runs.front().rows, 1U);
  EXPECT_EQ(again->backend().runs.size(), tuned->backend().runs.size());
  EXPECT_EQ(answer(*again), answer(*tuned));
  if (usable_cores() > 1) {
    EXPECT_EQ(again->backend().threads, tuned->backend().threads + ", as found at an earlier start");
    const Processors usable = usable_processors();
    const ProcessorsScope one{std::span<const std::uint32_t>(usable).first(1)};
    EXPECT_FALSE(load(path, always(), true)->backend().threads.contains("earlier")) << "with other processors it may be otherwise";
  }
  EXPECT_TRUE(load(path, {}, true)->backend().graph.empty());
}

}  // namespace
}  // namespace forebay::engines

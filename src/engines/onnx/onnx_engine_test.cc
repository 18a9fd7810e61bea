#include "engines/onnx/onnx_engine.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "base/machine.h"
#include "engines/errors.h"
#include "engines/testing/model_files.h"
#include "formats/testing/tiny_models.h"

namespace forebay::engines {
namespace {

using tensors::DType;

formats::ModelDescription described(const std::filesystem::path& path) { return formats::read_model(path).value(); }

TEST(OnnxEngine, RunsOnnxAndNothingElse) {
  const OnnxEngine engine;
  EXPECT_TRUE(engine.runs({.format = formats::Format::kOnnx}));
  EXPECT_FALSE(engine.runs({.format = formats::Format::kGguf}));
}

TEST(OnnxEngine, ListsTheCpuAsUsableAndSaysWhyOthersAreNot) {
  const auto devices = OnnxEngine().devices();
  ASSERT_FALSE(devices.empty());
  EXPECT_EQ(devices.front().backend, "cpu");
  EXPECT_TRUE(devices.front().usable);
  EXPECT_FALSE(devices.front().description.empty());
  EXPECT_GT(devices.front().memory_bytes, 0U);
  for (const Device& device : devices) EXPECT_NE(device.usable, !device.reason.empty()) << device.backend;
}

TEST(OnnxEngine, ReportsTheBackendAndThoseItPassedOver) {
  const ModelFolder folder;
  const auto path = folder.write("a.onnx", formats::add_one_model());
  auto model = OnnxEngine().load(path, described(path), {.backend = "nonsense, tensorrt,cpu", .threads = 1}).value();
  EXPECT_EQ(model->backend().chosen, "cpu");
  EXPECT_EQ(model->backend().passed_over, (std::vector<std::string>{"nonsense: ONNX Runtime has no backend of this name",
                                                                    "tensorrt: this ONNX Runtime was built without it"}));
  const auto none = OnnxEngine().load(path, described(path), {.backend = "nonsense"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), kBackendUnavailable);
}

TEST(OnnxEngine, EveryUsableBackendGivesTheSameAnswer) {
  const ModelFolder folder;
  const auto path = folder.write("a.onnx", formats::linear_model());
  for (const Device& device : OnnxEngine().devices()) {
    if (!device.usable) continue;
    auto model = OnnxEngine().load(path, described(path), {.backend = device.backend, .threads = 1}).value();
    EXPECT_EQ(model->backend().chosen, device.backend);
    const auto outputs =
        model->open_tensor_session().value()->run({{"x", tensors::Tensor::of<float>({1, 3}, {1, 2, 3})}}, {}, CancelToken()).value();
    EXPECT_NEAR(outputs[0].tensor.values<float>()[0], 24.0F, 1e-4) << device.backend;
    EXPECT_NEAR(outputs[0].tensor.values<float>()[1], 52.0F, 1e-4) << device.backend;
  }
}

TEST(OnnxEngine, TriesOutWhetherThreadsPayUnlessItIsToldNotTo) {
  const ModelFolder folder;
  const auto path = folder.write("a.onnx", formats::linear_model());
  const auto tried = OnnxEngine().load(path, described(path), {}).value();
  const auto told = OnnxEngine().load(path, described(path), {.threads = 1}).value();
  const auto untried = OnnxEngine().load(path, described(path), {.tune = false}).value();
  EXPECT_EQ(tried->backend().threads.empty(), usable_cores() == 1) << tried->backend().threads;
  EXPECT_EQ(told->backend().threads, "");
  EXPECT_EQ(untried->backend().threads, "");
  for (const auto& model : {tried, told, untried}) {
    const auto outputs =
        model->open_tensor_session().value()->run({{"x", tensors::Tensor::of<float>({1, 3}, {1, 2, 3})}}, {}, CancelToken()).value();
    EXPECT_NEAR(outputs[0].tensor.values<float>()[0], 24.0F, 1e-4);
  }
}

TEST(OnnxEngine, RefusesWhatTheLibraryRefusesWithoutNamingFolders) {
  const ModelFolder folder;
  const auto path = folder.write("a.onnx", formats::add_one_model());
  const auto description = described(path);
  folder.write("a.onnx", "these bytes are no model");
  const auto refused = OnnxEngine().load(path, description, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), kModelRefused);
  EXPECT_EQ(refused.error().message(), "Load model from a.onnx failed:Protobuf parsing failed.");

  const auto custom = folder.write("c.onnx", formats::custom_operator_model());
  const auto unknown = OnnxEngine().load(custom, formats::ModelDescription{.format = formats::Format::kOnnx}, {});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), kModelRefused);
}

TEST(OnnxEngine, RefusesAFileThatIsNotTheOneDescribed) {
  const ModelFolder folder;
  const auto path = folder.write("a.onnx", formats::add_one_model());
  auto description = described(path);
  description.inputs.front().name = "other";
  const auto refused = OnnxEngine().load(path, description, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), kModelRefused);
  EXPECT_EQ(refused.error().message(), "the file has an input 'x' that its description does not have");
}

TEST(OnnxEngine, ReportsProgressAndStopsWhenTold) {
  const ModelFolder folder;
  const auto path = folder.write("a.onnx", formats::add_one_model());
  std::vector<float> shares;
  ASSERT_TRUE(OnnxEngine().load(path, described(path), {.progress = [&](float share) {
                                  shares.push_back(share);
                                  return true;
                                }}));
  EXPECT_EQ(shares, (std::vector<float>{0, 1}));
  for (const float last : {0.0F, 1.0F}) {
    const auto stopped = OnnxEngine().load(path, described(path), {.progress = [&](float share) { return share != last; }});
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code(), kCancelledByCaller);
  }
}

TEST(OnnxEngine, LoadsWeightsThatLieBesideTheModel) {
  const ModelFolder folder;
  const std::vector<float> weights = {1, 2, 3, 4};
  folder.write("w.bin", std::string_view(reinterpret_cast<const char*>(weights.data()), 16));
  auto model = load_model(folder.write("m.onnx", formats::external_data_model("w.bin"))).value();
  const auto& input = model->description().inputs.front();
  const auto outputs =
      model->open_tensor_session().value()->run({{input.name, tensors::Tensor::zeros(DType::kFloat32, {1, 4})}}, {}, CancelToken());
  ASSERT_TRUE(outputs) << outputs.error().to_string();
  EXPECT_TRUE(std::ranges::equal(outputs->front().tensor.values<float>(), weights));
}

TEST(OnnxEngine, ATensorModelHasNoTextInIt) {
  auto model = load_bytes(formats::add_one_model());
  EXPECT_EQ(model->tokenizer(), nullptr);
  EXPECT_EQ(model->open_generation_session({}).error().code(), kWrongKindOfModel);
  EXPECT_EQ(model->make_sampler({}).error().code(), kWrongKindOfModel);
  EXPECT_GE(model->weights_bytes() + model->tensor_session_bytes(), model->description().weight_bytes);
}

TEST(Engines, AFormatNobodyRunsIsNamed) {
  const auto engines = make_engines();
  const auto none = engine_for({.format = formats::Format::kUnknown}, engines);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), kNoEngine);
  EXPECT_EQ(engine_for({.format = formats::Format::kGguf}, engines).value()->name(), "llama");
}

TEST(OnnxEngine, ReadsWeightsBehindTheLinksOfAHuggingFaceCache) {
  const ModelFolder folder;
  const float values[] = {10, 20, 30, 40};
  const std::filesystem::path blob = folder.write("blob", {reinterpret_cast<const char*>(values), sizeof values});
  const std::filesystem::path cache = blob.parent_path() / "models--somewhere--small";
  const std::filesystem::path snapshot = cache / "snapshots" / "0123abcd" / "onnx";
  std::filesystem::create_directories(snapshot);
  std::filesystem::create_directories(cache / "blobs");
  std::filesystem::rename(blob, cache / "blobs" / "aaaa");
  std::filesystem::rename(folder.write("graph", formats::external_data_model("model.onnx_data")), cache / "blobs" / "bbbb");
  std::filesystem::create_symlink("../../../blobs/aaaa", snapshot / "model.onnx_data");
  std::filesystem::create_symlink("../../../blobs/bbbb", snapshot / "model.onnx");
  for (const bool tune : {false, true}) {
    const auto model = load_model(snapshot / "model.onnx", {.threads = tune ? 0U : 1U, .tune = tune});
    ASSERT_TRUE(model) << model.error().to_log_string();
    const auto outputs =
        (*model)->open_tensor_session().value()->run({{"x", tensors::Tensor::of<float>({1, 4}, {1, 2, 3, 4})}}, {}, CancelToken()).value();
    EXPECT_EQ(outputs[0].tensor.values<float>()[3], 44.0F);
  }
}

}  // namespace
}  // namespace forebay::engines

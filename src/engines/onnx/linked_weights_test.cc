#include "engines/onnx/linked_weights.h"

#include <gtest/gtest.h>

#include "engines/testing/model_files.h"
#include "formats/testing/tiny_models.h"

namespace forebay::engines {
namespace {
namespace fs = std::filesystem;

TEST(LinkedWeights, ComeFromBehindTheLinksOfAHuggingFaceCache) {
  const ModelFolder folder;
  const float values[] = {10, 20, 30, 40};
  const fs::path blob = folder.write("blob", {reinterpret_cast<const char*>(values), sizeof values});
  const fs::path cache = blob.parent_path() / "models--somewhere--small";
  const fs::path snapshot = cache / "snapshots" / "0123abcd" / "onnx";
  fs::create_directories(snapshot);
  fs::create_directories(cache / "blobs");
  fs::rename(blob, cache / "blobs" / "aaaa");
  fs::rename(folder.write("graph", formats::external_data_model("model.onnx_data")), cache / "blobs" / "bbbb");
  fs::create_symlink("../../../blobs/aaaa", snapshot / "model.onnx_data");
  fs::create_symlink("../../../blobs/bbbb", snapshot / "model.onnx");
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

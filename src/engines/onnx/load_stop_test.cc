#include "engines/onnx/load_stop.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "engines/onnx/onnx_environment.h"
#include "engines/testing/model_files.h"
#include "formats/testing/tiny_models.h"

namespace forebay::engines {
namespace {

// The library's code for opening with these options, or -1.
int code_of_opening(const Ort::SessionOptions& options) {
  const std::string model = formats::add_one_model();
  try {
    const Ort::Session session(onnx_environment(), model.data(), model.size(), options);
    return -1;
  } catch (const Ort::Exception& error) {
    return error.GetOrtErrorCode();
  }
}

TEST(LoadStop, StopsTheLibraryBeforeAndAfterTheLoadIsWatched) {
  onnx_environment();
  const CancelToken cancel;
  LoadStop stop(cancel);
  const Ort::SessionOptions early = session_options_for(1);
  stop.watch(early);
  EXPECT_EQ(code_of_opening(early), -1);
  cancel.cancel(CancelReason::kShutdown);
  EXPECT_EQ(code_of_opening(early), ORT_MODEL_LOAD_CANCELED);
  const Ort::SessionOptions late = session_options_for(1);
  stop.watch(late);
  EXPECT_EQ(code_of_opening(late), ORT_MODEL_LOAD_CANCELED);
}

TEST(LoadStop, EndsALoadWithTheTokensReason) {
  const CancelToken cancel;
  cancel.cancel(CancelReason::kShutdown);
  const ModelFolder folder;
  const auto model = load_model(folder.write("a.onnx", formats::add_one_model()), {.threads = 1, .cancel = cancel});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code(), cancel.error().code());
}

}  // namespace
}  // namespace forebay::engines

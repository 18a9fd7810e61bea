#include "engines/watched_model.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/lost_pages.h"
#include "engines/errors.h"
#include "engines/testing/model_files.h"

namespace forebay::engines {
namespace {
namespace fs = std::filesystem;

// A copy of an example model, watched from before it was loaded.
class ServedFile {
 public:
  explicit ServedFile(const std::string& example) {
    std::ifstream file(fs::path(FOREBAY_EXAMPLE_MODELS) / example, std::ios::binary);
    const std::string content(std::istreambuf_iterator<char>(file), {});
    path = folder_.write(example, content);
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1));
    auto files = std::make_shared<WatchedFiles>();
    EXPECT_TRUE(files->add(path));
    model = load_model(path, {.threads = 1, .tune = false, .translate_encoders = false}).value();
    files->keep_mapped();
    is_mapped = !files->empty();
    model = watched_model(std::move(model), files);
  }
  // Writes into the file, as cp does.
  void write(std::string_view content) const { std::ofstream(path, std::ios::binary | std::ios::trunc) << content; }

  fs::path path;
  std::shared_ptr<LoadedModel> model;
  bool is_mapped = false;

 private:
  const ModelFolder folder_;
};

Result<StepOutcome> step(GenerationSession& session) {
  const std::vector<Token> tokens = {200, 201, 202};
  const StepSlice slice{.sequence = 0, .position = session.length(0), .tokens = tokens, .logits = 1};
  return session.step(std::span(&slice, 1), CancelToken());
}

TEST(WatchedModel, AGeneratorFailsOnceItsFileIsWrittenTo) {
  survive_lost_pages();
  const auto whole = static_cast<std::size_t>(fs::file_size(fs::path(FOREBAY_EXAMPLE_MODELS) / "chat.gguf"));
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1000}, whole / 2, whole, whole + 10}) {
    const ServedFile served("chat.gguf");
    ASSERT_TRUE(served.is_mapped);
    auto session = served.model->open_generation_session({.context_tokens = 256, .sequences_max = 1}).value();
    ASSERT_EQ(step(*session).value(), StepOutcome::kDone);
    served.write(std::string(bytes, 'x'));
    const auto outcome = step(*session);
    ASSERT_FALSE(outcome) << bytes;
    EXPECT_EQ(outcome.error().code(), kFileChanged);
  }
}

TEST(WatchedModel, AnEmbedderFailsOnceItsFileIsCutShort) {
  survive_lost_pages();
  const ServedFile served("embed.gguf");
  auto session = served.model->open_embedding_session({.batch_tokens_max = 128}).value();
  const std::vector<std::vector<Token>> texts = {{10, 11, 12}};
  ASSERT_TRUE(session->embed(texts, CancelToken()));
  served.write("");
  EXPECT_EQ(session->embed(texts, CancelToken()).error().code(), kFileChanged);
}

TEST(WatchedModel, AFileThatIsReplacedByRenamingChangesNothing) {
  const ServedFile served("chat.gguf");
  auto session = served.model->open_generation_session({.context_tokens = 256, .sequences_max = 1}).value();
  std::ofstream(served.path.string() + ".new") << "another model";
  fs::rename(served.path.string() + ".new", served.path);
  EXPECT_EQ(step(*session).value(), StepOutcome::kDone);
}

TEST(WatchedModel, WeightsThatWereCopiedDoNotDependOnTheFile) {
  const ServedFile served("digits.onnx");
  EXPECT_FALSE(served.is_mapped);
  served.write("");
  auto session = served.model->open_tensor_session().value();
  const tensors::NamedTensors inputs = {
      {served.model->description().inputs.front().name, tensors::Tensor::zeros(tensors::DType::kFloat32, {1, 1, 8, 8})}};
  const auto answer = session->run(inputs, {}, CancelToken());
  EXPECT_TRUE(answer) << answer.error().to_log_string();
}

}  // namespace
}  // namespace forebay::engines

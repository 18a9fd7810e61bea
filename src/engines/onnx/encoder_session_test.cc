#include "engines/onnx/encoder_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <atomic>
#include <set>

#include "engines/errors.h"
#include "engines/testing/model_files.h"
#include "formats/onnx_graph_builder.h"
#include "text/errors.h"

namespace forebay::engines {
namespace {

using tensors::DType;
using ::testing::ElementsAre;
using Texts = std::vector<std::vector<Token>>;

constexpr std::string_view kTokenizer =
    R"({"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"one":4,"two":5,"three":6}},)"
    R"("pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]}})";

// A token's vector is (its id, its mask, its type); the sum over the row of ids is in the fourth place, so that padding shows.
std::string table_model() {
  formats::OnnxGraphBuilder model("table");
  for (const char* name : {"input_ids", "attention_mask", "token_type_ids"}) {
    model.input(name, DType::kInt64, {"batch", "tokens"}).node("Cast", {name}, {std::string(name) + "_f"}, {{"to", std::int64_t{1}}});
    model.node("Unsqueeze", {std::string(name) + "_f", "last"}, {std::string(name) + "_3"});
  }
  model.initialiser("last", tensors::Tensor::of<std::int64_t>({1}, {2}));
  model.node("Concat", {"input_ids_3", "attention_mask_3", "token_type_ids_3"}, {"last_hidden_state"}, {{"axis", std::int64_t{2}}});
  model.output("last_hidden_state", DType::kFloat32, {"batch", "tokens", 3});
  return model.build();
}

// A token's vector is (its id, the mask, the largest id of the run): texts change each other.
std::string mixing_model() {
  formats::OnnxGraphBuilder model("mixing");
  for (const char* name : {"input_ids", "attention_mask"}) {
    model.input(name, DType::kInt64, {"batch", "tokens"}).node("Cast", {name}, {std::string(name) + "_f"}, {{"to", std::int64_t{1}}});
    model.node("Unsqueeze", {std::string(name) + "_f", "last"}, {std::string(name) + "_3"});
  }
  model.initialiser("last", tensors::Tensor::of<std::int64_t>({1}, {2}));
  model.node("ReduceMax", {"input_ids_3"}, {"largest"}).node("Max", {"input_ids_3", "largest"}, {"largest_3"});
  model.node("Concat", {"input_ids_3", "attention_mask_3", "largest_3"}, {"last_hidden_state"}, {{"axis", std::int64_t{2}}});
  model.output("last_hidden_state", DType::kFloat32, {"batch", "tokens", 3});
  return model.build();
}

std::shared_ptr<LoadedModel> loaded(const ModelFolder& folder, std::string_view pooling, std::size_t threads = 2,
                                    const std::string& graph = table_model()) {
  folder.write("tokenizer.json", kTokenizer);
  std::filesystem::create_directories(folder.write("model.onnx", graph).parent_path() / "1_Pooling");
  folder.write("1_Pooling/config.json", pooling);
  folder.write("sentence_bert_config.json", R"({"max_seq_length":600})");
  auto model = load_model(folder.write("model.onnx", graph), {.threads = threads});
  EXPECT_TRUE(model) << model.error().to_log_string();
  return *model;
}

TEST(EncoderSession, TextsThatWouldChangeEachOtherRunAlone) {
  const ModelFolder folder;
  const auto model = loaded(folder, R"({"pooling_mode_mean_tokens":true})", 2, mixing_model());
  const auto session = model->open_embedding_session({}).value();
  const auto together = session->embed(Texts{{2, 3}, {5, 6}, {1, 1}}, CancelToken()).value();
  EXPECT_EQ(together[0], (std::vector<float>{2.5, 1, 3}));
  EXPECT_EQ(together[1], (std::vector<float>{5.5, 1, 6}));
  EXPECT_EQ(together[2], (std::vector<float>{1, 1, 1}));
}

TEST(EncoderSession, PoolsAsTheModelSays) {
  const std::pair<const char*, std::vector<float>> ways[] = {{R"({"pooling_mode_mean_tokens":true})", {4, 1, 0}},
                                                             {R"({"pooling_mode_cls_token":true})", {2, 1, 0}},
                                                             {R"({"pooling_mode_lasttoken":true})", {6, 1, 0}}};
  for (const auto& [config, expected] : ways) {
    const ModelFolder folder;
    const auto model = loaded(folder, config);
    const auto session = model->open_embedding_session({}).value();
    const auto vectors = session->embed(Texts{{2, 4, 6}, {2, 2, 3, 4, 9 - 4, 6, 6}}, CancelToken()).value();
    EXPECT_EQ(vectors[0], expected) << config;
  }
}

TEST(EncoderSession, TheSecondTextOfAPairHasTypeOne) {
  const ModelFolder folder;
  const auto session = loaded(folder, "{}")->open_embedding_session({}).value();
  const Texts texts{{2, 4, 3, 5}};
  const std::vector<std::uint32_t> second{3};
  EXPECT_THAT(session->embed(EmbeddingTexts(texts, second), CancelToken()).value()[0], ElementsAre(3.5F, 1.0F, 0.25F));
}

TEST(EncoderSession, TokenizesByTheFileBesideTheModel) {
  const ModelFolder folder;
  const auto model = loaded(folder, "{}");
  ASSERT_NE(model->tokenizer(), nullptr);
  EXPECT_THAT(model->tokenizer()->encode("two four", {}).value(), ElementsAre(2, 5, 1, 3));
  EXPECT_EQ(model->open_tensor_session().error().code(), kWrongKindOfModel);
  EXPECT_EQ(model->open_generation_session({}).error().code(), kWrongKindOfModel);
}

TEST(EncoderSession, RefusesTextsThatDoNotFit) {
  const ModelFolder folder;
  const auto session = loaded(folder, "{}")->open_embedding_session({}).value();
  EXPECT_EQ(session->info().text_tokens_max, 600U);
  EXPECT_EQ(session->info().batch_tokens_max, 600U);
  EXPECT_TRUE(session->embed(Texts{std::vector<Token>(600, 4)}, CancelToken()));
  EXPECT_EQ(session->embed(Texts{std::vector<Token>(601, 4)}, CancelToken()).error().code(), text::kTextTooLong);
  EXPECT_EQ(session->embed(Texts{{}}, CancelToken()).error().code(), kEmbeddingFailed);
  EXPECT_EQ(session->embed(Texts{{7}}, CancelToken()).error().code(), kEmbeddingFailed);
  const CancelToken stop;
  stop.cancel(CancelReason::kDeadline);
  EXPECT_EQ(session->embed(Texts{{4}}, stop).error().kind(), ErrorKind::kDeadlineExceeded);
}

TEST(EncoderSession, ADamagedTokenizerRefusesTheModel) {
  const ModelFolder folder;
  folder.write("tokenizer.json", "{}");
  const auto model = load_model(folder.write("model.onnx", table_model()));
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code(), text::kTokenizerInvalid);
}

TEST(EncoderRuns, HoldEveryTextOnceWithinTheirBudgetAndPadding) {
  rc::check("every text is in one run; a run of several keeps to its limits", [] {
    const auto lengths = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 300));
    const EncoderRunLimits limits{.tokens_max = *rc::gen::inRange<std::size_t>(1, 600),
                                  .padding_percent_max = *rc::gen::inRange<std::size_t>(0, 50)};
    Texts texts;
    for (const std::size_t length : lengths) texts.emplace_back(length, 1);
    std::set<std::size_t> seen;
    for (const EncoderRun& run : encoder_runs(texts, limits)) {
      std::size_t tokens = 0;
      for (const std::size_t index : run.texts) {
        RC_ASSERT(seen.insert(index).second);
        RC_ASSERT(texts[index].size() <= run.length);
        tokens += texts[index].size();
      }
      const std::size_t padded = run.texts.size() * run.length;
      RC_ASSERT(run.texts.size() == 1 || padded <= limits.tokens_max);
      RC_ASSERT((padded - tokens) * 100 <= limits.padding_percent_max * tokens);
    }
    RC_ASSERT(seen.size() == texts.size());
  });
}

TEST(RunLanes, EveryPartRunsOnceWhateverTheThreads) {
  for (const std::size_t threads : {1, 2, 5}) {
    RunLanes lanes(threads);
    for (const std::size_t parts : {0, 1, 2, 100}) {
      std::vector<std::atomic<int>> ran(parts);
      lanes.run(parts, [&](std::size_t i) { ++ran[i]; });
      for (const auto& count : ran) EXPECT_EQ(count, 1);
    }
  }
}

}  // namespace
}  // namespace forebay::engines

#include "models/catalog.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/clock.h"
#include "base/errors.h"
#include "base/testing/inline_executor.h"
#include "engines/testing/fake_engine.h"
#include "models/errors.h"
#include "telemetry/metrics.h"

namespace forebay::models {
namespace {

const std::filesystem::path kExamples = FOREBAY_EXAMPLE_MODELS;

ModelSource source(std::string name, std::string version = "1", const std::string& file = "digits.onnx") {
  return {std::move(name), std::move(version), kExamples / file};
}

// A catalog over the fake engine; real files are read for their descriptions.
class CatalogTest : public testing::Test {
 protected:
  Catalog& open(const ModelsOptions& options = {}, std::size_t budget_bytes = std::size_t{1} << 30) {
    budget_ = std::make_unique<ByteBudget>(budget_bytes);
    auto engine = std::make_unique<engines::FakeEngine>();
    control_ = &engine->control();
    Catalog::Context context{
        .clock = &clock_, .budget = budget_.get(), .metrics = &serving_metrics_, .background = &background_, .settled = [this] {
          ++settled_;
        }};
    context.engines.push_back(std::move(engine));
    catalog_ = std::make_unique<Catalog>(options, std::move(context));
    return *catalog_;
  }

  const SystemClock clock_;  // loading waits for what it measures with this clock
  InlineExecutor background_;
  telemetry::Metrics metrics_;
  telemetry::ServingMetrics serving_metrics_{metrics_};
  std::unique_ptr<ByteBudget> budget_;
  engines::FakeControl* control_ = nullptr;
  std::unique_ptr<Catalog> catalog_;
  int settled_ = 0;
};

TEST_F(CatalogTest, LeasesAModelOnceItIsLoadedAndWarm) {
  auto& catalog = open();
  ASSERT_TRUE(catalog.add({source("digits")}));
  EXPECT_TRUE(catalog.all_ready());
  EXPECT_EQ(settled_, 1);
  const auto lease = catalog.lease({.name = "digits"});
  ASSERT_TRUE(lease) << lease.error().to_log_string();
  EXPECT_EQ((*lease)->name, "digits");
  EXPECT_NE((*lease)->tensors, nullptr);
  EXPECT_EQ(control_->counters.runs, 1U) << "the warm-up";
}

TEST_F(CatalogTest, SaysTryAgainWhileAModelLoads) {
  background_.hold = true;
  auto& catalog = open();
  ASSERT_TRUE(catalog.add({source("digits")}));
  EXPECT_FALSE(catalog.all_ready());
  const auto refused = catalog.lease({.name = "digits"});
  EXPECT_EQ(refused.error().code(), kModelNotReady);
  EXPECT_TRUE(refused.error().retry_after());
  EXPECT_EQ(catalog.lease({}).error().code(), kModelNotReady);
  background_.run_all();
  EXPECT_TRUE(catalog.lease({.name = "digits"}));
}

// What failed is refused for good; while another may still become ready, to try again helps.
TEST_F(CatalogTest, SaysTryAgainAsLongAsAnythingThatCouldAnswerLoads) {
  auto& catalog = open();
  ASSERT_TRUE(catalog.add({source("bad", "2", "README.md")}));
  EXPECT_EQ(catalog.lease({}).error().code(), kModelLoadFailed);
  EXPECT_FALSE(catalog.lease({.name = "bad"}).error().retry_after());
  background_.hold = true;
  ASSERT_TRUE(catalog.add({source("bad", "1"), source("another")}));
  EXPECT_EQ(catalog.lease({.name = "bad"}).error().code(), kModelNotReady);
  EXPECT_EQ(catalog.lease({}).error().code(), kModelNotReady);
  background_.run_all();
  EXPECT_EQ((*catalog.lease({.name = "bad"}))->version, "1");
}

TEST_F(CatalogTest, AModelThatFailsToLoadFailsAlone) {
  auto& catalog = open();
  ASSERT_TRUE(catalog.add({source("good"), source("bad", "1", "README.md")}));
  EXPECT_TRUE(catalog.lease({.name = "good"}));
  EXPECT_EQ(catalog.lease({.name = "bad"}).error().code(), kModelLoadFailed);
  EXPECT_FALSE(catalog.all_ready());
  EXPECT_TRUE(catalog.settled());
  EXPECT_EQ(catalog.list().front().state, ModelState::kFailed);
  EXPECT_TRUE(catalog.list().front().error);
}

TEST_F(CatalogTest, TheLatestVersionAnswersUnlessOneIsNamed) {
  auto& catalog = open();
  ASSERT_TRUE(catalog.add({source("digits", "9"), source("digits", "10")}));
  EXPECT_EQ((*catalog.lease({.name = "digits"}))->version, "10");
  EXPECT_EQ((*catalog.lease({.name = "digits", .version = "9"}))->version, "9");
  EXPECT_EQ(catalog.lease({.name = "digits", .version = "11"}).error().code(), kVersionNotFound);
}

TEST_F(CatalogTest, AFailedNewVersionLeavesTheOldOneAnswering) {
  auto& catalog = open();
  ASSERT_TRUE(catalog.add({source("digits", "1"), source("digits", "2", "README.md")}));
  EXPECT_EQ((*catalog.lease({.name = "digits"}))->version, "1");
  EXPECT_EQ(catalog.lease({.name = "digits", .version = "2"}).error().code(), kModelLoadFailed);
}

TEST_F(CatalogTest, AnEmptyNameMeansTheOnlyModelThatCanAnswer) {
  auto& catalog = open();
  EXPECT_EQ(catalog.lease({}).error().code(), kModelNotFound);
  ASSERT_TRUE(catalog.add({source("digits")}));
  EXPECT_EQ((*catalog.lease({}))->name, "digits");
  ASSERT_TRUE(catalog.add({source("wine", "1", "wine.onnx")}));
  EXPECT_EQ(catalog.lease({}).error().code(), kModelNameNeeded);
  ASSERT_TRUE(catalog.add({source("chat", "1", "chat.gguf")}));
  EXPECT_EQ((*catalog.lease({.task = formats::Task::kTextGeneration}))->name, "chat");
  EXPECT_EQ(catalog.lease({.task = formats::Task::kEmbedding}).error().code(), kModelNotFound);
}

TEST_F(CatalogTest, WithoutANameOnlyAModelThatCouldAnswerIsNamed) {
  auto& catalog = open();
  ASSERT_TRUE(catalog.add({source("digits")}));
  control_->switches.load_fails = true;
  ASSERT_TRUE(catalog.add({source("chat", "1", "chat.gguf"), source("bad", "1", "README.md")}));
  const auto generation = catalog.lease({.task = formats::Task::kTextGeneration});
  EXPECT_EQ(generation.error().code(), kModelLoadFailed);
  EXPECT_TRUE(generation.error().message().contains("'chat'")) << generation.error().message();
  const auto reranking = catalog.lease({.task = formats::Task::kReranking});
  EXPECT_EQ(reranking.error().code(), kModelNotFound) << "'chat' does other work";
  EXPECT_EQ(reranking.error().message(), "no model for reranking is served");
  EXPECT_TRUE(reranking.error().hint().contains("'bad'")) << "its task is not known: " << reranking.error().hint();
  EXPECT_FALSE(reranking.error().hint().contains("'chat'"));
  EXPECT_EQ((*catalog.lease({.task = formats::Task::kTensors}))->name, "digits");
}

TEST_F(CatalogTest, NamesTheNearestModelAndTheWrongKindOfWork) {
  auto& catalog = open();
  ASSERT_TRUE(catalog.add({source("digits")}));
  const auto unknown = catalog.lease({.name = "digit"});
  EXPECT_EQ(unknown.error().code(), kModelNotFound);
  EXPECT_NE(unknown.error().hint().find("'digits'"), std::string_view::npos);
  EXPECT_EQ(catalog.lease({.name = "digits", .task = formats::Task::kTextGeneration}).error().code(), kWrongTask);
}

TEST_F(CatalogTest, RefusesTwinsAndMoreThanTheMaximumAsAWhole) {
  auto& catalog = open({.models_max = 2});
  EXPECT_EQ(catalog.add({source("a"), source("a")}).error().code(), kDuplicateModel);
  EXPECT_EQ(catalog.add({source("a"), source("b"), source("c")}).error().code(), kTooManyModels);
  EXPECT_TRUE(catalog.list().empty());
  ASSERT_TRUE(catalog.add({source("a"), source("b")}));
  EXPECT_EQ(catalog.add({source("a")}).error().code(), kTooManyModels);
}

TEST_F(CatalogTest, AModelBeyondTheByteBudgetIsRefusedBeforeItIsLoaded) {
  auto& catalog = open({}, 100);
  ASSERT_TRUE(catalog.add({source("digits")}));
  EXPECT_EQ(catalog.list().front().error->code(), kBudgetExhausted);
  EXPECT_EQ(control_->counters.loads, 0U);
  EXPECT_EQ(budget_->bytes_held(), 0U);
}

TEST_F(CatalogTest, AModelTakesTheMemoryThatAnothersSavedStatesHold) {
  ModelsOptions options;
  options.warm = false;
  options.generation.sequences_max = 1;
  auto& catalog = open(options);
  ASSERT_TRUE(catalog.add({source("chat", "1", "chat.gguf")}));
  const auto chat = catalog.lease({.name = "chat"});
  ASSERT_TRUE(chat) << chat.error().to_log_string();
  // Each text leaves its cells for RAM when another one begins.
  for (text::Token letter = 'a'; letter < 'k'; ++letter) {
    auto channel = (*chat)->generation->submit({.prompt = std::vector<text::Token>(200, letter), .tokens_max = 1});
    ASSERT_TRUE(channel) << channel.error().to_log_string();
    while (auto event = (*channel)->pop_until(std::chrono::steady_clock::now() + std::chrono::minutes(1))) {
      if (event->kind != scheduling::TokenEvent::Kind::kToken) break;
    }
  }
  const std::uint64_t saved = (*chat)->stats().prefix_cache.ram.bytes;
  ASSERT_GT(saved, 2'000U);
  const auto& loaded = *(*chat)->loaded;  // the fake's bytes are the same for every model
  const std::uint64_t need = loaded.weights_bytes() + loaded.tensor_session_bytes();
  const std::size_t free = budget_->bytes_max() - budget_->bytes_held();
  const auto others = budget_->reserve(free - (need - 1'000), "others");
  ASSERT_TRUE(others);
  ASSERT_TRUE(catalog.add({source("digits")}));
  EXPECT_TRUE(catalog.lease({.name = "digits"})) << "1,000 bytes are missing, and the states have them";
  EXPECT_LT((*chat)->stats().prefix_cache.ram.bytes, saved);
  EXPECT_EQ((*chat)->memory_bytes(), (*chat)->memory.bytes() + (*chat)->stats().session_bytes);
  EXPECT_GT((*chat)->stats().session_bytes, 0U);
}

TEST_F(CatalogTest, ARefusingBackgroundPoolLeavesAFailedModelAndNotAWaitingOne) {
  background_.refuse = true;
  auto& catalog = open();
  ASSERT_TRUE(catalog.add({source("digits")}));
  EXPECT_EQ(catalog.list().front().state, ModelState::kFailed);
}

TEST_F(CatalogTest, StoppingEndsAWarmUpThatRuns) {
  for (const char* file : {"digits.onnx", "chat.gguf", "embed.gguf"}) {
    auto& catalog = open();
    control_->block();
    std::jthread loading([&] { EXPECT_TRUE(catalog.add({source("model", "1", file)})); });
    control_->wait_until_blocked();
    catalog.shut_down();
    loading.join();
    EXPECT_FALSE(catalog.lease({.name = "model"})) << file;
    control_->release();
  }
}

TEST_F(CatalogTest, ALeaseKeepsItsModelWhenTheCatalogIsGone) {
  auto& catalog = open();
  ASSERT_TRUE(catalog.add({source("digits")}));
  const Lease lease = catalog.lease({.name = "digits"}).value();
  catalog_.reset();
  EXPECT_EQ(lease->description.format, formats::Format::kOnnx);
  EXPECT_GT(budget_->bytes_held(), 0U);
}

TEST_F(CatalogTest, AVersionWhoseLastLeaseEndsAfterTheCatalogIsDestroyedByThePool) {
  auto& catalog = open();
  ASSERT_TRUE(catalog.add({source("digits")}));
  Lease lease = catalog.lease({.name = "digits"}).value();
  catalog_.reset();
  background_.hold = true;
  lease = {};
  EXPECT_GT(budget_->bytes_held(), 0U);
  background_.run_all();
  EXPECT_EQ(budget_->bytes_held(), 0U);
}

TEST_F(CatalogTest, TheCatalogEndsAfterItsModelsEvenIfThePoolIsBusy) {
  auto& catalog = open();
  ASSERT_TRUE(catalog.add({source("digits")}));
  background_.hold = true;
  catalog_.reset();
  EXPECT_EQ(budget_->bytes_held(), 0U);
  background_.run_all();
}

}  // namespace
}  // namespace forebay::models

#include "inference/embedding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <future>

#include "inference/errors.h"
#include "models/testing/fake_served_model.h"
#include "scheduling/errors.h"
#include "text/errors.h"

namespace forebay::inference {
namespace {

using models::FakeServedModel;
using text::Token;

class EmbeddingService : public testing::Test {
 protected:
  Result<scheduling::EmbeddingRequest> prepared(const EmbeddingParams& params) { return prepare_embedding(call_, model_, params); }
  Result<Embeddings> embedded(const EmbeddingParams& params) {
    TRY_ASSIGN(auto request, prepared(params));
    std::promise<Result<Embeddings>> promise;
    auto result = promise.get_future();
    TRY(submit_embedding(call_, model_, std::move(request), params,
                         [&promise](Result<Embeddings> value) { promise.set_value(std::move(value)); }));
    return result.get();
  }
  std::vector<Token> tokens(std::string text, Truncation truncation) {
    return prepared({.texts = {std::move(text)}, .truncation = truncation}).value().texts.front();
  }

  FakeServedModel fake_{formats::Task::kEmbedding};
  models::ServedModel& model_ = fake_.model();
  Call call_;
};

std::vector<Token> with_start(std::string_view text) {
  std::vector<Token> tokens = {engines::kFakeBos};
  for (const Token token : engines::fake_tokens(text)) tokens.push_back(token);
  return tokens;
}

double length_of(const std::vector<float>& vector) {
  double sum = 0;
  for (const float value : vector) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

TEST_F(EmbeddingService, GivesVectorsOfUnitLengthUnlessTheyAreWantedAsTheyAre) {
  const auto raw = embedded({.texts = {"a", "b"}, .normalize = false}).value();
  EXPECT_EQ(raw.vectors[0], engines::fake_embedding(with_start("a"), 8));
  EXPECT_EQ(raw.model, "fake");
  EXPECT_EQ(raw.tokens, 4U);
  const auto unit = embedded({.texts = {"a", "b"}}).value();
  ASSERT_EQ(unit.vectors.size(), 2U);
  for (const auto& vector : unit.vectors) EXPECT_NEAR(length_of(vector), 1, 1e-6);
  EXPECT_NEAR(cosine(unit.vectors[0], unit.vectors[0]), 1, 1e-6);
  EXPECT_NEAR(raw.vectors[0][3], unit.vectors[0][3] * length_of(raw.vectors[0]), 1e-6);
}

TEST_F(EmbeddingService, KeepsTheFirstDimensionsAndNormalisesAgain) {
  const auto whole = embedded({.texts = {"a"}}).value().vectors.front();
  const auto first = embedded({.texts = {"a"}, .dimensions = 3}).value().vectors.front();
  ASSERT_EQ(first.size(), 3U);
  EXPECT_NEAR(length_of(first), 1, 1e-6);
  EXPECT_NEAR(first[0] / first[1], whole[0] / whole[1], 1e-4);
}

TEST_F(EmbeddingService, RefusesMoreDimensionsThanThereAre) {
  const EmbeddingParams params{.texts = {"a"}, .dimensions = 9, .dimensions_field = "output_dimension"};
  for (const std::uint32_t stated : {8, 0}) {  // before the run where the file states the length, else after it
    model_.description.text->embedding_length = stated;
    const auto refused = embedded(params);
    ASSERT_FALSE(refused) << stated;
    EXPECT_EQ(refused.error().code(), kFieldRange);
    EXPECT_EQ(refused.error().field(), "output_dimension");
    EXPECT_EQ(refused.error().message(), "'output_dimension' is 9, and the model's vectors have 8");
  }
}

TEST_F(EmbeddingService, PutsTheModelsPromptInFrontOfTextsAndNotOfTokens) {
  model_.description.text->prompts = {{"query", "q:"}, {"passage", "p:"}};
  model_.description.text->default_prompt = "passage";
  const auto request = prepared({.texts = {"a", std::vector<Token>{1, 2}}}).value();
  EXPECT_EQ(request.texts, (std::vector<std::vector<Token>>{with_start("p:a"), {1, 2}}));
  EXPECT_EQ(prepared({.texts = {"a"}, .prompt = "query"}).value().texts.front(), with_start("q:a"));
  EXPECT_EQ(prepared({.texts = {"a"}, .prompts = {"document", "query"}}).value().texts.front(), with_start("q:a"));
  EXPECT_EQ(prepared({.texts = {"a"}, .prompt = ""}).value().texts.front(), with_start("a"));
}

TEST_F(EmbeddingService, FindsPromptsByTheirNames) {
  EXPECT_EQ(embedding_prompt(model_, std::nullopt).value(), "");
  model_.description.text->prompts = {{"query", "query: "}, {"passage", "passage: "}};
  model_.description.text->default_prompt = "passage";
  EXPECT_EQ(embedding_prompt(model_, std::nullopt).value(), "passage: ");
  EXPECT_EQ(embedding_prompt(model_, "").value(), "");
  const auto unknown = embedding_prompt(model_, "other");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), kFieldRange);
  EXPECT_EQ(unknown.error().field(), "prompt_name");
  const std::vector<std::string> preferred = {"document", "query"};
  EXPECT_EQ(embedding_prompt(model_, std::nullopt, preferred).value(), "query: ");
  EXPECT_EQ(embedding_prompt(model_, "passage", preferred).value(), "passage: ");
  model_.description.text.reset();
  EXPECT_EQ(embedding_prompt(model_, std::nullopt).value(), "");
  EXPECT_FALSE(embedding_prompt(model_, "query"));
}

TEST_F(EmbeddingService, CutsTextsAtEitherEnd) {
  model_.sequence_tokens_max = 4;
  EXPECT_EQ(tokens("abcdef", Truncation::kEnd), with_start("abc"));
  EXPECT_EQ(tokens("abcdef", Truncation::kStart), with_start("def"));
  const EmbeddingParams listed{.texts = {std::vector<Token>{1, 2, 3, 4, 5}}, .truncation = Truncation::kStart};
  EXPECT_EQ(prepared(listed).value().texts.front(), (std::vector<Token>{2, 3, 4, 5}));
}

TEST_F(EmbeddingService, RefusesTextsThatAreTooLongWithTheirIndex) {
  model_.sequence_tokens_max = 4;
  const auto little = prepared({.texts = {"a", "abcd"}, .field = "texts"});
  ASSERT_FALSE(little);
  EXPECT_EQ(little.error().code(), text::kTextTooLong);
  EXPECT_EQ(little.error().field(), "texts[1]");
  EXPECT_EQ(little.error().message(), "This model's maximum context length is 4 tokens. However, the text has 5 tokens.");
  const auto far = prepared({.texts = {"0123456789"}});
  ASSERT_FALSE(far);
  EXPECT_EQ(far.error().field(), "input") << "the only text has no index";
  EXPECT_EQ(far.error().message(), "This model's maximum context length is 4 tokens. However, the text has more than 8 tokens.");
}

TEST_F(EmbeddingService, RefusesTokensOutsideOfTheVocabularyAndTooManyTexts) {
  const auto unknown = prepared({.texts = {"a", std::vector<Token>{engines::kFakeVocabularySize}}});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), kTokenOutOfRange);
  EXPECT_EQ(unknown.error().field(), "input[1]");
  const auto many = prepared({.texts = std::vector<TextOrTokens>(model_.embedding->request_texts_max() + 1, "a"), .field = "inputs"});
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code(), scheduling::kTooManyTexts);
  EXPECT_EQ(many.error().field(), "inputs");
}

TEST_F(EmbeddingService, NamesTheTextThatARunnerCouldNotEmbed) {
  fake_.control().switches.not_finite_token = 'x';
  const auto one = embedded({.texts = {"x"}, .field = "inputs"});
  ASSERT_FALSE(one);
  EXPECT_EQ(one.error().code(), scheduling::kVectorNotFinite);
  EXPECT_EQ(one.error().field(), "inputs");
  const auto two = embedded({.texts = {"a", "x"}, .field = "inputs"});
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().field(), "inputs[1]");
}

TEST_F(EmbeddingService, FinishesVectorsAside) {
  int asides = 0;
  call_.aside = [&asides](std::move_only_function<void()> work) {
    ++asides;
    work();
  };
  EXPECT_TRUE(embedded({.texts = {"a"}}));
  EXPECT_EQ(asides, 1);
  fake_.control().switches.not_finite_token = 'x';
  EXPECT_FALSE(embedded({.texts = {"x"}}));
  EXPECT_EQ(asides, 1) << "an error needs no work";
}

}  // namespace
}  // namespace forebay::inference

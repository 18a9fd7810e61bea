#include "engines/llama/llama_embedding_session.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/errors.h"
#include "engines/engines.h"
#include "engines/errors.h"
#include "engines/testing/example_text_models.h"
#include "text/errors.h"

namespace forebay::engines {
namespace {

double norm_of(const std::vector<float>& vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * x;
  return std::sqrt(squares);
}

TEST(LlamaEmbedding, VectorsDoNotDependOnTheCompany) {
  auto session = embedding_model().open_embedding_session({.batch_texts_max = 4, .batch_tokens_max = 64}).value();
  std::vector<std::vector<Token>> texts;
  for (std::size_t length : {3, 17, 5, 64, 1, 30, 30, 9, 12}) {
    texts.emplace_back();
    for (std::size_t i = 0; i < length; ++i) texts.back().push_back(static_cast<Token>(50 + 7 * i));
  }
  const auto together = session->embed(texts, CancelToken()).value();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto alone = session->embed(std::span(&texts[i], 1), CancelToken()).value().front();
    ASSERT_EQ(alone.size(), session->info().embedding_length);
    const double norm = norm_of(alone);
    for (std::size_t k = 0; k < alone.size(); ++k) ASSERT_NEAR(alone[k] / norm, together[i][k] / norm, 1e-5) << i;
  }
}

TEST(LlamaEmbedding, EveryPoolingGivesAnotherVectorOfTheSameLength) {
  const std::vector<std::vector<Token>> texts = {{50, 60, 70, 80}};
  std::vector<std::vector<float>> vectors;
  for (const Pooling pooling : {Pooling::kMean, Pooling::kCls, Pooling::kLast}) {
    auto session = embedding_model().open_embedding_session({.pooling = pooling}).value();
    vectors.push_back(session->embed(texts, CancelToken()).value().front());
    EXPECT_EQ(vectors.back().size(), session->info().embedding_length);
  }
  EXPECT_NE(vectors[0], vectors[1]);
  EXPECT_NE(vectors[1], vectors[2]);
  EXPECT_EQ(embedding_model().open_embedding_session({}).value()->info().pooling, "mean");
  EXPECT_EQ(embedding_model().open_embedding_session({.pooling = Pooling::kNone}).error().code(), kNoPooling);
}

TEST(LlamaEmbedding, ADecoderEmbedsToo) {
  auto session = chat_model().open_embedding_session({.batch_texts_max = 2, .batch_tokens_max = 32, .pooling = Pooling::kLast}).value();
  const std::vector<std::vector<Token>> texts = {many_tokens(20), many_tokens(3), many_tokens(20)};
  const auto vectors = session->embed(texts, CancelToken()).value();
  EXPECT_NE(vectors[0], vectors[1]);
  for (std::size_t k = 0; k < vectors[0].size(); ++k) ASSERT_NEAR(vectors[0][k], vectors[2][k], 1e-3F);
}

TEST(LlamaEmbedding, NamesTheTextThatDoesNotFit) {
  auto session = embedding_model().open_embedding_session({.batch_tokens_max = 16}).value();
  const std::vector<std::vector<Token>> fitting = {std::vector<Token>(16, 50)};
  EXPECT_TRUE(session->embed(fitting, CancelToken()));
  const std::vector<std::vector<Token>> long_one = {{50}, std::vector<Token>(17, 50)};
  const auto refused = session->embed(long_one, CancelToken());
  EXPECT_EQ(refused.error().code(), text::kTextTooLong);
  EXPECT_EQ(refused.error().field(), "input[1]");
  const std::vector<std::vector<Token>> empty = {{50}, {}};
  EXPECT_EQ(session->embed(empty, CancelToken()).error().code(), kEmbeddingFailed);
  const std::vector<std::vector<Token>> foreign = {{static_cast<Token>(session->info().vocabulary_size)}};
  EXPECT_EQ(session->embed(foreign, CancelToken()).error().code(), kEmbeddingFailed);
  CancelToken cancel;
  cancel.cancel(CancelReason::kDeadline);
  EXPECT_EQ(session->embed(fitting, cancel).error().kind(), ErrorKind::kDeadlineExceeded);
}

TEST(LlamaEmbedding, ATextNeverExceedsTheTrainedPositions) {
  const auto trained = embedding_model().description().text->context_length;
  auto session = embedding_model().open_embedding_session({.batch_tokens_max = 4 * trained}).value();
  EXPECT_EQ(session->info().text_tokens_max, trained);
  const std::vector<std::vector<Token>> long_one = {std::vector<Token>(trained + 1, 50)};
  EXPECT_EQ(session->embed(long_one, CancelToken()).error().code(), text::kTextTooLong);
}

TEST(LlamaEmbedding, OptionsTheLibraryCannotTakeAreRefused) {
  EXPECT_EQ(chat_model().open_embedding_session({}).error().code(), kNoPooling);
  EXPECT_EQ(chat_model().open_embedding_session({.pooling = Pooling::kRank}).error().code(), kSessionRefused);
  for (const EmbeddingSessionOptions& options :
       {EmbeddingSessionOptions{.batch_texts_max = 0}, EmbeddingSessionOptions{.batch_texts_max = 257},
        EmbeddingSessionOptions{.batch_tokens_max = 0}, EmbeddingSessionOptions{.batch_tokens_max = (1U << 16U) + 1}}) {
    EXPECT_EQ(embedding_model().open_embedding_session(options).error().code(), kSessionRefused);
  }
}

}  // namespace
}  // namespace forebay::engines

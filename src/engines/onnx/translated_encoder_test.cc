#include "engines/onnx/translated_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>

#include "engines/errors.h"
#include "engines/testing/model_files.h"
#include "formats/testing/gguf_writer.h"

namespace forebay::engines {
namespace {

using Texts = std::vector<std::vector<Token>>;
const std::filesystem::path kEmbed = std::filesystem::path(FOREBAY_EXAMPLE_MODELS) / "embed.gguf";

std::vector<float> unit(std::vector<float> vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * x;
  for (float& x : vector) x = static_cast<float>(x / std::sqrt(squares));
  return vector;
}

float furthest(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double product = 0;
  for (std::size_t i = 0; i < a.size(); ++i) product += static_cast<double>(a[i]) * b[i];
  return product;
}

std::shared_ptr<LoadedModel> loaded(const LoadOptions& options) {
  const auto description = formats::read_model(kEmbed).value();
  const auto engine = make_translating_engine();
  EXPECT_TRUE(engine->runs(description));
  return engine->load(kEmbed, description, options).value();
}

Texts sentences(const text::Tokenizer& tokenizer) {
  Texts texts;
  for (const char* text : {"In the beginning", "the heaven and the earth", "a", "And God said, Let there be light: and there was light.",
                           "And the LORD God planted a garden eastward in Eden; and there he put the man whom he had formed, and he slept",
                           "water", "wine and bread and oil"})
    texts.push_back(tokenizer.encode(text, {}).value());
  return texts;
}

TEST(TranslatedEncoder, GivesTheVectorsOfLibllama) {
  const auto ours = loaded({.threads = 2});
  const auto theirs = loaded({.threads = 2, .translate_encoders = false});
  const auto texts = sentences(*ours->tokenizer());
  EXPECT_EQ(texts, sentences(*theirs->tokenizer()));
  const auto vectors = ours->open_embedding_session({}).value()->embed(texts, CancelToken()).value();
  const auto expected = theirs->open_embedding_session({}).value()->embed(texts, CancelToken()).value();
  for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_LT(furthest(unit(vectors[i]), unit(expected[i])), 1e-3F) << i;
}

TEST(TranslatedEncoder, EightBitsKeepTheDirection) {
  const auto whole = loaded({.threads = 2});
  const auto small = loaded({.threads = 2, .encoder_int8 = true});
  const auto texts = sentences(*whole->tokenizer());
  const auto expected = whole->open_embedding_session({}).value()->embed(texts, CancelToken()).value();
  const auto session = small->open_embedding_session({}).value();
  const auto together = session->embed(texts, CancelToken()).value();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto alone = session->embed(std::span(&texts[i], 1), CancelToken()).value();
    EXPECT_GE(cosine(unit(alone[0]), unit(expected[i])), 0.99) << i;
    EXPECT_LT(furthest(unit(alone[0]), unit(together[i])), 1e-5F) << i;
  }
}

TEST(TranslatedEncoder, ATextHasTheSameVectorInAnyCompany) {
  const auto model = loaded({.threads = 2});
  const auto session = model->open_embedding_session({}).value();
  rc::check("alone, in a batch, and in a batch of another order", [&] {
    const auto lengths = *rc::gen::resize(20, rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 120))));
    Texts texts;
    for (const int length : lengths) {
      texts.push_back(*rc::gen::container<std::vector<Token>>(static_cast<std::size_t>(length), rc::gen::inRange<Token>(5, 2999)));
    }
    const auto together = session->embed(texts, CancelToken()).value();
    const Texts reversed(texts.rbegin(), texts.rend());
    const auto backwards = session->embed(reversed, CancelToken()).value();
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto alone = session->embed(std::span(&texts[i], 1), CancelToken()).value();
      RC_ASSERT(furthest(unit(alone[0]), unit(together[i])) < 1e-5F);
      RC_ASSERT(furthest(unit(backwards[texts.size() - 1 - i]), unit(together[i])) < 1e-5F);
    }
  });
}

TEST(TranslatedEncoder, OnlyBertEncodersThatPoolAreTranslated) {
  const auto engine = make_translating_engine();
  auto description = formats::read_model(kEmbed).value();
  EXPECT_TRUE(engine->runs(description));
  description.text->pooling = "";
  EXPECT_FALSE(engine->runs(description));
  description.text->pooling = "cls";
  description.architecture = "nomic-bert";
  EXPECT_FALSE(engine->runs(description));
  EXPECT_FALSE(engine->runs({.format = formats::Format::kOnnx}));
}

TEST(TranslatedEncoder, TheLibraryOfGgufTakesOverOnOtherBackends) {
  const auto model = loaded({.backend = "nonsense,cpu", .threads = 1});
  EXPECT_EQ(model->backend().chosen, "cpu");
  EXPECT_EQ(model->backend().passed_over.size(), 1U);
}

}  // namespace
}  // namespace forebay::engines

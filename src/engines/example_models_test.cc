// The example models of this checkout give their known answers.
#include <gtest/gtest.h>

#include <cmath>
#include <glaze/glaze.hpp>

#include "base/mapped_file.h"
#include "engines/testing/model_files.h"

namespace forebay::engines {

struct DigitCase {
  std::vector<std::vector<std::vector<float>>> image;
  std::vector<float> probabilities;
  std::int64_t label = 0;
};
struct WineCase {
  std::vector<float> features;
  std::vector<float> probabilities;
  std::int64_t label = 0;
};
struct EmbeddingCase {
  std::string text;
  std::vector<Token> ids;
  std::vector<float> vector;
};
struct TextCase {
  std::string prompt;
  std::vector<Token> prompt_ids, greedy_ids;
  std::string greedy_text;
  bool stopped = false;
};
struct TokenCase {
  std::string text;
  std::vector<Token> ids;
};
struct Expected {
  struct {
    std::vector<DigitCase> cases;
  } digits;
  struct {
    std::vector<WineCase> cases;
  } wine;
  struct {
    bool normalised = false;
    std::vector<EmbeddingCase> cases;
  } embed;
  struct {
    std::vector<TextCase> texts, chats;
    std::vector<TokenCase> tokens;
  } chat;
};

namespace {

const std::filesystem::path kModels = FOREBAY_EXAMPLE_MODELS;

const Expected& expected() {
  static const Expected kAnswers = [] {
    Expected read;
    const std::string text = read_text_file(kModels / "expected.json", 1 << 20).value();
    const auto error = glz::read<glz::opts{.error_on_unknown_keys = false}>(read, text);
    EXPECT_FALSE(error) << glz::format_error(error, text);
    return read;
  }();
  return kAnswers;
}

// The one output that is a float32 table.
const tensors::Tensor& probabilities_of(const tensors::NamedTensors& outputs) {
  for (const auto& output : outputs) {
    if (output.tensor.dtype() == tensors::DType::kFloat32) return output.tensor;
  }
  throw std::runtime_error("no probabilities");
}

void expect_near(std::span<const float> got, std::span<const float> wanted, float tolerance) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], tolerance) << i;
}

TEST(ExampleModels, ReadDigits) {
  auto model = load_model(kModels / "digits.onnx").value();
  auto session = model->open_tensor_session().value();
  ASSERT_FALSE(expected().digits.cases.empty());
  for (const DigitCase& digit : expected().digits.cases) {
    std::vector<float> pixels;
    for (const auto& plane : digit.image) {
      for (const auto& row : plane) pixels.insert(pixels.end(), row.begin(), row.end());
    }
    const auto outputs =
        session->run({{model->description().inputs.front().name, tensors::Tensor::of<float>({1, 1, 8, 8}, pixels)}}, {}, CancelToken())
            .value();
    expect_near(probabilities_of(outputs).values<float>(), digit.probabilities, 1e-4F);
  }
}

TEST(ExampleModels, TellWinesApart) {
  auto model = load_model(kModels / "wine.onnx").value();
  auto session = model->open_tensor_session().value();
  ASSERT_FALSE(expected().wine.cases.empty());
  for (const WineCase& wine : expected().wine.cases) {
    const auto outputs =
        session->run({{model->description().inputs.front().name, tensors::Tensor::of<float>({1, 13}, wine.features)}}, {}, CancelToken())
            .value();
    expect_near(probabilities_of(outputs).values<float>(), wine.probabilities, 1e-4F);
  }
}

std::vector<Token> greedy(LoadedModel& model, std::vector<Token> next, std::size_t tokens) {
  auto session = model.open_generation_session({.context_tokens = 512, .sequences_max = 1}).value();
  auto sampler = model.make_sampler({.temperature = 0}).value();
  std::vector<Token> chosen;
  while (chosen.size() < tokens) {
    const StepSlice slice{.sequence = 0, .position = session->length(0), .tokens = next, .logits = 1};
    EXPECT_EQ(session->step(std::span(&slice, 1), CancelToken()).value(), StepOutcome::kDone);
    next = {sampler->sample(session->logits(0)).value()};
    chosen.push_back(next.front());
  }
  return chosen;
}

TEST(ExampleModels, WriteTheKnownTextTokenForToken) {
  auto model = load_model(kModels / "chat.gguf").value();
  ASSERT_FALSE(expected().chat.texts.empty());
  for (const auto* cases : {&expected().chat.texts, &expected().chat.chats}) {
    for (const TextCase& text : *cases) {
      const auto prompt = model->tokenizer()->encode(text.prompt, {.add_special = true, .parse_special = true}).value();
      EXPECT_EQ(prompt, text.prompt_ids) << text.prompt;
      EXPECT_EQ(greedy(*model, prompt, text.greedy_ids.size()), text.greedy_ids) << text.prompt;
      std::string written;
      for (const Token token : text.greedy_ids) written += model->tokenizer()->piece(token, false);
      EXPECT_TRUE(written.starts_with(text.greedy_text)) << written;
    }
  }
}

TEST(ExampleModels, TokeniseAsTheirTrainerDid) {
  auto model = load_model(kModels / "chat.gguf").value();
  for (const TokenCase& one : expected().chat.tokens) {
    EXPECT_EQ(model->tokenizer()->encode(one.text, {.add_special = true, .parse_special = true}).value(), one.ids) << one.text;
  }
}

std::vector<float> normalised(std::vector<float> vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * x;
  for (float& x : vector) x = static_cast<float>(x / std::sqrt(squares));
  return vector;
}

TEST(ExampleModels, EmbedAloneAndTogether) {
  auto model = load_model(kModels / "embed.gguf").value();
  auto session = model->open_embedding_session({}).value();
  std::vector<std::vector<Token>> texts;
  for (const EmbeddingCase& one : expected().embed.cases) {
    texts.push_back(model->tokenizer()->encode(one.text, {}).value());
    EXPECT_EQ(texts.back(), one.ids) << one.text;
  }
  const auto together = session->embed(texts, CancelToken()).value();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    expect_near(normalised(together[i]), expected().embed.cases[i].vector, 1e-3F);
    expect_near(normalised(session->embed(std::span(&texts[i], 1), CancelToken()).value().front()), normalised(together[i]), 1e-5F);
  }
}

}  // namespace
}  // namespace forebay::engines

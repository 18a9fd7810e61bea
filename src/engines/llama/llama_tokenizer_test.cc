// Long texts: what cannot fit is refused before the library sees it, what is cut has the tokens of the whole.
#include "engines/llama/llama_tokenizer.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "engines/testing/model_files.h"
#include "text/errors.h"

namespace forebay::engines {
namespace {

const std::filesystem::path kModels = FOREBAY_EXAMPLE_MODELS;

class LongTexts : public ::testing::TestWithParam<const char*> {
 protected:
  const text::Tokenizer& tokenizer() {
    if (model_ == nullptr) model_ = load_model(kModels / GetParam()).value();
    return *model_->tokenizer();
  }
  static std::string words(std::size_t bytes) {
    constexpr std::string_view kWords[] = {"And ", "God said, ", "Let there ", "be light: and", " there was\n", "light. \u00e9 ", "x "};
    std::string text;
    for (std::size_t i = 0; text.size() < bytes; ++i) text += kWords[(i * i + i / 7) % std::size(kWords)];
    return text;
  }

 private:
  std::shared_ptr<LoadedModel> model_;
};

TEST_P(LongTexts, AreRefusedWhenTheyCannotFit) {
  const std::string text = words(32 << 20);
  const auto refused = tokenizer().encode(text, {.tokens_max = 128});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), text::kTextTooLong);
}

TEST_P(LongTexts, AreTakenUpToTheirLimitAndNotBeyond) {
  const std::string text = words(300 << 10);
  const auto all = tokenizer().encode(text, {});
  ASSERT_TRUE(all) << all.error().to_string();
  EXPECT_EQ(tokenizer().encode(text, {.tokens_max = all->size()}).value(), *all);
  EXPECT_FALSE(tokenizer().encode(text, {.tokens_max = all->size() - 1}));
}

// Where all of it is tokenized, the beginning of the text is what stays.
TEST_P(LongTexts, KeepTheTokensOfTheirBeginningWhenTheyAreCut) {
  const std::string text = words(1 << 20);
  const auto all = tokenizer().encode(text, {.add_special = false}).value();
  const auto cut = tokenizer().encode(text, {.add_special = false, .truncate_to = 200}).value();
  ASSERT_EQ(cut.size(), 200U);
  EXPECT_TRUE(std::equal(cut.begin(), cut.end(), all.begin()));
  const auto closed = tokenizer().encode(text, {.truncate_to = 200}).value();
  EXPECT_EQ(closed.size(), 200U);
  const auto alone = tokenizer().encode("a", {.add_special = false}).value();
  const auto framed = tokenizer().encode("a", {}).value();
  if (framed.back() != alone.back()) {
    EXPECT_EQ(closed.back(), framed.back()) << "a token at the end of every text stays";
  }
}

TEST_P(LongTexts, StopWhenTheyAreCancelled) {
  const CancelToken cancel;
  cancel.cancel(CancelReason::kDeadline);
  const auto stopped = tokenizer().encode(words(1 << 20), {.cancel = &cancel});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), kDeadlinePassed);
}

INSTANTIATE_TEST_SUITE_P(Examples, LongTexts, ::testing::Values("chat.gguf", "embed.gguf"));

}  // namespace
}  // namespace forebay::engines

#include "inference/prompts.h"

#include <gtest/gtest.h>

#include "inference/errors.h"
#include "models/testing/fake_served_model.h"
#include "scheduling/errors.h"
#include "text/errors.h"

namespace forebay::inference {
namespace {

using models::FakeServedModel;
using text::Token;
using Time = std::chrono::system_clock::time_point;

class Prompts : public testing::Test {
 protected:
  Prompts() { model_.sequence_tokens_max = 16; }
  void set_template(std::string_view source) { model_.chat_template = text::ChatTemplate::compile(source).value(); }
  Result<std::vector<Token>> chat(std::string content, const PromptRules& rules = {}, Time now = {}) {
    return chat_prompt(model_, {.messages = {{.role = "user", .content = std::move(content)}}}, rules, now);
  }

  FakeServedModel fake_{formats::Task::kTextGeneration};
  models::ServedModel& model_ = fake_.model();
};

TEST_F(Prompts, WriteTheFirstTokenOnce) {
  for (const char* source : {"{{ messages[0].content }}", "{{ bos_token }}{{ messages[0].content }}"}) {
    set_template(source);
    EXPECT_EQ(chat("x").value(), (std::vector<Token>{engines::kFakeBos, 'x'})) << source;
  }
}

TEST_F(Prompts, GiveTemplatesTheDate) {
  set_template("{{ strftime_now('%Y-%m-%d') }}");
  EXPECT_EQ(engines::fake_text(chat("x", {}, Time(std::chrono::hours(24 * 365))).value()), "1971-01-01");
}

TEST_F(Prompts, OfAChatAreRefusedAboutTheMessages) {
  set_template("{{ messages[0].content }}");
  EXPECT_EQ(chat(std::string(31, 'x')).value().size(), 32U) << "twice the context is read";
  const auto refused = chat(std::string(32, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), scheduling::kPromptTooLong);
  EXPECT_EQ(refused.error().field(), "messages");
  EXPECT_EQ(refused.error().message(), "This model's maximum context length is 16 tokens. However, the prompt has more than 32 tokens.");
  EXPECT_EQ(chat(std::string(32, 'x'), {.overflow = scheduling::Overflow::kTruncate}).value().size(), 33U);
}

TEST_F(Prompts, NameTheMessageThatIsTooLongByItself) {
  set_template("short");
  EXPECT_TRUE(chat(std::string(1 << 20, 'x')));
  EXPECT_EQ(chat(std::string((1 << 20) + 1, 'x')).error().field(), "messages[0].content");
}

TEST_F(Prompts, OfAChatNeedATemplate) {
  model_.chat_template.reset();
  EXPECT_EQ(chat("x").error().code(), kFieldNotSupported);
  model_.chat_template_error = Error(text::kTemplateSyntax, "line 1");
  EXPECT_EQ(chat("x").error().code(), text::kTemplateSyntax);
  EXPECT_EQ(chat("x").error().message(), "the chat template of model 'fake' cannot be used: line 1");
}

TEST_F(Prompts, TakePlainTextAsItIs) {
  EXPECT_EQ(plain_prompt(model_, "</s>", {.add_special = false}).value(), (std::vector<Token>{'<', '/', 's', '>'}));
  EXPECT_EQ(plain_prompt(model_, "", {.add_special = false}).value(), (std::vector<Token>{engines::kFakeBos})) << "the model's beginning";
  EXPECT_EQ(plain_prompt(model_, std::string(32, 'x'), {}).error().field(), "prompt");
}

TEST_F(Prompts, HaveTokensOfTheVocabulary) {
  EXPECT_TRUE(check_tokens(model_, {0, engines::kFakeVocabularySize - 1}, "prompt"));
  for (const Token token : {-1, engines::kFakeVocabularySize}) {
    const auto refused = check_tokens(model_, {0, token}, "prompt[1]");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), kTokenOutOfRange);
    EXPECT_EQ(refused.error().field(), "prompt[1]");
  }
  scheduling::GenerationRequest settings;
  settings.sampling.logit_bias = {{engines::kFakeVocabularySize, 1.0F}};
  EXPECT_EQ(check_settings(model_, settings).error().field(), "logit_bias");
  settings.sampling.logit_bias.clear();
  settings.stop_tokens = {-1};
  EXPECT_EQ(check_settings(model_, settings).error().field(), "stop_token_ids");
}

}  // namespace
}  // namespace forebay::inference

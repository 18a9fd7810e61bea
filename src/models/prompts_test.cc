#include "models/prompts.h"

#include <gtest/gtest.h>

#include "engines/testing/fake_tokenizer.h"

namespace forebay::models {
namespace {

using Time = std::chrono::system_clock::time_point;

class Prompts : public testing::Test {
 protected:
  Prompts() {
    model_.tokenizer = &tokenizer_;
    model_.description.text.emplace();
  }
  void set_template(std::string_view source) { model_.chat_template = text::ChatTemplate::compile(source).value(); }
  ChatText chat(Time now = {}) { return chat_text(model_, {.messages = {{.role = "user", .content = "x"}}}, now).value(); }

  engines::FakeTokenizer tokenizer_;
  ServedModel model_;
};

TEST_F(Prompts, WritesTheFirstTokenOnce) {
  for (const char* source : {"{{ messages[0].content }}", "{{ bos_token }}{{ messages[0].content }}"}) {
    set_template(source);
    const auto read = chat();
    EXPECT_EQ(tokenizer_.encode(read.text, read.options), (std::vector<text::Token>{engines::kFakeBos, 'x'})) << source;
  }
}

TEST_F(Prompts, GivesTemplatesTheDate) {
  set_template("{{ strftime_now('%Y-%m-%d') }}");
  EXPECT_EQ(chat(Time(std::chrono::hours(24 * 365))).text, "1971-01-01");
}

TEST_F(Prompts, PutsTheDefaultPromptInFrontOfTextsToEmbed) {
  EXPECT_EQ(embedding_prompt(model_, std::nullopt), "");
  model_.description.text->prompts = {{"query", "query: "}, {"passage", "passage: "}};
  model_.description.text->default_prompt = "passage";
  EXPECT_EQ(embedding_prompt(model_, std::nullopt), "passage: ");
  EXPECT_EQ(embedding_prompt(model_, "query"), "query: ");
  EXPECT_EQ(embedding_prompt(model_, ""), "");
  EXPECT_EQ(embedding_prompt(model_, "other"), std::nullopt);
  const std::vector<std::string> preferred = {"document", "query"};
  EXPECT_EQ(embedding_prompt(model_, std::nullopt, preferred), "query: ");
  EXPECT_EQ(embedding_prompt(model_, "passage", preferred), "passage: ");
  model_.description.text.reset();
  EXPECT_EQ(embedding_prompt(model_, std::nullopt), "");
  EXPECT_EQ(embedding_prompt(model_, "query"), std::nullopt);
}

TEST_F(Prompts, BringsVectorsToUnitLength) {
  std::vector<float> vector = {3, 4};
  to_unit_length(vector);
  EXPECT_FLOAT_EQ(vector[0], 0.6F);
  EXPECT_FLOAT_EQ(vector[1], 0.8F);
  std::vector<float> zeros = {0, 0};
  to_unit_length(zeros);
  EXPECT_EQ(zeros, (std::vector<float>{0, 0}));
}

}  // namespace
}  // namespace forebay::models

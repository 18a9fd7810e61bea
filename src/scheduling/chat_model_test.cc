// Continuous batching on a real model: the example model writes its known text alone and among others.
#include <gtest/gtest.h>

#include <filesystem>
#include <glaze/glaze.hpp>
#include <iterator>

#include "base/mapped_file.h"
#include "engines/testing/model_files.h"
#include "scheduling/runners.h"

namespace forebay::scheduling {

struct KnownText {
  std::vector<Token> prompt_ids;
  std::vector<Token> greedy_ids;
  bool stopped = false;   // by an end token, which greedy_ids leave out
  double margin_min = 0;  // between the best logit and the next one, over the whole text
};
struct KnownChat {
  std::vector<KnownText> texts;
  std::vector<KnownText> chats;
};
struct KnownAnswers {
  KnownChat chat;
};

namespace {

// Where two tokens are nearly as good, another batch may round to the other one.
constexpr double kMargin = 0.05;

std::vector<KnownText> known_texts() {
  const std::string json = read_text_file(std::filesystem::path(FOREBAY_EXAMPLE_MODELS) / "expected.json", 1 << 20).value();
  KnownAnswers known;
  const auto wrong = glz::read<glz::opts{.error_on_unknown_keys = false}>(known, json);
  EXPECT_FALSE(wrong) << glz::format_error(wrong, json);
  auto texts = std::move(known.chat.texts);
  std::ranges::move(known.chat.chats, std::back_inserter(texts));
  std::erase_if(texts, [](const KnownText& text) { return text.margin_min < kMargin; });
  return texts;
}

class ChatModel : public testing::Test {
 protected:
  void SetUp() override {
    // One thread: the library's own threads meet at OpenMP barriers, which the thread sanitizer cannot see.
    auto model = engines::load_model(std::filesystem::path(FOREBAY_EXAMPLE_MODELS) / "chat.gguf", {.threads = 1});
    ASSERT_TRUE(model.has_value()) << model.error().to_log_string();
    GenerationOptions options;
    options.context_tokens = 2048;
    options.threads = 1;
    auto runner = GenerationRunner::open(*model, options, {&clock_, nullptr, &budget_});
    ASSERT_TRUE(runner.has_value()) << runner.error().to_log_string();
    runner_ = *std::move(runner);
  }
  std::shared_ptr<TokenChannel> submit(const KnownText& text) {
    GenerationRequest request;
    request.prompt = text.prompt_ids;
    request.tokens_max = static_cast<std::uint32_t>(text.greedy_ids.size() + (text.stopped ? 1 : 0));
    request.sampling.temperature = 0;
    auto channel = runner_->submit(std::move(request));
    EXPECT_TRUE(channel.has_value());
    return *channel;
  }
  std::vector<Token> read(TokenChannel& channel) {
    std::vector<Token> tokens;
    while (auto event = channel.pop_until(clock_.now() + std::chrono::minutes(2))) {
      if (event->kind != TokenEvent::Kind::kToken) return tokens;
      tokens.push_back(event->token);
    }
    ADD_FAILURE() << "the stream did not end";
    return tokens;
  }

  SystemClock clock_;
  ByteBudget budget_{64 << 20};
  std::unique_ptr<GenerationRunner> runner_;
};

TEST_F(ChatModel, WritesItsKnownTextsAlone) {
  const auto texts = known_texts();
  ASSERT_FALSE(texts.empty());
  for (const KnownText& text : texts) EXPECT_EQ(read(*submit(text)), text.greedy_ids);
}

TEST_F(ChatModel, WritesItsKnownTextsAmongSevenOthers) {
  const auto texts = known_texts();
  ASSERT_FALSE(texts.empty());
  std::vector<std::shared_ptr<TokenChannel>> channels;
  for (std::size_t i = 0; i < 8; ++i) channels.push_back(submit(texts[i % texts.size()]));
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(read(*channels[i]), texts[i % texts.size()].greedy_ids);
}

}  // namespace
}  // namespace forebay::scheduling

#include "inference/generation.h"

#include <gtest/gtest.h>

#include "inference/errors.h"
#include "models/testing/fake_served_model.h"
#include "scheduling/errors.h"

namespace forebay::inference {
namespace {

class GenerationService : public testing::Test {
 protected:
  static GenerationParams params_of(std::vector<std::string_view> prompts, std::uint32_t sequences_per_prompt = 1) {
    GenerationParams params{.sequences_per_prompt = sequences_per_prompt};
    for (const auto prompt : prompts) params.prompts.push_back(engines::fake_tokens(prompt));
    params.settings.tokens_max = 2;
    return params;
  }
  scheduling::TokenEvent last_event(scheduling::TokenChannel& channel) {
    const SystemClock clock;
    while (auto event = channel.pop_until(clock.now() + std::chrono::minutes(1)))
      if (event->kind != scheduling::TokenEvent::Kind::kToken) return *std::move(event);
    ADD_FAILURE() << "the sequence did not end";
    return {};
  }

  models::FakeServedModel fake_{formats::Task::kTextGeneration};
  models::ServedModel& model_ = fake_.model();
  Call call_;
};

TEST_F(GenerationService, SubmitsEverySequenceWithASeedOfItsOwn) {
  auto params = params_of({"ab", "abcd"}, 2);
  params.settings.sampling.seed = 7;
  const auto channels = generate(call_, model_, params).value();
  ASSERT_EQ(channels.size(), 4U);
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const auto end = last_event(*channels[i]);
    EXPECT_EQ(end.usage.prompt_tokens, i < 2 ? 2U : 4U);
    EXPECT_EQ(end.seed, 7 + i % 2);
  }
}

TEST_F(GenerationService, RefusesMoreSequencesThanTheQueueTakes) {
  const auto most = static_cast<std::uint32_t>(model_.generation->queue_requests_max());
  const auto by_choices = generate(call_, model_, params_of({"a"}, most + 1));
  ASSERT_FALSE(by_choices);
  EXPECT_EQ(by_choices.error().code(), kTooManyItems);
  EXPECT_EQ(by_choices.error().field(), "n");
  EXPECT_EQ(generate(call_, model_, params_of({"a", "b"}, most)).error().field(), "prompt");
}

TEST_F(GenerationService, EndsWithTheCall) {
  EXPECT_EQ(generate(call_, model_, params_of({""})).error().code(), scheduling::kPromptEmpty);
  fake_.control().block();
  const auto channels = generate(call_, model_, params_of({"a"})).value();
  fake_.control().wait_until_blocked();
  call_.ticket.cancel.cancel(CancelReason::kClientGone);
  fake_.control().release();
  EXPECT_EQ(last_event(*channels.front()).finish_reason, scheduling::FinishReason::kCancelled);
}

}  // namespace
}  // namespace forebay::inference

#include "scheduling/sequence.h"

#include <gtest/gtest.h>

#include "scheduling/testing/generation_fixture.h"

namespace forebay::scheduling {
namespace {

using engines::fake_tokens;

// Clients mark tokens in the text by these places: they must not depend on what was held back for a stop string.
TEST(Sequence, SaysWhereEachTokensTextBeginsAlsoWhereItIsHeldBack) {
  LoopFixture fixture;
  const auto offsets = [](const Stream& stream) {
    std::vector<std::uint32_t> found;
    for (const auto& event : stream.events) {
      if (event.kind == TokenEvent::Kind::kToken) found.push_back(event.text_offset);
    }
    return found;
  };
  auto plain = request_of(fake_tokens("Once"), 20);
  const Stream undisturbed_stream = fixture.generate(plain);
  auto held = request_of(fake_tokens("Once"), 20);
  for (const Token token : undisturbed_stream.tokens) {
    if (held.stop_strings.size() < 16 && token > 0 && token < 128)
      held.stop_strings.push_back(engines::fake_text(std::vector<Token>{token}) + std::string(20, '\x01'));
  }
  ASSERT_FALSE(held.stop_strings.empty());
  const Stream held_stream = fixture.generate(held);
  ASSERT_EQ(held_stream.text, undisturbed_stream.text);
  EXPECT_EQ(offsets(held_stream), offsets(undisturbed_stream));
  EXPECT_GT(offsets(held_stream).back(), 0U);
}

TEST(Sequence, CountsTheTokensSoFarInEveryEvent) {
  LoopFixture fixture;
  const Stream stream = fixture.generate(request_of(fake_tokens("Once"), 3));
  ASSERT_EQ(stream.events.size(), 4U);
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(stream.events[i].usage.generated_tokens, i + 1);
    EXPECT_EQ(stream.events[i].usage.prompt_tokens, 4U);
  }
}

}  // namespace
}  // namespace forebay::scheduling

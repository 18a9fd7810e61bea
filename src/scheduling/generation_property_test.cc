// The numbered properties of the catalog that generation must keep, against what the model writes when nobody disturbs it.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "base/errors.h"
#include "engines/errors.h"
#include "scheduling/errors.h"
#include "scheduling/testing/generation_fixture.h"

namespace forebay::scheduling {
namespace {

using std::chrono::milliseconds;

struct Asked {
  std::vector<Token> prompt;
  std::uint32_t tokens_max = 0;
  std::optional<Instant> deadline;
  CancelToken cancel;
  bool cancelled = false;
  std::shared_ptr<TokenChannel> channel;
  Stream stream;
};

// Few letters, so that prompts share beginnings.
std::vector<Token> random_prompt() {
  const auto length = *rc::gen::inRange<std::size_t>(1, 40);
  return *rc::gen::container<std::vector<Token>>(length, rc::gen::element<Token>('a', 'a', 'a', 'b'));
}

GenerationOptions random_options() {
  GenerationOptions options;
  options.sequences_max = static_cast<std::uint32_t>(*rc::gen::inRange(1, 7));
  options.context_tokens = static_cast<std::uint32_t>(*rc::gen::inRange(120, 600));
  options.step_tokens_max = static_cast<std::uint32_t>(*rc::gen::inRange(1, 60));
  options.cells = *rc::gen::element<std::string>("unified", "separate");
  if (options.cells == "separate") options.context_tokens = 120 * options.sequences_max;
  options.cache.idle_cells_max = static_cast<std::uint32_t>(*rc::gen::inRange(0, 600));
  options.prompt_chunk_tokens_min = static_cast<std::uint32_t>(*rc::gen::inRange(1, 20));
  return options;
}

Asked submit_random(LoopFixture& fixture) {
  Asked asked;
  asked.prompt = random_prompt();
  asked.tokens_max = static_cast<std::uint32_t>(*rc::gen::inRange(1, 40));
  auto request = request_of(asked.prompt, asked.tokens_max);
  request.ticket.cancel = asked.cancel;
  request.ticket.priority = *rc::gen::element(Priority::kHigh, Priority::kNormal, Priority::kLow);
  request.ticket.client = *rc::gen::element<std::string>("a", "b");
  asked.channel = fixture.submit(std::move(request));
  return asked;
}

void read_all(std::vector<Asked>& asked) {
  for (Asked& one : asked) one.stream.read(*one.channel);
}

// One end and nothing after it, no more tokens than asked, and exactly the text of the undisturbed model as far as it goes.
void check_stream(const Asked& one) {
  RC_ASSERT(one.stream.ends == 1U);
  RC_ASSERT(one.stream.ended_last);
  RC_ASSERT(one.stream.tokens.size() <= one.tokens_max);
  RC_ASSERT(one.stream.tokens == undisturbed(one.prompt, one.stream.tokens.size()));
  RC_ASSERT(one.stream.end().usage.cached_prompt_tokens < std::max<std::size_t>(1, one.prompt.size()));
}

TEST(Property03, NobodyGetsMoreTokensThanAskedAndEverybodyGetsAllOfThem) {
  EXPECT_TRUE(rc::check("token limits", [] {
    LoopFixture fixture(random_options());
    std::vector<Asked> asked;
    const int requests = *rc::gen::inRange(1, 12);
    for (int i = 0; i < requests; ++i) {
      asked.push_back(submit_random(fixture));
      if (*rc::gen::arbitrary<bool>()) fixture.run_once();
    }
    RC_ASSERT(fixture.run());
    read_all(asked);
    for (const Asked& one : asked) {
      check_stream(one);
      RC_ASSERT(one.stream.finished_with(FinishReason::kLength));
      RC_ASSERT(one.stream.tokens.size() == one.tokens_max);
    }
    RC_ASSERT(fixture.engine.control().counters.bad_steps == 0U);
  }));
}

TEST(Property13, TokenEventsCarryOneTokenEachAndTheirTextsMakeTheText) {
  EXPECT_TRUE(rc::check("token event shape", [] {
    LoopFixture fixture(random_options());
    std::vector<Asked> asked{submit_random(fixture), submit_random(fixture)};
    RC_ASSERT(fixture.run());
    read_all(asked);
    for (const Asked& one : asked) {
      for (std::size_t i = 0; i + 1 < one.stream.events.size(); ++i) {
        const TokenEvent& event = one.stream.events[i];
        RC_ASSERT(event.kind == TokenEvent::Kind::kToken);
        RC_ASSERT(event.token >= 0);
        RC_ASSERT(!event.error.has_value());
      }
      RC_ASSERT(one.stream.text == engines::fake_text(one.stream.tokens));
    }
  }));
}

TEST(Property14, TheCompletionEventTellsReasonAndUsage) {
  EXPECT_TRUE(rc::check("completion event", [] {
    LoopFixture fixture(random_options());
    std::vector<Asked> asked{submit_random(fixture)};
    RC_ASSERT(fixture.run());
    read_all(asked);
    const TokenEvent& end = asked[0].stream.end();
    RC_ASSERT(end.kind == TokenEvent::Kind::kFinished);
    RC_ASSERT(end.finish_reason == FinishReason::kLength);
    RC_ASSERT(end.usage.prompt_tokens == asked[0].prompt.size());
    RC_ASSERT(end.usage.generated_tokens == asked[0].stream.tokens.size());
    RC_ASSERT(!end.error.has_value());
  }));
}

TEST(Property15, AnErrorEventCarriesItsErrorAndEndsTheStream) {
  EXPECT_TRUE(rc::check("error event", [] {
    LoopFixture fixture(random_options());
    fixture.engine.control().switches.step_fails_at = static_cast<std::uint64_t>(*rc::gen::inRange(1, 10));
    std::vector<Asked> asked{submit_random(fixture)};
    RC_ASSERT(fixture.run());
    read_all(asked);
    check_stream(asked[0]);
    const TokenEvent& end = asked[0].stream.end();
    RC_ASSERT((end.kind == TokenEvent::Kind::kFailed) == end.error.has_value());
    if (end.error) {
      RC_ASSERT(end.finish_reason == FinishReason::kError);
      RC_ASSERT(end.error->code() == engines::kStepFailed);
    }
  }));
}

TEST(Property21, EveryRequestIsAnsweredOnceWhateverHappensToTheOthers) {
  EXPECT_TRUE(rc::check("cancels, cells that run out, failing and aborted steps", [] {
    LoopFixture fixture(random_options());
    auto& switches = fixture.engine.control().switches;
    switches.cells_max = *rc::gen::inRange(100, 300);
    switches.abort_keeps_half = *rc::gen::arbitrary<bool>();
    std::vector<Asked> asked;
    const int actions = *rc::gen::inRange(1, 60);
    for (int i = 0; i < actions; ++i) {
      const int action = *rc::gen::inRange(0, 10);
      if (action < 3)
        asked.push_back(submit_random(fixture));
      else if (action < 4 && !asked.empty()) {
        Asked& one = asked[*rc::gen::inRange<std::size_t>(0, asked.size())];
        one.cancelled = true;
        one.cancel.cancel(CancelReason::kClientGone);
      } else if (action < 5) {
        switches.step_fails_at = fixture.engine.control().counters.steps + 1;
      } else {
        fixture.run_once();
      }
      fixture.clock.advance(milliseconds(1));
    }
    RC_ASSERT(fixture.run());
    read_all(asked);
    for (const Asked& one : asked) {
      check_stream(one);
      const bool complete = one.stream.finished_with(FinishReason::kLength) && one.stream.tokens.size() == one.tokens_max;
      RC_ASSERT(complete || one.cancelled || one.stream.failed_with(engines::kStepFailed));
    }
    RC_ASSERT(fixture.engine.control().counters.bad_steps == 0U);
    RC_ASSERT(fixture.loop->running() == 0U);
    RC_ASSERT(fixture.loop->parked() == 0U);
    // All that is left are the states of finished texts.
    RC_ASSERT(fixture.budget.bytes_held() == fixture.saved.stats().bytes);
    // Every cell is there again: a request that needs nearly all of them is served.
    switches.step_fails_at = 0;
    const auto context = fixture.loop->session().info().sequence_tokens_max;
    const auto cells = std::min<std::uint32_t>(context, static_cast<std::uint32_t>(switches.cells_max.load()));
    const Stream last = fixture.generate(request_of(std::vector<Token>(50, 'z'), cells - 50));
    RC_ASSERT(last.finished_with(FinishReason::kLength));
  }));
}

TEST(Property22, AFailingStepHarmsOnlyTheSequenceThatFailsAlone) {
  EXPECT_TRUE(rc::check("a failing request fails alone", [] {
    auto options = random_options();
    options.sequences_max = 6;
    options.context_tokens = 600;
    options.step_tokens_max = 60;
    LoopFixture fixture(options);
    std::vector<Asked> asked;
    for (int i = 0; i < 4; ++i) asked.push_back(submit_random(fixture));
    const int before = *rc::gen::inRange(0, 10);
    for (int i = 0; i < before; ++i) fixture.run_once();
    const bool several = fixture.loop->running() > 1;
    fixture.engine.control().switches.step_fails_at = fixture.engine.control().counters.steps + 1;
    RC_ASSERT(fixture.run());
    read_all(asked);
    std::size_t failed = 0;
    for (const Asked& one : asked) {
      check_stream(one);
      failed += one.stream.failed_with(engines::kStepFailed);
    }
    // A step of several is taken apart, and this fault does not come back.
    if (several) RC_ASSERT(failed <= 1U);
  }));
}

TEST(Property22, AFailingSamplerEndsEveryOneItFailsForAndTheLoopGoesOn) {
  LoopFixture fixture;
  fixture.engine.control().switches.sampling_fails = true;
  EXPECT_TRUE(fixture.generate(request_of({'a'}, 5)).failed_with(engines::kSamplingFailed));
  fixture.engine.control().switches.sampling_fails = false;
  EXPECT_EQ(fixture.generate(request_of({'a'}, 5)).tokens, undisturbed({'a'}, 5));
}

}  // namespace
}  // namespace forebay::scheduling

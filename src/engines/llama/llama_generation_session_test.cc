#include "engines/llama/llama_generation_session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <thread>

#include "base/errors.h"
#include "engines/errors.h"
#include "engines/findings.h"
#include "engines/llama/llama_engine.h"
#include "engines/testing/example_text_models.h"
#include "engines/testing/model_files.h"
#include "formats/testing/gguf_writer.h"
#include "text/errors.h"

namespace forebay::engines {
namespace {

const std::filesystem::path kModels = FOREBAY_EXAMPLE_MODELS;

std::unique_ptr<GenerationSession> open(const GenerationSessionOptions& options = {.context_tokens = 1024, .sequences_max = 4}) {
  return chat_model().open_generation_session(options).value();
}

std::vector<Token> tokens_of(std::string_view text) { return chat_model().tokenizer()->encode(text, {}).value(); }

Result<StepOutcome> feed(GenerationSession& session, SequenceId sequence, const std::vector<Token>& tokens, const CancelToken& abort = {}) {
  const StepSlice slice{.sequence = sequence, .position = session.length(sequence), .tokens = tokens, .logits = 1};
  return session.step(std::span(&slice, 1), abort);
}

Token best(std::span<const float> logits) { return static_cast<Token>(std::ranges::max_element(logits) - logits.begin()); }

std::vector<Token> greedy(GenerationSession& session, SequenceId sequence, std::vector<Token> next, std::size_t count) {
  std::vector<Token> chosen;
  while (chosen.size() < count) {
    EXPECT_EQ(feed(session, sequence, next).value(), StepOutcome::kDone);
    next = {best(session.logits(0))};
    chosen.push_back(next.front());
  }
  return chosen;
}

TEST(LlamaGenerationSession, SequencesInOneStepWriteWhatTheyWriteAlone) {
  const std::vector<std::vector<Token>> prompts = {tokens_of("In the beginning"), tokens_of("And the king said"), tokens_of("Blessed are")};
  auto alone = open();
  std::vector<std::vector<Token>> expected;
  for (const auto& prompt : prompts) {
    expected.push_back(greedy(*alone, 0, prompt, 12));
    EXPECT_TRUE(alone->trim(0, 0));
  }
  auto together = open();
  std::vector<std::vector<Token>> next = prompts;
  std::vector<std::vector<Token>> written(prompts.size());
  while (written.front().size() < 12) {
    std::vector<StepSlice> slices;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const auto sequence = static_cast<SequenceId>(i);
      slices.push_back({.sequence = sequence, .position = together->length(sequence), .tokens = next[i], .logits = 1});
    }
    ASSERT_EQ(together->step(slices, CancelToken()).value(), StepOutcome::kDone);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      next[i] = {best(together->logits(i))};
      written[i].push_back(next[i].front());
    }
  }
  EXPECT_EQ(written, expected);
}

TEST(LlamaGenerationSession, APromptInChunksIsTheSamePrompt) {
  const auto prompt = tokens_of("And it came to pass in those days that the king went up");
  auto whole = open();
  const auto expected = greedy(*whole, 0, prompt, 8);
  auto chunked = open();
  for (std::size_t i = 0; i + 1 < prompt.size(); ++i) {
    const StepSlice slice{.sequence = 2, .position = chunked->length(2), .tokens = std::span(prompt).subspan(i, 1)};
    ASSERT_EQ(chunked->step(std::span(&slice, 1), CancelToken()).value(), StepOutcome::kDone);
    EXPECT_TRUE(chunked->logits(0).empty());
  }
  EXPECT_EQ(greedy(*chunked, 2, {prompt.back()}, 8), expected);
}

TEST(LlamaGenerationSession, SeveralTokensOfOneSliceHaveTheLogitsOfTokensFedOneByOne) {
  const auto prompt = tokens_of("And it came to pass in those days");
  auto single = open();
  std::vector<Token> expected;
  for (const Token token : prompt) {
    ASSERT_EQ(feed(*single, 0, {token}).value(), StepOutcome::kDone);
    expected.push_back(best(single->logits(0)));
  }
  auto session = open({.context_tokens = 1024, .sequences_max = 4, .step_logits_max = 32});
  EXPECT_EQ(session->info().step_logits_max, 32U);
  ASSERT_EQ(feed(*session, 1, {prompt.front()}).value(), StepOutcome::kDone);
  const auto rest = std::span(prompt).subspan(1);
  const std::vector<StepSlice> slices = {
      {.sequence = 2, .position = 0, .tokens = prompt, .logits = 2},
      {.sequence = 1, .position = 1, .tokens = rest, .logits = static_cast<std::uint32_t>(rest.size())},
      {.sequence = 0, .position = 0, .tokens = prompt},
  };
  ASSERT_EQ(session->step(slices, CancelToken()).value(), StepOutcome::kDone);
  for (std::size_t row = 0; row < rest.size(); ++row) EXPECT_EQ(best(session->logits(1, row)), expected[row + 1]) << row;
  EXPECT_EQ(best(session->logits(0, 0)), expected[prompt.size() - 2]);
  EXPECT_EQ(best(session->logits(0, 1)), expected[prompt.size() - 1]);
  EXPECT_TRUE(session->logits(0, 2).empty());
  EXPECT_TRUE(session->logits(2, 0).empty());
  EXPECT_TRUE(session->logits(3, 0).empty());
}

TEST(LlamaGenerationSession, AStepThatBreaksAPromiseIsABadStepAndChangesNothing) {
  auto session = open({.context_tokens = 512, .sequences_max = 2, .step_tokens_max = 4});
  const std::vector<Token> tokens = {10, 11, 12};
  const std::vector<Token> foreign = {static_cast<Token>(session->info().vocabulary_size)};
  const std::vector<Token> negative = {-1};
  const std::vector<std::vector<StepSlice>> wrong = {
      {},
      {{.sequence = 0, .position = 1, .tokens = tokens}},
      {{.sequence = 2, .position = 0, .tokens = tokens}},
      {{.sequence = -1, .position = 0, .tokens = tokens}},
      {{.sequence = 0, .position = 0, .tokens = {}}},
      {{.sequence = 0, .position = 0, .tokens = foreign}},
      {{.sequence = 0, .position = 0, .tokens = negative}},
      {{.sequence = 0, .position = 0, .tokens = tokens, .logits = 4}},
      {{.sequence = 0, .position = 0, .tokens = tokens, .logits = 3}},  // more than one for each sequence
      {{.sequence = 0, .position = 0, .tokens = std::span(tokens).first(1)},
       {.sequence = 0, .position = 0, .tokens = std::span(tokens).first(1)}},
      {{.sequence = 0, .position = 0, .tokens = tokens}, {.sequence = 1, .position = 0, .tokens = tokens}},
  };
  for (const auto& slices : wrong) {
    const auto outcome = session->step(slices, CancelToken());
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code(), kBadStep) << outcome.error().message();
  }
  EXPECT_EQ(session->cells_used(), 0U);
  EXPECT_EQ(feed(*session, 0, tokens).value(), StepOutcome::kDone);
}

TEST(LlamaGenerationSession, WithoutCellsNothingIsComputedAndOthersGoOn) {
  auto session = open({.context_tokens = 256, .sequences_max = 2, .step_tokens_max = 256});
  const auto total = session->info().context_tokens;
  const auto prompt = tokens_of("In the beginning");
  ASSERT_EQ(feed(*session, 0, prompt).value(), StepOutcome::kDone);
  ASSERT_EQ(feed(*session, 1, many_tokens(total - prompt.size())).value(), StepOutcome::kDone);
  EXPECT_EQ(session->cells_used(), total);
  EXPECT_EQ(feed(*session, 0, {best(session->logits(0))}).value(), StepOutcome::kNoCells);
  EXPECT_EQ(session->length(0), static_cast<std::int32_t>(prompt.size()));
  EXPECT_TRUE(session->trim(1, 0));
  auto fresh = open();
  EXPECT_TRUE(session->trim(0, static_cast<std::int32_t>(prompt.size()) - 1));
  EXPECT_EQ(greedy(*session, 0, {prompt.back()}, 8), greedy(*fresh, 0, prompt, 8));
}

TEST(LlamaGenerationSession, ASequenceEndsAtItsOwnMaximum) {
  auto session = open({.context_tokens = 1024, .sequences_max = 4, .step_tokens_max = 512, .layout = CacheLayout::kPerSequence});
  const auto own = session->info().sequence_tokens_max;
  EXPECT_EQ(own, session->info().context_tokens / 4);
  ASSERT_EQ(feed(*session, 0, many_tokens(own)).value(), StepOutcome::kDone);
  EXPECT_EQ(feed(*session, 0, {10}).value(), StepOutcome::kNoCells);
  EXPECT_EQ(feed(*session, 1, {10}).value(), StepOutcome::kDone);
}

TEST(LlamaGenerationSession, SharedPrefixesContinueAsTheirOwn) {
  for (const bool unified : {true, false}) {
    auto session =
        open({.context_tokens = 1024, .sequences_max = 4, .layout = unified ? CacheLayout::kUnified : CacheLayout::kPerSequence});
    const auto prompt = tokens_of("And it came to pass in those days");
    const auto half = static_cast<std::int32_t>(prompt.size() / 2);
    const auto expected = greedy(*session, 0, prompt, 8);
    ASSERT_TRUE(session->share(0, 1, half));
    EXPECT_EQ(session->length(1), half);
    const std::uint32_t copied = unified ? 0 : static_cast<std::uint32_t>(half);
    EXPECT_EQ(session->cells_used(), static_cast<std::uint32_t>(session->length(0)) + copied);
    const std::vector<Token> rest(prompt.begin() + half, prompt.end());
    EXPECT_EQ(greedy(*session, 1, rest, 8), expected) << unified;
    EXPECT_TRUE(session->trim(0, 0));
    EXPECT_EQ(session->cells_used(), static_cast<std::uint32_t>(session->length(1)));
  }
}

TEST(LlamaGenerationSession, SharesThatCannotBeAreRefused) {
  auto session = open();
  ASSERT_EQ(feed(*session, 0, {10, 11}).value(), StepOutcome::kDone);
  ASSERT_EQ(feed(*session, 1, {10}).value(), StepOutcome::kDone);
  for (const auto& [from, to, tokens] :
       std::vector<std::tuple<int, int, int>>{{0, 0, 1}, {0, 1, 1}, {0, 2, 3}, {0, 2, 0}, {0, 4, 1}, {-1, 2, 1}}) {
    const auto refused = session->share(from, to, tokens);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), kShareRefused);
  }
}

TEST(LlamaGenerationSession, ASavedStateContinuesTokenForTokenAlsoInAnotherSession) {
  auto session = open();
  const auto prompt = tokens_of("And the king said unto");
  ASSERT_EQ(feed(*session, 0, prompt).value(), StepOutcome::kDone);
  const auto state = session->save(0).value();
  const std::vector<Token> next = {best(session->logits(0))};
  const auto expected = greedy(*session, 0, next, 8);

  auto other = open();
  const auto length = static_cast<std::int32_t>(prompt.size());
  ASSERT_TRUE(other->restore(3, state, length));
  EXPECT_EQ(other->length(3), length);
  EXPECT_EQ(greedy(*other, 3, next, 8), expected);

  EXPECT_EQ(other->restore(3, state, length).error().code(), kStateRefused) << "not empty";
  EXPECT_EQ(other->restore(0, state, length + 1).error().code(), kStateRefused) << "another length";
  EXPECT_EQ(other->restore(0, std::span(state).first(state.size() / 2), length).error().code(), kStateRefused) << "cut short";
  EXPECT_EQ(other->restore(0, {}, length).error().code(), kStateRefused);
  EXPECT_EQ(other->length(0), 0);
  EXPECT_EQ(other->save(0).error().code(), kStateRefused) << "nothing to save";
  EXPECT_EQ(greedy(*other, 0, prompt, 1), next) << "refused states leave nothing behind";
}

TEST(LlamaGenerationSession, TrimmingGoesBackExactly) {
  auto session = open();
  const auto prompt = tokens_of("And the king said unto");
  const auto expected = greedy(*session, 0, prompt, 8);
  EXPECT_FALSE(session->trim(0, session->length(0) + 1));
  EXPECT_FALSE(session->trim(0, -1));
  EXPECT_FALSE(session->trim(9, 0));
  EXPECT_TRUE(session->trim(0, session->length(0)));
  EXPECT_TRUE(session->trim(0, static_cast<std::int32_t>(prompt.size()) - 1));
  EXPECT_EQ(greedy(*session, 0, {prompt.back()}, 8), expected);
}

TEST(LlamaGenerationSession, CancellingReachesTheLibraryInsideAStep) {
  auto session = open({.context_tokens = 8192, .sequences_max = 2, .step_tokens_max = 4096});
  const auto prompt = tokens_of("In the beginning");
  ASSERT_EQ(feed(*session, 0, prompt).value(), StepOutcome::kDone);
  const CancelToken cancel;
  std::promise<void> inside;
  std::thread canceller([&] {
    inside.get_future().wait();
    cancel.cancel(CancelReason::kClientGone);
  });
  const auto tokens = many_tokens(4000);  // some seconds of work with sanitizers
  inside.set_value();
  const auto outcome = feed(*session, 1, tokens, cancel);
  canceller.join();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(*outcome, StepOutcome::kAborted);
  EXPECT_EQ(session->cells_used(), static_cast<std::uint32_t>(session->length(0) + session->length(1)));
  EXPECT_TRUE(session->trim(1, 0));
  auto fresh = open();
  ASSERT_TRUE(session->trim(0, static_cast<std::int32_t>(prompt.size()) - 1));
  EXPECT_EQ(greedy(*session, 0, {prompt.back()}, 8), greedy(*fresh, 0, prompt, 8)) << "the other sequence is as it was";
  EXPECT_EQ(feed(*session, 1, prompt, cancel).value(), StepOutcome::kAborted) << "cancelled before it began";
}

TEST(LlamaGenerationSession, TellsWhatWasReallyOpened) {
  auto session = open({.sequences_max = 2});
  const GenerationSessionInfo& info = session->info();
  EXPECT_EQ(info.sequences_max, 2U);
  EXPECT_EQ(info.vocabulary_size, static_cast<std::uint32_t>(chat_model().tokenizer()->vocabulary_size()));
  EXPECT_EQ(info.sequence_tokens_max, chat_model().description().text->context_length);
  EXPECT_GE(info.context_tokens, info.sequence_tokens_max);
  EXPECT_TRUE(info.can_trim);
  EXPECT_TRUE(info.can_share);
  EXPECT_GT(chat_model().weights_bytes(), 1'000'000U);
  const auto bytes_for = [](std::uint32_t sequences) {
    return chat_model().generation_session_bytes(GenerationSessionOptions{.sequences_max = sequences});
  };
  EXPECT_GT(bytes_for(4), bytes_for(2));
}

TEST(LlamaGenerationSession, OptionsTheLibraryCannotTakeAreRefused) {
  for (const GenerationSessionOptions& options :
       {GenerationSessionOptions{.sequences_max = 0}, GenerationSessionOptions{.sequences_max = 257},
        GenerationSessionOptions{.step_tokens_max = 0}, GenerationSessionOptions{.step_tokens_max = (1U << 16U) + 1}}) {
    EXPECT_EQ(chat_model().open_generation_session(options).error().code(), kSessionRefused);
  }
  EXPECT_TRUE(chat_model().open_generation_session({.context_tokens = 512, .sequences_max = 256}));
  EXPECT_EQ(chat_model().open_tensor_session().error().code(), kWrongKindOfModel);
  EXPECT_EQ(embedding_model().open_generation_session({}).error().code(), kWrongKindOfModel);
}

TEST(LlamaGenerationSession, AdaptersThatDoNotLoadAreRefused) {
  auto session = open();
  const ModelFolder folder;
  const auto broken = folder.write("a.gguf", "no adapter");
  const std::vector<GenerationSession::Adapter> missing = {{.path = "/nonexistent/adapter.gguf"}};
  const std::vector<GenerationSession::Adapter> wrong = {{.path = broken.string()}};
  EXPECT_EQ(session->set_adapters(missing).error().code(), kAdapterRefused);
  EXPECT_EQ(session->set_adapters(wrong).error().code(), kAdapterRefused);
  EXPECT_TRUE(session->set_adapters({}));
}

TEST(LlamaEngine, RefusesFilesWithoutWeightsAndFilesTheLibraryRefuses) {
  LlamaEngine engine;
  formats::ModelDescription vocabulary{.format = formats::Format::kGguf, .text = formats::TextSpec{.has_tensors = false}};
  EXPECT_TRUE(engine.runs(vocabulary));
  EXPECT_EQ(engine.load("/nonexistent", vocabulary, {}).error().code(), kNoWeights);
  const ModelFolder folder;
  const auto path = folder.write("a.gguf", "GGUF and then nothing");
  const auto refused = engine.load(path, chat_model().description(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), kModelRefused);
  EXPECT_FALSE(refused.error().message().contains(path.parent_path().string())) << refused.error().message();
  EXPECT_EQ(engine.load(path, {.format = formats::Format::kGguf}, {}).error().code(), kModelRefused);
}

TEST(LlamaEngine, ReportsBackendsProgressAndStops) {
  LlamaEngine engine;
  const auto path = kModels / "chat.gguf";
  const auto& description = chat_model().description();
  EXPECT_EQ(chat_model().backend().chosen, "cpu");
  EXPECT_EQ(engine.load(path, description, {.backend = "nonsense"}).error().code(), kBackendUnavailable);
  const auto passed = engine.load(path, description, {.backend = "nonsense,cpu"}).value()->backend().passed_over;
  EXPECT_EQ(passed, std::vector<std::string>{"nonsense: libllama found no such backend on this machine"});
  std::vector<float> shares;
  ASSERT_TRUE(engine.load(path, description, {.progress = [&](float share) {
                            shares.push_back(share);
                            return true;
                          }}));
  EXPECT_TRUE(std::ranges::is_sorted(shares));
  EXPECT_EQ(shares.back(), 1.0F);
  EXPECT_EQ(engine.load(path, description, {.progress = [](float) { return false; }}).error().code(), kCancelledByCaller);
  const auto devices = engine.devices();
  EXPECT_TRUE(std::ranges::any_of(devices, [](const Device& device) { return device.backend == "cpu" && device.usable; }));
  EXPECT_FALSE(std::ranges::any_of(devices, [](const Device& device) { return device.backend == "blas"; }));
}

TEST(EnvironmentFindings, AreEmptyWithThePackagesWeList) { EXPECT_TRUE(environment_findings().empty()); }

TEST(LlamaTokenizer, TakesControlTokensOnlyWhenAskedAndRefusesBadText) {
  const text::Tokenizer& tokenizer = *chat_model().tokenizer();
  const auto control = tokenizer.encode("<|im_end|>", {.add_special = false, .parse_special = true}).value();
  ASSERT_EQ(control.size(), 1U);
  EXPECT_GT(tokenizer.encode("<|im_end|>", {.add_special = false}).value().size(), 1U);
  EXPECT_TRUE(tokenizer.ends_generation(control.front()));
  EXPECT_FALSE(tokenizer.ends_generation(-1));
  EXPECT_FALSE(tokenizer.ends_generation(tokenizer.vocabulary_size()));
  EXPECT_EQ(tokenizer.piece(control.front(), false), "");
  EXPECT_EQ(tokenizer.piece(control.front(), true), "<|im_end|>");
  EXPECT_EQ(tokenizer.piece(-1, true), "");
  EXPECT_EQ(tokenizer.piece(tokenizer.vocabulary_size(), true), "");
  EXPECT_EQ(tokenizer.encode("\xff", {}).error().code(), text::kInvalidUtf8);
  const auto tokens = tokenizer.encode("In the beginning", {}).value();
  EXPECT_TRUE(tokenizer.encode("In the beginning", {.tokens_max = tokens.size()}));
  EXPECT_EQ(tokenizer.encode("In the beginning", {.tokens_max = tokens.size() - 1}).error().code(), text::kTextTooLong);
  EXPECT_FALSE(tokenizer.eos_text().empty());
}

TEST(LlamaTokenizer, GivesBackTheBytesOfAnyText) {
  const text::Tokenizer& tokenizer = *chat_model().tokenizer();
  for (const std::string text : {"In the beginning", "  spaces  ", "grüße, 世界 🙂", "line\nbreak\ttab", "zero"}) {
    std::string bytes;
    for (const Token token : tokenizer.encode(text, {.add_special = false}).value()) bytes += tokenizer.piece(token, false);
    EXPECT_EQ(bytes, text);
  }
}

TEST(LlamaTokenizer, CutsATextBeforeItsLastSpecialToken) {
  const auto& tokenizer = *embedding_model().tokenizer();
  const auto whole = tokenizer.encode("In the beginning God created the heaven and the earth", {}).value();
  const auto cut = tokenizer.encode("In the beginning God created the heaven and the earth", {.truncate_to = 5}).value();
  ASSERT_EQ(cut.size(), 5U);
  EXPECT_TRUE(std::equal(cut.begin(), cut.end() - 1, whole.begin()));
  EXPECT_EQ(cut.back(), whole.back());
}

TEST(LlamaTokenizer, APairHasOneSeparatorBetweenItsTextsAndOneBehind) {
  const auto& tokenizer = *embedding_model().tokenizer();
  const auto first = tokenizer.encode("the light", {}).value();
  const auto second = tokenizer.encode("the day", {.add_special = false}).value();
  const auto pair = tokenizer.encode_pair("the light", "the day", {}).value();
  std::vector<Token> expected = first;
  expected.insert(expected.end(), second.begin(), second.end());
  expected.push_back(first.back());
  EXPECT_EQ(pair.tokens, expected);
  EXPECT_EQ(pair.second_from, first.size());
  EXPECT_EQ(tokenizer.encode_pair("the light", "the day and the night", {.truncate_to = 6}).value().tokens.size(), 6U);
}

}  // namespace
}  // namespace forebay::engines

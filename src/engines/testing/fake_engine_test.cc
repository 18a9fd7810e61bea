#include "engines/testing/fake_engine.h"

#include <gtest/gtest.h>

#include <thread>

#include "engines/errors.h"
#include "text/errors.h"

namespace forebay::engines {
namespace {

using formats::Task;

struct Opened {
  std::shared_ptr<LoadedModel> model;
  std::unique_ptr<GenerationSession> session;
};

Opened open(FakeEngine& engine, const GenerationSessionOptions& options) {
  auto model = engine.load("", fake_description(Task::kTextGeneration), {}).value();
  auto session = model->open_generation_session(options).value();
  return {std::move(model), std::move(session)};
}

Result<StepOutcome> feed(GenerationSession& session, SequenceId sequence, const std::vector<Token>& tokens) {
  const StepSlice slice{.sequence = sequence, .position = session.length(sequence), .tokens = tokens, .logits = 1};
  return session.step(std::span(&slice, 1), CancelToken());
}

Token best(std::span<const float> logits) { return static_cast<Token>(std::max_element(logits.begin(), logits.end()) - logits.begin()); }

std::string greedy(GenerationSession& session, SequenceId sequence, std::vector<Token> next, std::size_t tokens) {
  std::string text;
  for (std::size_t i = 0; i < tokens; ++i) {
    EXPECT_EQ(feed(session, sequence, next), StepOutcome::kDone);
    next = {best(session.logits(0))};
    text += fake_text(next);
  }
  return text;
}

TEST(FakeEngine, TextDependsOnlyOnTheSequencesOwnTokens) {
  FakeEngine engine;
  auto alone = open(engine, {});
  const std::string expected = greedy(*alone.session, 0, fake_tokens("hello"), 20);

  auto shared = open(engine, {});
  EXPECT_EQ(feed(*shared.session, 3, fake_tokens("hel")), StepOutcome::kDone);
  EXPECT_EQ(feed(*shared.session, 1, fake_tokens("something else")), StepOutcome::kDone);
  EXPECT_TRUE(shared.session->share(3, 5, 3));
  EXPECT_EQ(greedy(*shared.session, 5, fake_tokens("lo"), 20), expected);
}

TEST(FakeEngine, SeveralTokensOfOneSliceHaveTheLogitsOfTokensFedOneByOne) {
  FakeEngine engine;
  auto opened = open(engine, {.step_logits_max = 5});
  const auto tokens = fake_tokens("hello");
  const StepSlice slice{.sequence = 0, .position = 0, .tokens = tokens, .logits = 5};
  ASSERT_EQ(opened.session->step(std::span(&slice, 1), CancelToken()), StepOutcome::kDone);
  for (std::size_t row = 0; row < 5; ++row) EXPECT_EQ(best(opened.session->logits(0, row)), hashed_next(std::span(tokens).first(row + 1)));
  EXPECT_TRUE(opened.session->logits(0, 5).empty());
  EXPECT_TRUE(opened.session->logits(1, 0).empty());
}

TEST(FakeEngine, AModelHasOneKindOfSession) {
  FakeEngine engine;
  const auto tensors = engine.load("", fake_description(Task::kTensors), {}).value();
  EXPECT_EQ(tensors->open_generation_session({}).error().code(), kWrongKindOfModel);
  EXPECT_EQ(tensors->open_embedding_session({}).error().code(), kWrongKindOfModel);
  const auto text = engine.load("", fake_description(Task::kTextGeneration), {}).value();
  EXPECT_EQ(text->open_tensor_session().error().code(), kWrongKindOfModel);
}

TEST(FakeEngine, AStepThatBreaksAPromiseIsABadStep) {
  FakeEngine engine;
  auto opened = open(engine, {.sequences_max = 2, .step_tokens_max = 4});
  const std::vector<Token> tokens = fake_tokens("abc");
  const std::vector<Token> foreign = {kFakeVocabularySize};
  const std::vector<std::vector<StepSlice>> wrong = {
      {},
      {{.sequence = 0, .position = 1, .tokens = tokens}},
      {{.sequence = 2, .position = 0, .tokens = tokens}},
      {{.sequence = -1, .position = 0, .tokens = tokens}},
      {{.sequence = 0, .position = 0, .tokens = {}}},
      {{.sequence = 0, .position = 0, .tokens = foreign}},
      {{.sequence = 0, .position = 0, .tokens = tokens, .logits = 4}},
      {{.sequence = 0, .position = 0, .tokens = tokens, .logits = 3}},  // more than one for each sequence
      {{.sequence = 0, .position = 0, .tokens = tokens}, {.sequence = 0, .position = 3, .tokens = std::span(tokens).first(1)}},
      {{.sequence = 0, .position = 0, .tokens = tokens}, {.sequence = 1, .position = 0, .tokens = tokens}},
  };
  for (const auto& slices : wrong) {
    const auto outcome = opened.session->step(slices, CancelToken());
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code(), kBadStep) << outcome.error().message();
  }
  EXPECT_EQ(engine.control().counters.bad_steps, wrong.size());
  EXPECT_EQ(engine.control().counters.steps, 0U);
}

TEST(FakeEngine, CellsRunOutWithoutAnythingComputed) {
  FakeEngine engine;
  auto opened = open(engine, {.context_tokens = 8, .sequences_max = 4});
  EXPECT_EQ(feed(*opened.session, 0, fake_tokens("abcdef")), StepOutcome::kDone);
  EXPECT_TRUE(opened.session->share(0, 1, 6));
  EXPECT_EQ(opened.session->cells_used(), 6U);
  EXPECT_EQ(feed(*opened.session, 2, fake_tokens("xyz")), StepOutcome::kNoCells);
  EXPECT_EQ(opened.session->length(2), 0);
  EXPECT_TRUE(opened.session->trim(0, 0));
  EXPECT_EQ(opened.session->cells_used(), 6U) << "the other sequence still holds them";
  EXPECT_TRUE(opened.session->trim(1, 5));
  EXPECT_EQ(feed(*opened.session, 2, fake_tokens("xyz")), StepOutcome::kDone);
  EXPECT_EQ(engine.control().counters.cells_held, 8U);
  opened.session.reset();
  EXPECT_EQ(engine.control().counters.cells_held, 0U);
}

TEST(FakeEngine, SeparateCellsBelongToOneSequence) {
  FakeEngine engine;
  auto opened = open(engine, {.context_tokens = 8, .sequences_max = 2, .layout = CacheLayout::kPerSequence});
  EXPECT_EQ(opened.session->info().sequence_tokens_max, 4U);
  EXPECT_EQ(feed(*opened.session, 0, fake_tokens("abcd")), StepOutcome::kDone);
  EXPECT_EQ(feed(*opened.session, 0, fake_tokens("e")), StepOutcome::kNoCells);
  EXPECT_TRUE(opened.session->share(0, 1, 2));
  EXPECT_EQ(opened.session->cells_used(), 6U);
}

TEST(FakeEngine, SavedStatesContinueTheSameText) {
  FakeEngine engine;
  auto opened = open(engine, {});
  EXPECT_EQ(feed(*opened.session, 0, fake_tokens("hello")), StepOutcome::kDone);
  const auto state = opened.session->save(0).value();
  EXPECT_TRUE(opened.session->restore(1, state, 5));
  EXPECT_EQ(greedy(*opened.session, 1, fake_tokens("!"), 5), greedy(*opened.session, 0, fake_tokens("!"), 5));
  EXPECT_EQ(opened.session->restore(1, state, 5).error().code(), kStateRefused);
  EXPECT_EQ(opened.session->restore(2, state, 4).error().code(), kStateRefused);
  EXPECT_EQ(opened.session->save(7).error().code(), kStateRefused);
}

TEST(FakeEngine, ABlockedStepEndsWhenItIsReleasedOrCancelled) {
  FakeEngine engine;
  engine.control().block();
  CancelToken cancel;
  std::optional<Result<StepOutcome>> outcome;
  const std::vector<Token> tokens = fake_tokens("ab");
  const auto run = [&] {
    auto opened = open(engine, {});
    const StepSlice slice{.sequence = 0, .position = 0, .tokens = tokens};
    outcome = opened.session->step(std::span(&slice, 1), cancel);
  };
  std::thread cancelled(run);
  engine.control().wait_until_blocked();
  cancel.cancel(CancelReason::kClientGone);
  cancelled.join();
  EXPECT_EQ(*outcome, StepOutcome::kAborted);

  cancel = CancelToken();
  std::thread released(run);
  engine.control().wait_until_blocked();
  engine.control().release();
  released.join();
  EXPECT_EQ(*outcome, StepOutcome::kDone);
  EXPECT_EQ(engine.control().counters.used_on_another_thread, 0U);
}

TEST(FakeEngine, SwitchesFailWhatTheyName) {
  FakeEngine engine;
  auto opened = open(engine, {});
  auto& switches = engine.control().switches;
  switches.step_fails_at = 1;
  EXPECT_EQ(feed(*opened.session, 0, fake_tokens("a")).error().code(), kStepFailed);
  EXPECT_EQ(feed(*opened.session, 0, fake_tokens("a")), StepOutcome::kDone);
  switches.cells_max = 1;
  EXPECT_EQ(feed(*opened.session, 0, fake_tokens("a")), StepOutcome::kNoCells);
  switches.can_trim = false;
  switches.can_share = false;
  auto rigid = open(engine, {});
  switches.cells_max = -1;
  EXPECT_EQ(feed(*rigid.session, 0, fake_tokens("abc")), StepOutcome::kDone);
  EXPECT_FALSE(rigid.session->trim(0, 1));
  EXPECT_TRUE(rigid.session->trim(0, 3));
  EXPECT_EQ(rigid.session->share(0, 1, 2).error().code(), kShareRefused);
  EXPECT_TRUE(rigid.session->trim(0, 0));
  switches.open_fails = true;
  EXPECT_EQ(opened.model->open_generation_session({}).error().code(), kSessionRefused);
  switches.load_fails = true;
  EXPECT_EQ(engine.load("", fake_description(Task::kTensors), {}).error().code(), kModelRefused);
}

TEST(FakeEngine, RunsTensorsRowByRow) {
  FakeEngine engine;
  auto model = engine.load("", fake_description(Task::kTensors), {}).value();
  auto session = model->open_tensor_session().value();
  const tensors::NamedTensors inputs = {{"x", tensors::Tensor::of<float>({2, 4}, {0, 1, 2, 3, 4, 5, 6, 7})}};
  const auto outputs = session->run(inputs, {}, CancelToken()).value();
  EXPECT_EQ(outputs[0].name, "y");
  EXPECT_EQ(outputs[0].tensor.values<float>()[7], 15.0F);
  EXPECT_EQ(engine.control().run_rows(), std::vector<std::size_t>{2});
  EXPECT_EQ(session->run({{"x", tensors::Tensor::of<float>({3}, {0, 1, 2})}}, {}, CancelToken()).error().code(), kInputMismatch);
  const std::vector<std::string> unknown = {"z"};
  EXPECT_EQ(session->run(inputs, unknown, CancelToken()).error().code(), kOutputUnknown);
  CancelToken cancel;
  cancel.cancel(CancelReason::kDeadline);
  EXPECT_EQ(session->run(inputs, {}, cancel).error().kind(), ErrorKind::kDeadlineExceeded);
}

TEST(FakeEngine, EmbedsEachTextAloneWhateverItIsPackedWith) {
  FakeEngine engine;
  auto model = engine.load("", fake_description(Task::kEmbedding), {}).value();
  auto session = model->open_embedding_session({.batch_texts_max = 2, .batch_tokens_max = 6}).value();
  const std::vector<std::vector<Token>> texts = {fake_tokens("abc"), fake_tokens("de"), fake_tokens("f"), fake_tokens("ghijkl")};
  const auto vectors = session->embed(texts, CancelToken()).value();
  EXPECT_EQ(engine.control().counters.computations, 3U);
  for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(vectors[i], fake_embedding(texts[i], 8));
  const std::vector<std::vector<Token>> long_one = {fake_tokens("abc"), fake_tokens("abcdefg")};
  const auto refused = session->embed(long_one, CancelToken());
  EXPECT_EQ(refused.error().code(), text::kTextTooLong);
  EXPECT_EQ(refused.error().field(), "input[1]");
}

TEST(FakeEngine, SamplesGreedilyOrBySeedOrByGrammar) {
  FakeEngine engine;
  auto model = engine.load("", fake_description(Task::kTextGeneration), {}).value();
  std::vector<float> logits(kFakeVocabularySize, 0.0F);
  logits['b'] = 3.0F;
  EXPECT_EQ(model->make_sampler({.temperature = 0}).value()->sample(logits), Token{'b'});
  EXPECT_EQ(model->make_sampler({.temperature = 0, .logit_bias = {{'c', 50.0F}}}).value()->sample(logits), Token{'c'});
  auto one = model->make_sampler({.seed = 7}).value();
  auto other = model->make_sampler({.seed = 7}).value();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(one->sample(logits).value(), other->sample(logits).value());
  auto literal = model->make_sampler({.grammar = "root ::= \"ok\""}).value();
  EXPECT_EQ(literal->sample(logits), Token{'o'});
  EXPECT_EQ(literal->sample(logits), Token{'k'});
  EXPECT_EQ(literal->sample(logits), kFakeEnd);
  EXPECT_EQ(model->make_sampler({.grammar = "root ::= other"}).error().code(), kBadSampling);
  EXPECT_EQ(model->make_sampler({.top_p = 2}).error().code(), kBadSampling);
  engine.control().switches.sampling_fails = true;
  EXPECT_EQ(one->sample(logits).error().code(), kSamplingFailed);
}

TEST(FakeEngine, AnswersWhatTheScriptSays) {
  FakeEngine engine({.script = answering("hi")});
  auto opened = open(engine, {});
  EXPECT_EQ(greedy(*opened.session, 0, {kFakeBos, kFakeUser, 'x', kFakeTurn}, 2), "hi");
  EXPECT_EQ(feed(*opened.session, 0, {'i'}), StepOutcome::kDone);
  EXPECT_EQ(best(opened.session->logits(0)), kFakeEnd);
}

TEST(FakeTokenizer, TakesSpecialTokensOnlyWhenAsked) {
  const FakeTokenizer tokenizer;
  EXPECT_EQ(tokenizer.encode("<|user|>a", {.parse_special = true}).value(), (std::vector<Token>{kFakeBos, kFakeUser, 'a'}));
  EXPECT_EQ(tokenizer.encode("<s>", {.add_special = false}).value(), fake_tokens("<s>"));
  EXPECT_EQ(tokenizer.encode("\xff", {}).error().code(), text::kInvalidUtf8);
  EXPECT_EQ(tokenizer.encode("abc", {.tokens_max = 3}).error().code(), text::kTextTooLong);
  EXPECT_EQ(tokenizer.piece(kFakeEnd, false), "");
  EXPECT_EQ(tokenizer.piece(kFakeEnd, true), "</s>");
}

}  // namespace
}  // namespace forebay::engines

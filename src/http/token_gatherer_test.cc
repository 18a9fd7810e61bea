#include "http/token_gatherer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <deque>

#include "base/errors.h"

namespace forebay::http {
namespace {

using scheduling::FinishReason;
using scheduling::TokenChannel;
using scheduling::TokenEvent;

// What one request's client sees. Work for the loop runs at once when the call comes from inside the loop, as in the server, else when the
// test says so.
struct Client {
  std::vector<std::string> seen;  // "headers", "event …", "comment", "end", "done", "answer …", "fail …"
  bool streams = false;
  bool ended = false;
  bool cancelled = false;
  bool headers_leave_at_once = true;
  bool refuses_streams = false;
  bool on_loop = false;
  std::function<void()> ready;
  std::deque<std::move_only_function<void()>> posted;

  void run_loop() {
    while (!posted.empty()) {
      auto work = std::move(posted.front());
      posted.pop_front();
      inside([&] { work(); });
    }
  }
  template <class Work>
  void inside(Work work) {
    const bool before = std::exchange(on_loop, true);
    work();
    on_loop = before;
  }
  void headers_have_left() {
    if (!ready || ended) return;
    streams = true;
    inside([this] { std::exchange(ready, nullptr)(); });
  }
  std::string told() const {
    std::string all;
    for (const auto& one : seen) all += one + "|";
    return all;
  }
};

class FakeWire final : public AnswerWire {
 public:
  explicit FakeWire(std::shared_ptr<Client> client) : client_(std::move(client)) {}
  bool ended() const override { return client_->ended; }
  bool streams() const override { return client_->streams; }
  void begin_stream(std::function<void()> ready) override {
    if (client_->refuses_streams) return fail(Error(kInternalError, "no streams here"));
    client_->seen.emplace_back("headers");
    client_->ready = std::move(ready);
    if (client_->headers_leave_at_once) client_->headers_have_left();
  }
  void event(const std::string& json) override { client_->seen.push_back("event " + json); }
  void comment() override { client_->seen.emplace_back("comment"); }
  void end_stream(bool with_done) override { end(with_done ? "done" : "end"); }
  void answer(std::string json) override { end("answer " + json); }
  void fail(const Error& error) override { end("fail " + std::string(error.code().name)); }
  void cancel_rest() override { client_->cancelled = true; }
  Error cancel_error() const override { return Error(kCancelledByCaller, "gone"); }
  void on_loop(std::move_only_function<void()> work) override {
    if (client_->on_loop) return work();
    client_->posted.push_back(std::move(work));
  }

 private:
  void end(std::string how) {
    client_->seen.push_back(std::move(how));
    client_->ended = true;
    client_->streams = false;
  }
  std::shared_ptr<Client> client_;
};

TokenEvent token(std::string text) {
  TokenEvent event;
  event.text = std::move(text);
  event.token = 1;
  return event;
}
TokenEvent finished(FinishReason reason = FinishReason::kStop, std::string text = "") {
  TokenEvent event;
  event.kind = TokenEvent::Kind::kFinished;
  event.finish_reason = reason;
  event.text = std::move(text);
  return event;
}
TokenEvent failed() {
  TokenEvent event;
  event.kind = TokenEvent::Kind::kFailed;
  event.error = Error(kDeadlinePassed, "late");
  return event;
}

StreamShape plain_shape(bool with_done = false) {
  StreamShape shape;
  shape.opening = [](std::size_t sequence) { return "open" + std::to_string(sequence); };
  shape.token = [](std::size_t sequence, const TokenEvent& event) { return std::to_string(sequence) + ":" + event.text; };
  shape.finished = [](const Choice& choice) {
    return std::to_string(choice.sequence) + "=" + choice.text + "," + std::string(name_of(choice.finish_reason));
  };
  shape.closing = [](const std::vector<Choice>& choices) { return "close" + std::to_string(choices.size()); };
  shape.ends_with_done = with_done;
  return shape;
}

struct TokenGathererTest : testing::Test {
  std::shared_ptr<Client> client = std::make_shared<Client>();
  TokenGatherer::Channels channels;
  std::shared_ptr<TokenGatherer> gatherer;

  void start(Gathering gathering, std::size_t sequences = 1) {
    for (std::size_t i = 0; i < sequences; ++i) channels.push_back(std::make_shared<TokenChannel>(1000));
    gatherer = std::make_shared<TokenGatherer>(std::make_unique<FakeWire>(client), std::move(gathering), channels);
    client->inside([this] { gatherer->listen(); });
  }
  void stream(std::size_t sequences = 1, bool with_done = false) { start({.to_json = {}, .shape = plain_shape(with_done)}, sequences); }
  void gather(bool wants_logprobs = false) {
    start({.to_json =
               [](const std::vector<Choice>& choices) {
                 std::string all;
                 for (const auto& choice : choices) all += choice.text + "/" + std::to_string(choice.pieces.size());
                 return all;
               },
           .shape = {},
           .wants_logprobs = wants_logprobs});
  }
};

TEST_F(TokenGathererTest, SendsTheFirstEventBeforeThoseThatCameWhileTheHeadersWereSent) {
  stream();
  channels[0]->push(token("a"));
  channels[0]->push(token("b"));
  channels[0]->push(finished());
  client->run_loop();  // the headers leave inside the first drain, and wake it again there
  EXPECT_EQ(client->told(), "headers|event open0|event 0:a|event 0:b|event 0=ab,stop|event close1|end|");
}

TEST_F(TokenGathererTest, KeepsTheOrderWhenTheHeadersLeaveLater) {
  client->headers_leave_at_once = false;
  stream();
  channels[0]->push(token("a"));
  client->run_loop();
  channels[0]->push(token("b"));
  channels[0]->push(finished(FinishReason::kLength));
  client->run_loop();
  EXPECT_EQ(client->told(), "headers|");
  client->headers_have_left();
  EXPECT_EQ(client->told(), "headers|event open0|event 0:a|event 0:b|event 0=ab,length|event close1|end|");
}

TEST_F(TokenGathererTest, EndsAStreamWhoseOnlyEventIsItsEnd) {
  client->headers_leave_at_once = false;
  stream(1, true);
  channels[0]->push(finished(FinishReason::kStop, "all"));
  client->run_loop();
  client->headers_have_left();
  EXPECT_EQ(client->told(), "headers|event open0|event 0:all|event 0=all,stop|event close1|done|");
}

TEST_F(TokenGathererTest, SendsHeadersAndACommentWhenTheFirstTokenIsLongInComing) {
  stream();
  client->inside([this] { gatherer->begin_silently(); });
  EXPECT_EQ(client->told(), "headers|comment|event open0|");
  client->inside([this] { gatherer->begin_silently(); });
  EXPECT_EQ(client->told(), "headers|comment|event open0|");
  channels[0]->push(token("a"));
  channels[0]->push(finished());
  client->run_loop();
  EXPECT_EQ(client->told(), "headers|comment|event open0|event 0:a|event 0=a,stop|event close1|end|");
}

TEST_F(TokenGathererTest, DoesNotBeginAnAnswerInOnePieceSilently) {
  gather();
  client->inside([this] { gatherer->begin_silently(); });
  EXPECT_EQ(client->told(), "");
}

TEST_F(TokenGathererTest, AFailureBeforeTheFirstEventHasAStatusOfItsOwn) {
  stream();
  channels[0]->push(failed());
  client->run_loop();
  EXPECT_EQ(client->told(), "fail deadline_exceeded|");
  EXPECT_TRUE(client->cancelled);
}

TEST_F(TokenGathererTest, AFailureInTheMiddleIsTheLastEventOfAllSequences) {
  stream(2);
  channels[0]->push(token("a"));
  client->run_loop();
  channels[1]->push(failed());
  channels[0]->push(token("b"));
  client->run_loop();
  EXPECT_EQ(client->seen.back(), "fail deadline_exceeded");
  const auto before = client->seen.size();
  channels[0]->push(finished());
  client->run_loop();
  EXPECT_EQ(client->seen.size(), before);
  EXPECT_TRUE(client->cancelled);
}

TEST_F(TokenGathererTest, ACancelledEndIsAFailureWithTheCancelsReason) {
  stream();
  channels[0]->push(token("a"));
  channels[0]->push(finished(FinishReason::kCancelled));
  client->run_loop();
  EXPECT_EQ(client->seen.back(), "fail cancelled");
}

TEST_F(TokenGathererTest, AConnectionThatCannotStreamStopsTheWork) {
  client->refuses_streams = true;
  stream();
  channels[0]->push(token("a"));
  client->run_loop();
  EXPECT_TRUE(client->cancelled);
  EXPECT_EQ(client->told(), "fail internal_error|");
}

TEST_F(TokenGathererTest, GathersTextAndPiecesIntoOneAnswer) {
  gather(true);
  channels[0]->push(token("a"));
  channels[0]->push(token("b"));
  channels[0]->push(finished(FinishReason::kStop, "c"));
  client->run_loop();
  EXPECT_EQ(client->told(), "answer abc/2|");
}

TEST_F(TokenGathererTest, WakesAfterItsOwnEndChangeNothing) {
  gather();
  channels[0]->push(finished());
  client->run_loop();
  gatherer.reset();
  channels[0]->push(token("late"));
  client->run_loop();
  EXPECT_EQ(client->told(), "answer /0|");
}

// Random sequences, pushed in random order, with the headers leaving and the loop running at random moments.
struct Play {
  std::shared_ptr<Client> client = std::make_shared<Client>();
  std::vector<std::string> texts;
  std::optional<std::size_t> failing;
};
Play play(bool with_failure) {
  Play game;
  game.client->headers_leave_at_once = *rc::gen::arbitrary<bool>();
  const auto sequences = *rc::gen::inRange<std::size_t>(1, 5);
  game.texts.resize(sequences);
  if (with_failure) game.failing = *rc::gen::inRange<std::size_t>(0, sequences);
  std::vector<std::size_t> left;
  TokenGatherer::Channels channels;
  for (std::size_t i = 0; i < sequences; ++i) {
    left.push_back(*rc::gen::inRange<std::size_t>(0, 8) + 1);
    channels.push_back(std::make_shared<TokenChannel>(1000));
  }
  auto gatherer = std::make_shared<TokenGatherer>(std::make_unique<FakeWire>(game.client),
                                                  Gathering{.to_json = {}, .shape = plain_shape(true)}, channels);
  game.client->inside([&] { gatherer->listen(); });
  std::vector<std::size_t> open(sequences);
  for (std::size_t i = 0; i < sequences; ++i) open[i] = i;
  while (!open.empty()) {
    const auto at = *rc::gen::inRange<std::size_t>(0, open.size());
    const auto i = open[at];
    if (--left[i] > 0) {
      const std::string letter(1, static_cast<char>('a' + *rc::gen::inRange(0, 26)));
      game.texts[i] += letter;
      channels[i]->push(token(letter));
    } else {
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
      channels[i]->push(game.failing == i ? failed() : finished(FinishReason::kLength));
    }
    if (*rc::gen::inRange(0, 8) == 0) game.client->inside([&] { gatherer->begin_silently(); });
    if (*rc::gen::arbitrary<bool>()) game.client->run_loop();
    if (*rc::gen::arbitrary<bool>()) game.client->headers_have_left();
  }
  game.client->run_loop();
  game.client->headers_have_left();
  game.client->run_loop();
  return game;
}

TEST(Property13, TokenEventsLeaveInOrderAfterTheirOpening) {
  EXPECT_TRUE(rc::check([] {
    const auto game = play(false);
    for (std::size_t i = 0; i < game.texts.size(); ++i) {
      const std::string mine = "event " + std::to_string(i) + ":";
      std::string text;
      bool opened = false;
      for (const auto& seen : game.client->seen) {
        if (seen == "event open" + std::to_string(i)) {
          RC_ASSERT(!opened && text.empty());
          opened = true;
        }
        if (seen.starts_with(mine)) text += seen.substr(mine.size());
      }
      RC_ASSERT(opened);
      RC_ASSERT(text == game.texts[i]);
    }
  }));
}

TEST(Property14, EverySequenceIsCompletedOnceAndNothingFollowsTheEnd) {
  EXPECT_TRUE(rc::check([] {
    const auto game = play(false);
    const auto& seen = game.client->seen;
    for (std::size_t i = 0; i < game.texts.size(); ++i) {
      const std::string end = "event " + std::to_string(i) + "=" + game.texts[i] + ",length";
      RC_ASSERT(std::ranges::count(seen, end) == 1);
      const auto after = std::ranges::find(seen, end) + 1;
      RC_ASSERT(std::none_of(after, seen.end(), [&](const auto& one) { return one.starts_with("event " + std::to_string(i) + ":"); }));
    }
    RC_ASSERT(seen.front() == "headers");
    RC_ASSERT(std::ranges::count(seen, "done") == 1);
    RC_ASSERT(seen.back() == "done");
    RC_ASSERT(seen[seen.size() - 2] == "event close" + std::to_string(game.texts.size()));
  }));
}

TEST(Property15, AFailureIsSaidOnceAndLast) {
  EXPECT_TRUE(rc::check([] {
    const auto game = play(true);
    const auto& seen = game.client->seen;
    RC_ASSERT(std::ranges::count(seen, "fail deadline_exceeded") == 1);
    RC_ASSERT(seen.back() == "fail deadline_exceeded");
    RC_ASSERT(std::ranges::count(seen, "done") == 0);
    RC_ASSERT(game.client->cancelled);
  }));
}

}  // namespace
}  // namespace forebay::http

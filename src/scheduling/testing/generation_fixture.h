// What the tests of generation share: a fake model, and a loop that a test steps by hand under virtual time.
// Threads: confined to the test. Owner: the test.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/testing/virtual_clock.h"
#include "engines/testing/fake_engine.h"
#include "scheduling/generation_loop.h"
#include "scheduling/session_layout.h"

namespace forebay::scheduling {

inline std::shared_ptr<engines::LoadedModel> load_fake(engines::FakeEngine& engine, formats::Task task) {
  auto loaded = engine.load("fake", engines::fake_description(task), {});
  return loaded ? *loaded : nullptr;
}

// Everything that came through a channel so far.
struct Stream {
  std::string text;
  std::vector<Token> tokens;
  std::vector<TokenEvent> events;
  std::size_t ends = 0;
  bool ended_last = true;  // no event after the end

  void read(TokenChannel& channel) {
    while (auto event = channel.try_pop()) {
      ended_last = ends == 0;
      text += event->text;
      if (event->kind == TokenEvent::Kind::kToken)
        tokens.push_back(event->token);
      else
        ++ends;
      events.push_back(*std::move(event));
    }
  }
  const TokenEvent& end() const { return events.back(); }
  bool finished_with(FinishReason reason) const {
    return ends == 1 && end().kind == TokenEvent::Kind::kFinished && end().finish_reason == reason;
  }
  bool failed_with(const ErrorCode& code) const {
    return ends == 1 && end().kind == TokenEvent::Kind::kFailed && end().error->code() == code;
  }
};

// What the fake writes after a prompt when nobody disturbs it.
inline std::vector<Token> undisturbed(std::vector<Token> history, std::size_t tokens) {
  std::vector<Token> written;
  while (written.size() < tokens) {
    written.push_back(engines::hashed_next(history));
    history.push_back(written.back());
  }
  return written;
}

// Two of them. The fake writes with an adapter as if the text began with another token.
inline std::vector<AdapterSource> fake_adapters() { return {{"polite", "polite.gguf", 0.5F}, {"rude", "rude.gguf", 1}}; }
inline std::vector<Token> undisturbed_with(float scale, std::vector<Token> history, std::size_t tokens) {
  history.insert(history.begin(), static_cast<Token>(scale * 16));
  return undisturbed(std::move(history), tokens);
}

class LoopFixture {
 public:
  explicit LoopFixture(GenerationOptions options = {}, engines::FakeOptions fake = {}, AdmissionOptions admission = {},
                       const std::function<void(engines::FakeSwitches&)>& set = {})
      : options_(std::move(options)),
        engine(with_time(std::move(fake))),
        model(load_fake(engine, formats::Task::kTextGeneration)),
        saved({.bytes_max = options_.cache.ram_bytes_max}, &budget, &pressure),
        dispatcher(admission, clock) {
    if (set) set(engine.control().switches);
    GenerationSurroundings surroundings{
        {.clock = &clock, .metrics = &metrics_, .budget = &budget, .pressure = &pressure, .adapters = fake_adapters()},
        model->tokenizer(),
        &end_tokens_,
        &dispatcher,
        &counters,
        {.ram = &saved},
        kWorker,
        &watch};
    loop = std::make_unique<GenerationLoop>(open(), options_, surroundings);
    dispatcher.add_worker(kWorker, &watch, options_.health);
    report();
  }

  std::shared_ptr<TokenChannel> submit(GenerationRequest request) {
    request.sampling.temperature = 0;
    auto channel = std::make_shared<TokenChannel>(options_.channel_events_max);
    Ticket ticket = request.ticket;
    const std::uint64_t serial = ++serials_;
    auto sampler = *model->make_sampler(request.sampling);
    auto prompt = std::make_shared<const std::vector<Token>>(std::move(request.prompt));
    GenerationWork work{std::move(request), std::move(sampler), channel, clock.now(), serial, {}};
    work.prompt_tokens = std::move(prompt);
    work.origin.scope = ticket.cache_scope;
    const auto adapters = fake_adapters();
    for (AdapterIndex i = 0; i < adapters.size(); ++i) {
      if (adapters[i].name == work.request.adapter) work.origin.adapter = i + 1;
    }
    work.on_cancel = ticket.cancel.on_cancel([this, serial](CancelReason) {
      dispatcher.note_cancelled();
      watch.note_cancelled(serial);
    });
    const auto pushed = dispatcher.push(std::move(ticket), std::move(work), clock.now());
    return pushed ? channel : nullptr;
  }
  // How much time each step takes from now on.
  std::function<Duration(std::span<const engines::StepSlice>)> step_time;
  Duration sampling_time{};  // of each token
  Duration step_waits{};     // the part of step_time in which other sessions compute

  // Steps until there is nothing to do; false when that does not happen.
  bool run(std::size_t steps_max = 100'000) {
    while (steps_max-- > 0) {
      if (!run_once()) return true;
    }
    return false;
  }
  // One round, as a worker makes it.
  bool run_once() {
    const bool did_something = loop->run_once();
    report();
    return did_something;
  }
  // Tells the dispatcher how busy the loop is.
  void report() {
    dispatcher.with_worker(kWorker, [&](RoutedWorker& worker) {
      RoutingTable::report(worker, loop->load());
      return worker.open = true;
    });
  }
  // Submits, runs to the end, reads.
  Stream generate(GenerationRequest request) {
    Stream stream;
    auto channel = submit(std::move(request));
    EXPECT_TRUE(run());
    stream.read(*channel);
    return stream;
  }

 private:
  static constexpr WorkerId kWorker = 1;
  std::unique_ptr<engines::GenerationSession> open() { return *model->open_generation_session(session_options(*model, options_, nullptr)); }
  engines::FakeOptions with_time(engines::FakeOptions fake) {
    fake.on_step = [this](std::span<const engines::StepSlice> slices) {
      if (step_time) clock.advance(step_time(slices));
    };
    fake.on_sample = [this] { clock.advance(sampling_time); };
    fake.waited = [this] { return step_waits; };
    return fake;
  }
  const GenerationOptions options_;
  telemetry::ModelMetrics metrics_;
  const std::vector<Token> end_tokens_{engines::kFakeEnd};
  std::uint64_t serials_ = 0;

 public:
  VirtualClock clock;
  engines::FakeEngine engine;
  std::shared_ptr<engines::LoadedModel> model;
  ByteBudget budget{1 << 20};
  PressureGauge pressure;
  SavedStates saved;
  Dispatcher dispatcher;
  StepWatch watch;
  RunnerCounters counters;
  std::unique_ptr<GenerationLoop> loop;
};

inline GenerationRequest request_of(std::vector<Token> prompt, std::uint32_t tokens_max) {
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.tokens_max = tokens_max;
  return request;
}

}  // namespace forebay::scheduling

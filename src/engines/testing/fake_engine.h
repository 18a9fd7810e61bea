// An engine without a library: scripted logits, strict about its promises, with switches for every failure and counters of what happened.
// The default text depends on nothing but the sequence's own tokens, so whatever a scheduler does must not change it.
// Threads: FakeEngine, FakeModel and FakeControl are shared; sessions are confined to the thread of their first use, and say so.
// Owner: the test.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/synchronized.h"
#include "engines/engine.h"
#include "engines/testing/fake_tokenizer.h"

namespace forebay::engines {

// What a test may set at any time, from any thread. Numbers count from 1; 0 is never.
struct FakeSwitches {
  std::atomic<bool> load_fails = false;                      // kModelRefused
  std::atomic<bool> open_fails = false;                      // kSessionRefused
  std::atomic<std::uint64_t> opens_to_fail = 0;              // so many sessions are refused
  std::atomic<std::uint64_t> step_fails_at = 0;              // the step with this number is kStepFailed and computes nothing
  std::atomic<std::uint64_t> sessions_to_break = 0;          // so many sessions fail their next step and every later one
  std::atomic<std::size_t> break_slices_min = 0;             // and only in a step with at least so many slices
  std::atomic<std::uint64_t> run_fails_at = 0;               // kRunFailed
  std::atomic<std::uint64_t> run_fails_with_rows_above = 0;  // kRunFailed for a batch of more rows than this
  std::atomic<std::uint64_t> runs_to_end_early = 0;          // so many runs with a limit of time are kRunTooLong
  std::atomic<std::uint64_t> embed_fails_at = 0;             // kEmbeddingFailed
  std::atomic<Token> not_finite_token = -1;                  // a text with this token embeds to NaN and an infinity
  std::atomic<std::int64_t> cells_max = -1;                  // fewer than were opened; -1: as opened
  std::atomic<bool> can_trim = true;                         // read when a session is opened
  std::atomic<bool> can_share = true;                        // read when a session is opened
  std::atomic<bool> abort_keeps_half = false;                // an aborted step leaves half of its first slice computed
  std::atomic<bool> sampling_fails = false;                  // kSamplingFailed
};

// What happened so far, in all sessions of one engine.
struct FakeCounters {
  std::atomic<std::uint64_t> loads = 0, models_alive = 0, sessions_opened = 0, sessions_open = 0;
  std::atomic<std::uint64_t> steps = 0, slices = 0, tokens = 0, no_cells = 0, aborts = 0;
  std::atomic<std::uint64_t> runs = 0, rows = 0, embeds = 0, computations = 0, texts = 0;
  std::atomic<std::uint64_t> shares = 0, saves = 0, restores = 0, rests = 0, bad_steps = 0;
  std::atomic<std::uint64_t> cells_held = 0, sequences_held = 0;  // at the end of the last call
  std::atomic<std::uint64_t> used_on_another_thread =
      0;  // text sessions used or destroyed away from the thread of their first use, tensor sessions used by two at once
};

// Shared by an engine and everything it made; outlives them while the test holds it.
class FakeControl {
 public:
  FakeSwitches switches;
  FakeCounters counters;

  // From now on step, run and embed wait inside "the library" until release() or until their token is cancelled.
  void block();
  void release();
  // Lets exactly `calls` waiting calls go on; the block stays.
  void release_some(std::size_t calls);
  // Waits until that many calls are inside.
  void wait_until_blocked(std::size_t calls = 1);

  // Sizes of the slices of every step, and rows of every run, in order.
  std::vector<std::vector<std::size_t>> step_slices() const;
  std::vector<std::size_t> run_rows() const;
  // The thread that destroyed the last session.
  std::optional<std::thread::id> destroyed_on() const;

  // For the fakes: false when cancelled while waiting.
  bool pass_block(const CancelToken& abort);
  void note_step(std::vector<std::size_t> slices);
  void note_run(std::size_t rows);
  void note_destroyed();

 private:
  struct State {
    bool blocked = false;
    std::size_t waiting = 0;
    std::size_t passes = 0;
    std::vector<std::vector<std::size_t>> steps;
    std::vector<std::size_t> runs;
    std::optional<std::thread::id> destroyed_on;
  };
  Synchronized<State> state_;
  std::condition_variable changed_;
};

// Fills one logit a token of the vocabulary (kFakeVocabularySize), from the sequence's tokens so far.
using FakeScript = std::function<void(std::span<const Token> history, std::span<float> logits)>;

// The next token is a letter or a space made from a hash of the history; the end token once the history has `end_after` tokens (0: never).
FakeScript hashed_script(std::size_t end_after = 0);
// After the last kFakeTurn token of a history (or after its first token, if there is none) come the bytes of `text`, then the end token.
FakeScript answering(std::string text);
// What the hashed script chooses greedily.
Token hashed_next(std::span<const Token> history);

struct FakeOptions {
  FakeScript script;  // empty: hashed_script()
  // Called in every step before it computes: a test lets time pass here.
  std::function<void(std::span<const StepSlice>)> on_step;
  // Called before every token that is chosen: a test lets time pass here.
  std::function<void()> on_sample;
  // GenerationSession::waited() of every session; empty: nothing.
  std::function<std::chrono::nanoseconds()> waited;
  // The tensor model; empty: every output is 2x + 1 of the first input, in its shape, as float32.
  std::function<Result<tensors::NamedTensors>(const tensors::NamedTensors&)> run;
  std::uint32_t context_tokens = 512;  // when a session does not say
  std::uint32_t embedding_length = 8;
  std::uint64_t weights_bytes = 1'000'000;
  std::uint64_t bytes_per_cell = 100;
  std::vector<RunTime> runs;     // as BackendReport: what loading measured
  bool rows_independent = true;  // as BackendReport
};

class FakeEngine final : public Engine {
 public:
  explicit FakeEngine(FakeOptions options = {});
  FakeControl& control() { return *control_; }
  std::string_view name() const override { return "fake"; }
  bool runs(const formats::ModelDescription& description) const override;
  std::vector<Device> devices() const override;
  Result<std::shared_ptr<LoadedModel>> load(const std::filesystem::path& path, const formats::ModelDescription& description,
                                            const LoadOptions& options) override;

 private:
  std::shared_ptr<const FakeOptions> options_;
  std::shared_ptr<FakeControl> control_;
};

// A description of each kind: text generation, embedding, and float32 [batch, 4] in ("x"), [batch, 4] out ("y").
formats::ModelDescription fake_description(formats::Task task);

// What the fake embeds a text to, whatever it is packed with.
std::vector<float> fake_embedding(std::span<const Token> text, std::uint32_t length);

}  // namespace forebay::engines

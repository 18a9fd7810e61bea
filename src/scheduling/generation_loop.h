// Generates many texts at once on one session: the heart of continuous batching. It has no thread and no clock of its own:
// run_once() is one step, and the runner's engine thread (or a test) calls it again and again.
//
// The order of a step:
//   1. leave   sequences whose client is gone or whose deadline has passed end; their cells are free at once.
//   2. join    parked sequences come back, then the requests of the worker's inbox join, while there is a slot and there are cells for what
//              they hold now and soon (kCellsAhead tokens). A request without cells is declined: Dispatcher decides what comes next.
//   3. build   one token of every decoding sequence, then prompts, client by client in turns: as many tokens as keep the step within
//              inter_token_max by the measured rate while somebody decodes, else the whole step. A prompt whose beginning somebody else
//              is computing waits for that.
//   4. compute without any lock; a cancel that makes the step worthless aborts it.
//   5. choose  the next token of every sequence whose last token was computed; events leave at once; what ended gives its slot back.
//              The time of 4 and 5 is what the step took, without the wait for other sessions' turns on the cores.
//
// When something goes wrong:
//   no cells    what finished sequences left in cells goes first (PrefixCache); then the least important sequence is parked: its state is
//   saved (or computed again
//               later) and it continues when there is room. Only a sequence that is alone and still has no room ends early.
//   a failure   of a step with several sequences makes each of them suspect: they step alone until cleared, and who fails alone fails.
//   an abort    computes nothing wrong: everybody continues from what the session says it holds.
//
// Threads: confined to its engine thread, which is that of the first run_once(); destroy it there. Owner: GenerationRunner's worker.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "scheduling/generation_surroundings.h"
#include "scheduling/prefix_cache.h"
#include "scheduling/sequence.h"
#include "scheduling/step_builder.h"
#include "scheduling/step_pace.h"
#include "scheduling/worker_load.h"

namespace forebay::scheduling {

class GenerationLoop {
 public:
  GenerationLoop(std::unique_ptr<engines::GenerationSession> session, const GenerationOptions& options,
                 const GenerationSurroundings& surroundings);
  ~GenerationLoop();

  // One step. False when there was nothing to do: wait for a change of the queue.
  bool run_once();
  // There will be nothing to do for a while.
  void rest() { session_->rest(); }
  // PrefixCache's, for when there has been nothing to do for a while.
  bool can_save_ahead() const { return cache_.can_save_ahead(); }
  void save_ahead() { cache_.save_ahead(); }
  // Ends every sequence with kShuttingDown.
  void shut_down();
  // The same, and what texts hold leaves its cells for the lower tiers of the cache. No step is computed any more.
  void close();
  // What finished texts hold leaves its cells for the lower tiers of the cache.
  void save_finished();

  // Steps failed that often in a row, with different requests in them: the session is to be replaced.
  std::uint32_t failures_in_a_row() const { return failures_in_a_row_; }
  // The last of them: its first request, and what went wrong.
  std::uint64_t failed_last() const { return failed_last_; }
  const std::optional<Error>& failure() const { return failure_; }
  std::uint64_t steps_done() const { return steps_done_; }  // that did not fail
  // Of the step in the last round; nothing when it had none.
  std::optional<Instant> step_began() const { return step_began_; }
  // Takes every sequence out, to continue elsewhere; nobody is answered. The session is empty afterwards.
  std::vector<std::unique_ptr<Sequence>> give_up_all();
  // Continues a sequence that another loop gave up: its text is the same as if nothing had happened.
  void adopt(std::unique_ptr<Sequence> sequence);
  WorkerLoad load() const;

  std::size_t running() const { return running_.size(); }
  std::size_t parked() const { return parked_.size(); }
  const engines::GenerationSession& session() const { return *session_; }

 private:
  using Sequences = std::vector<std::unique_ptr<Sequence>>;

  bool leave(Instant now);
  bool end_dead(Sequence& sequence, Instant now);
  void clear_if_asked();
  bool join(Instant now);
  bool resume_parked();
  bool join_next(Instant now);
  bool answer_dead(Instant now);
  bool fits(std::size_t cells_soon) const;
  PressureLevel pressure() const;
  std::size_t sequences_allowed() const;
  std::size_t cells_for(const Offer& offer) const;
  void prepare();
  void shift(Sequence& sequence);
  void fill_tile(Sequence& sequence, std::size_t decodes);
  void close_gaps();
  bool compute();
  Result<engines::StepOutcome> step(const CancelToken& abort);
  void choose(Instant now);
  void note_step(Duration took);
  void resync(Sequence& sequence);
  void after_failure(const Error& error);
  void make_room();
  Sequence* least_important() const;
  void park(Sequence& sequence);
  void remove_ended();
  void release(Sequence& sequence);
  void publish();

  std::unique_ptr<engines::GenerationSession> session_;
  const GenerationSurroundings surroundings_;
  const Clock& clock_;
  Choosing choosing_;
  PrefixCache cache_;
  const std::size_t chunk_tokens_min_;
  std::optional<AdapterIndex> adapter_ = 0;  // that the session has; nothing: not known
  StepPace pace_;
  StepBuilder builder_;
  Sequences running_;
  Sequences parked_;      // first come back first
  bool crowded_ = false;  // somebody was parked: only an end makes room for another
  std::uint32_t failures_in_a_row_ = 0;
  std::uint64_t failed_last_ = StepWatch::kNobody;  // the first request of the last failed step
  std::optional<Error> failure_;
  std::uint64_t steps_done_ = 0;
  std::optional<Instant> step_began_;
  std::uint64_t clears_done_ = 0;
  std::uint32_t published_running_ = 0;
  std::uint32_t published_cells_ = 0;
};

}  // namespace forebay::scheduling

// One library context and how it computes: batches, the cancel token that reaches into the library, stalls of its threads.
// Threads: confined to its session's engine thread; the library runs its own compute threads inside. Owner: a session.
#pragma once

#include <memory>
#include <vector>

#include "base/cancel.h"
#include "engines/generation_session.h"
#include "engines/llama/compute_lane.h"
#include "engines/llama/llama_library.h"
#include "engines/llama/llama_model.h"
#include "engines/llama/team_waiting.h"

namespace forebay::engines {

// The library's batch over our own arrays, filled anew for every computation.
class LlamaBatch {
 public:
  void clear();
  void add(Token token, std::int32_t position, SequenceId sequence, bool output);
  std::size_t tokens() const { return tokens_.size(); }
  llama_batch view();

 private:
  std::vector<llama_token> tokens_;
  std::vector<llama_pos> positions_;
  std::vector<llama_seq_id> sequences_;
  std::vector<llama_seq_id*> sequence_pointers_;
  std::vector<std::int32_t> sequence_counts_;
  std::vector<std::int8_t> outputs_;
};

class LlamaCompute {
 public:
  // Opens a context with these parameters. kSessionRefused with the library's reason.
  static Result<std::unique_ptr<LlamaCompute>> open(std::shared_ptr<LlamaModel> model, const llama_context_params& params);
  LlamaCompute(std::shared_ptr<LlamaModel> model, LlamaContextPointer context, std::size_t threads);
  LlamaCompute(const LlamaCompute&) = delete;
  LlamaCompute& operator=(const LlamaCompute&) = delete;

  LlamaModel& model() const { return *model_; }
  llama_context* context() const { return context_.get(); }
  llama_memory_t memory() const { return memory_; }  // null for encoders
  LlamaBatch& batch() { return batch_; }

  // Computes the batch; `abort` is in force meanwhile. Returns the library's own code: 0 done, 1 no cells, 2 aborted.
  std::int32_t run(const CancelToken& abort);
  std::chrono::nanoseconds waited() const { return seat_ ? seat_->waited() : std::chrono::nanoseconds(0); }
  void rest();

 private:
  std::int32_t library_computes();
  // Called by the library between the operations of a step: true ends it.
  bool is_to_end();
  void look_for_stall(Instant now);

  const std::shared_ptr<LlamaModel> model_;  // before the context: freed after it
  const LlamaContextPointer context_;
  const llama_memory_t memory_;
  const std::unique_ptr<ComputeSeat> seat_;  // null: one thread, which needs no team
  LlamaBatch batch_;
  const CancelToken* abort_ = nullptr;  // while it computes
  std::uint64_t lost_pages_ = 0;        // when it began to
  StepTimes step_times_;
  Instant stalled_at_{};  // if a step goes on that long
  std::uint32_t operations_ = 0;
};

}  // namespace forebay::engines

// One library context: sequences with KV cells, or an embedder.
// Threads: confined to its engine thread; the library runs its own compute threads inside a step. Owner: scheduling's worker.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engines/llama/cell_ledger.h"
#include "engines/llama/compute_lane.h"
#include "engines/llama/llama_library.h"
#include "engines/llama/llama_model.h"
#include "engines/llama/team_waiting.h"

namespace forebay::engines {

class LlamaTextSession final : public TextSession {
 public:
  // kSessionRefused, kNoPooling.
  static Result<std::unique_ptr<TextSession>> open(std::shared_ptr<LlamaModel> model, const TextSessionOptions& options);
  LlamaTextSession(std::shared_ptr<LlamaModel> model, LlamaContextPointer context, const TextSessionOptions& options);

  const TextSessionInfo& info() const override { return info_; }
  Result<StepOutcome> step(std::span<const StepSlice> slices, const CancelToken& abort) override;
  std::span<const float> logits(std::size_t slice) const override;
  std::chrono::nanoseconds waited() const override { return seat_ ? seat_->waited() : std::chrono::nanoseconds(0); }
  void rest() override;
  std::int32_t length(SequenceId sequence) const override;
  std::uint32_t cells_used() const override { return static_cast<std::uint32_t>(ledger_.cells_used()); }
  bool trim(SequenceId sequence, std::int32_t tokens) override;
  Result<> share(SequenceId from, SequenceId to, std::int32_t tokens) override;
  Result<std::vector<std::byte>> save(SequenceId sequence) override;
  Result<> restore(SequenceId sequence, std::span<const std::byte> state, std::int32_t tokens) override;
  Result<std::vector<std::vector<float>>> embed(const EmbeddingTexts& texts, const CancelToken& abort) override;
  Result<> set_adapters(std::span<const Adapter> adapters) override;

 private:
  // The library's batch over our own arrays, filled anew for every computation.
  struct Batch {
    std::vector<llama_token> tokens;
    std::vector<llama_pos> positions;
    std::vector<llama_seq_id> sequences;
    std::vector<llama_seq_id*> sequence_pointers;
    std::vector<std::int32_t> sequence_counts;
    std::vector<std::int8_t> outputs;
    void clear();
    void add(Token token, std::int32_t position, SequenceId sequence, bool output);
    llama_batch view();
  };

  bool known(SequenceId sequence) const { return sequence >= 0 && static_cast<std::uint32_t>(sequence) < info_.sequences_max; }
  Result<> check(std::span<const StepSlice> slices);
  bool fits(std::span<const StepSlice> slices) const;
  void fill_batch(std::span<const StepSlice> slices);
  Result<StepOutcome> outcome_of(std::int32_t code, std::span<const StepSlice> slices, const LlamaErrorLog& log);
  // Reads what the library holds of these sequences, after it broke off.
  void resync(std::span<const StepSlice> slices);
  // The library's own return code, with `abort` in force while it computes.
  std::int32_t compute(const CancelToken& abort);
  std::int32_t library_computes();
  // Called by the library between the operations of a step: true ends it.
  bool is_to_end();
  void look_for_stall(Instant now);

  Result<> check(std::span<const std::vector<Token>> texts) const;
  Result<> embed_pack(std::span<const std::vector<Token>> texts, std::span<const std::size_t> pack, const CancelToken& abort,
                      std::vector<std::vector<float>>& vectors);

  std::shared_ptr<LlamaModel> model_;  // before the context: freed after it
  LlamaContextPointer context_;
  llama_memory_t memory_;  // null for encoders
  TextSessionInfo info_;
  bool unified_;
  bool embeddings_;
  CellLedger ledger_;
  std::unique_ptr<ComputeSeat> seat_;  // null: one thread, which needs no team
  Batch batch_;
  // What share() copied last, for when several take the same prefix one after the other; dropped as soon as anything changes.
  struct Copied {
    SequenceId from = 0;
    std::vector<std::byte> state;
  };
  std::optional<Copied> copied_;
  std::vector<std::size_t> batch_order_;
  std::vector<std::int32_t> logits_places_;  // of each slice in the last batch; -1: none
  std::vector<std::uint64_t> seen_in_step_;  // the number of the last step a sequence was in
  std::uint64_t steps_ = 0;
  const CancelToken* abort_ = nullptr;  // while it computes
  std::uint64_t lost_pages_ = 0;        // when it began to
  StepTimes step_times_;
  Instant stalled_at_{};  // if a step goes on that long
  std::uint32_t operations_ = 0;
};

}  // namespace forebay::engines

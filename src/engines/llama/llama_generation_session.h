// Sequences of tokens in one library context.
// Threads: confined to its engine thread. Owner: scheduling's worker.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engines/llama/cell_ledger.h"
#include "engines/llama/llama_compute.h"

namespace forebay::engines {

class LlamaGenerationSession final : public GenerationSession {
 public:
  // kSessionRefused, kWrongKindOfModel.
  static Result<std::unique_ptr<GenerationSession>> open(std::shared_ptr<LlamaModel> model, const GenerationSessionOptions& options);
  LlamaGenerationSession(std::unique_ptr<LlamaCompute> compute, const GenerationSessionOptions& options);

  const GenerationSessionInfo& info() const override { return info_; }
  Result<StepOutcome> step(std::span<const StepSlice> slices, const CancelToken& abort) override;
  std::span<const float> logits(std::size_t slice, std::size_t row) const override;
  std::chrono::nanoseconds waited() const override { return compute_->waited(); }
  void rest() override { compute_->rest(); }
  std::int32_t length(SequenceId sequence) const override;
  std::uint32_t cells_used() const override { return static_cast<std::uint32_t>(ledger_.cells_used()); }
  bool trim(SequenceId sequence, std::int32_t tokens) override;
  Result<> share(SequenceId from, SequenceId to, std::int32_t tokens) override;
  Result<std::vector<std::byte>> save(SequenceId sequence) override;
  Result<> restore(SequenceId sequence, std::span<const std::byte> state, std::int32_t tokens) override;
  Result<> set_adapters(std::span<const Adapter> adapters) override;

 private:
  bool known(SequenceId sequence) const { return sequence >= 0 && static_cast<std::uint32_t>(sequence) < info_.sequences_max; }
  bool is_unified() const { return info_.layout == CacheLayout::kUnified; }
  bool fits(std::span<const StepSlice> slices) const;
  void fill_batch(std::span<const StepSlice> slices);
  Result<StepOutcome> outcome_of(std::int32_t code, std::span<const StepSlice> slices, const LlamaErrorLog& log);
  // Reads what the library holds of these sequences, after it broke off.
  void resync(std::span<const StepSlice> slices);

  const std::unique_ptr<LlamaCompute> compute_;
  const llama_memory_t memory_;
  GenerationSessionInfo info_;
  CellLedger ledger_;
  // What share() copied last, for when several take the same prefix one after the other; dropped as soon as anything changes.
  struct Copied {
    SequenceId from = 0;
    std::vector<std::byte> state;
  };
  std::optional<Copied> copied_;
  std::vector<std::size_t> batch_order_;
  struct LogitsRows {
    std::int32_t first = 0;  // in the last batch
    std::uint32_t count = 0;
  };
  std::vector<LogitsRows> logits_rows_;  // of each slice
};

}  // namespace forebay::engines

// Sequences of tokens and the cells they hold, exactly as generation_session.h promises; breaking a promise is kBadStep.
// Threads: confined to the thread of the first call. Owner: the scheduler under test.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "engines/testing/fake_engine.h"

namespace forebay::engines {

class FakeGenerationSession final : public GenerationSession {
 public:
  FakeGenerationSession(std::shared_ptr<LoadedModel> model, std::shared_ptr<const FakeOptions> options,
                        std::shared_ptr<FakeControl> control, const GenerationSessionOptions& wanted);
  ~FakeGenerationSession() override;
  const GenerationSessionInfo& info() const override { return info_; }
  Result<StepOutcome> step(std::span<const StepSlice> slices, const CancelToken& abort) override;
  std::span<const float> logits(std::size_t slice, std::size_t row) const override;
  std::chrono::nanoseconds waited() const override { return options_->waited ? options_->waited() : std::chrono::nanoseconds(0); }
  void rest() override { ++control_->counters.rests; }
  std::int32_t length(SequenceId sequence) const override;
  std::uint32_t cells_used() const override { return static_cast<std::uint32_t>(cells_.size()); }
  bool trim(SequenceId sequence, std::int32_t tokens) override;
  Result<> share(SequenceId from, SequenceId to, std::int32_t tokens) override;
  Result<std::vector<std::byte>> save(SequenceId sequence) override;
  Result<> restore(SequenceId sequence, std::span<const std::byte> state, std::int32_t tokens) override;
  Result<> set_adapters(std::span<const Adapter> adapters) override;

 private:
  using Cell = std::uint64_t;
  struct Sequence {
    std::vector<Token> tokens;
    std::vector<Cell> cells;  // one a token
  };

  bool is_unified() const { return info_.layout == CacheLayout::kUnified; }
  bool on_own_thread();
  bool is_broken(std::size_t slices);
  bool known(SequenceId sequence) const { return sequence >= 0 && static_cast<std::uint32_t>(sequence) < info_.sequences_max; }
  // Whether every sequence gets its further cells, all together.
  bool has_cells(std::span<const StepSlice> slices) const;
  bool has_cells(std::size_t sequence, std::size_t further) const;
  std::uint32_t cells_max() const;
  void append(Sequence& sequence, std::span<const Token> tokens);
  void drop_after(Sequence& sequence, std::size_t tokens);
  void compute_logits(std::span<const StepSlice> slices);
  void publish();

  std::shared_ptr<LoadedModel> model_;
  std::shared_ptr<const FakeOptions> options_;
  std::shared_ptr<FakeControl> control_;
  GenerationSessionInfo info_;
  FakeScript script_;
  bool broken_ = false;
  std::vector<Sequence> sequences_;
  std::map<Cell, std::size_t> cells_;  // how many sequences hold it
  Cell next_cell_ = 0;
  std::vector<std::vector<std::vector<float>>> logits_;  // of each slice, of each row
  std::vector<Adapter> adapters_;
  std::optional<std::thread::id> thread_;
  std::size_t sequences_published_ = 0;
  std::size_t cells_published_ = 0;
};

}  // namespace forebay::engines

#include "engines/testing/fake_generation_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "engines/errors.h"

namespace forebay::engines {

FakeGenerationSession::FakeGenerationSession(std::shared_ptr<LoadedModel> model, std::shared_ptr<const FakeOptions> options,
                                             std::shared_ptr<FakeControl> control, const GenerationSessionOptions& wanted)
    : model_(std::move(model)),
      options_(std::move(options)),
      control_(std::move(control)),
      script_(options_->script ? options_->script : hashed_script()),
      sequences_(wanted.sequences_max) {
  info_.context_tokens = wanted.context_tokens == 0 ? options_->context_tokens : wanted.context_tokens;
  info_.sequences_max = wanted.sequences_max;
  info_.layout = wanted.layout;
  info_.sequence_tokens_max = is_unified() ? info_.context_tokens : info_.context_tokens / wanted.sequences_max;
  info_.step_tokens_max = wanted.step_tokens_max;
  info_.step_logits_max = std::min(wanted.step_logits_max == 0 ? wanted.sequences_max : wanted.step_logits_max, wanted.step_tokens_max);
  info_.vocabulary_size = kFakeVocabularySize;
  info_.can_trim = control_->switches.can_trim;
  info_.can_share = control_->switches.can_share;
  info_.state_format = "fake";
  ++control_->counters.sessions_opened;
  ++control_->counters.sessions_open;
}

FakeGenerationSession::~FakeGenerationSession() {
  on_own_thread();
  sequences_.clear();
  cells_.clear();
  publish();
  control_->note_destroyed();
  --control_->counters.sessions_open;
}

bool FakeGenerationSession::on_own_thread() {
  if (!thread_) thread_ = std::this_thread::get_id();
  if (*thread_ == std::this_thread::get_id()) return true;
  ++control_->counters.used_on_another_thread;
  return false;
}

bool FakeGenerationSession::is_broken(std::size_t slices) {
  auto& left = control_->switches.sessions_to_break;
  std::uint64_t seen = slices >= control_->switches.break_slices_min ? left.load() : 0;
  while (!broken_ && seen > 0) broken_ = left.compare_exchange_weak(seen, seen - 1);
  return broken_;
}

std::uint32_t FakeGenerationSession::cells_max() const {
  const std::int64_t limit = control_->switches.cells_max;
  return limit >= 0 ? static_cast<std::uint32_t>(limit) : info_.context_tokens;
}

bool FakeGenerationSession::has_cells(std::size_t sequence, std::size_t further) const {
  return sequences_[sequence].tokens.size() + further <= info_.sequence_tokens_max && cells_.size() + further <= cells_max();
}

bool FakeGenerationSession::has_cells(std::span<const StepSlice> slices) const {
  std::size_t further = 0;
  for (const StepSlice& slice : slices) {
    if (!has_cells(static_cast<std::size_t>(slice.sequence), slice.tokens.size())) return false;
    further += slice.tokens.size();
  }
  return cells_.size() + further <= cells_max();
}

void FakeGenerationSession::append(Sequence& sequence, std::span<const Token> tokens) {
  for (const Token token : tokens) {
    sequence.tokens.push_back(token);
    sequence.cells.push_back(next_cell_);
    cells_[next_cell_++] = 1;
  }
}

void FakeGenerationSession::drop_after(Sequence& sequence, std::size_t tokens) {
  while (sequence.tokens.size() > tokens) {
    const auto cell = cells_.find(sequence.cells.back());
    if (--cell->second == 0) cells_.erase(cell);
    sequence.tokens.pop_back();
    sequence.cells.pop_back();
  }
}

void FakeGenerationSession::compute_logits(std::span<const StepSlice> slices) {
  logits_.assign(slices.size(), {});
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const auto& held = sequences_[static_cast<std::size_t>(slices[i].sequence)].tokens;
    for (std::size_t row = 0; row < slices[i].logits; ++row) {
      std::vector<Token> history(held.begin(), held.end() - static_cast<std::ptrdiff_t>(slices[i].logits - 1 - row));
      // Adapters change the answer, as low-rank weights would.
      for (const Adapter& adapter : adapters_) history.insert(history.begin(), static_cast<Token>(adapter.scale * 16) & 255);
      auto& logits = logits_[i].emplace_back(kFakeVocabularySize, 0.0F);
      script_(history, logits);
    }
  }
}

void FakeGenerationSession::publish() {
  std::size_t held = 0;
  for (const Sequence& sequence : sequences_) held += sequence.tokens.empty() ? 0 : 1;
  auto& counters = control_->counters;
  counters.sequences_held += held - sequences_published_;
  counters.cells_held += cells_.size() - cells_published_;
  sequences_published_ = held;
  cells_published_ = cells_.size();
}

Result<StepOutcome> FakeGenerationSession::step(std::span<const StepSlice> slices, const CancelToken& abort) {
  auto& counters = control_->counters;
  logits_.clear();
  Result<> right = on_own_thread() ? check_step(slices, *this) : fail(kBadStep, "the session belongs to another thread");
  if (!right) {
    ++counters.bad_steps;
    return fail(std::move(right).error());
  }
  const std::uint64_t number = ++counters.steps;
  std::vector<std::size_t> sizes;
  for (const StepSlice& slice : slices) sizes.push_back(slice.tokens.size());
  control_->note_step(std::move(sizes));
  if (!has_cells(slices)) {
    ++counters.no_cells;
    return StepOutcome::kNoCells;
  }
  if (options_->on_step) options_->on_step(slices);
  if (!control_->pass_block(abort) || abort.cancelled()) {
    ++counters.aborts;
    if (control_->switches.abort_keeps_half) {
      append(sequences_[static_cast<std::size_t>(slices[0].sequence)], slices[0].tokens.first(slices[0].tokens.size() / 2));
    }
    publish();
    return StepOutcome::kAborted;
  }
  if (is_broken(slices.size())) return fail(kStepFailed, "the fake was told to break this session");
  if (number == control_->switches.step_fails_at) return fail(kStepFailed, fmt::format("the fake was told to fail step {}", number));
  for (const StepSlice& slice : slices) {
    append(sequences_[static_cast<std::size_t>(slice.sequence)], slice.tokens);
    counters.tokens += slice.tokens.size();
  }
  counters.slices += slices.size();
  compute_logits(slices);
  publish();
  return StepOutcome::kDone;
}

std::span<const float> FakeGenerationSession::logits(std::size_t slice, std::size_t row) const {
  if (slice >= logits_.size() || row >= logits_[slice].size()) return {};
  return logits_[slice][row];
}

std::int32_t FakeGenerationSession::length(SequenceId sequence) const {
  return known(sequence) ? static_cast<std::int32_t>(sequences_[static_cast<std::size_t>(sequence)].tokens.size()) : 0;
}

bool FakeGenerationSession::trim(SequenceId sequence, std::int32_t tokens) {
  if (!on_own_thread() || !known(sequence) || tokens < 0 || tokens > length(sequence)) return false;
  if (tokens == length(sequence)) return true;
  if (tokens != 0 && !info_.can_trim) return false;
  drop_after(sequences_[static_cast<std::size_t>(sequence)], static_cast<std::size_t>(tokens));
  publish();
  return true;
}

Result<> FakeGenerationSession::share(SequenceId from, SequenceId to, std::int32_t tokens) {
  if (!on_own_thread()) return fail(kShareRefused, "the session belongs to another thread");
  if (!info_.can_share) return fail(kShareRefused, "the fake was told that it cannot share");
  if (!known(from) || !known(to) || from == to) return fail(kShareRefused, fmt::format("cannot share from sequence {} to {}", from, to));
  if (tokens <= 0 || tokens > length(from))
    return fail(kShareRefused, fmt::format("sequence {} has {} tokens, not {}", from, length(from), tokens));
  if (length(to) != 0) return fail(kShareRefused, fmt::format("sequence {} is not empty", to));
  const Sequence& source = sequences_[static_cast<std::size_t>(from)];
  Sequence& target = sequences_[static_cast<std::size_t>(to)];
  const auto count = static_cast<std::size_t>(tokens);
  if (is_unified()) {
    target.tokens.assign(source.tokens.begin(), source.tokens.begin() + tokens);
    target.cells.assign(source.cells.begin(), source.cells.begin() + tokens);
    for (const Cell cell : target.cells) ++cells_[cell];
  } else {
    if (!has_cells(static_cast<std::size_t>(to), count)) return fail(kShareRefused, "no cells for the copy");
    append(target, std::span(source.tokens).first(count));
  }
  ++control_->counters.shares;
  publish();
  return {};
}

Result<std::vector<std::byte>> FakeGenerationSession::save(SequenceId sequence) {
  if (!on_own_thread() || length(sequence) == 0) return fail(kStateRefused, fmt::format("sequence {} has nothing to save", sequence));
  const auto bytes = std::as_bytes(std::span(sequences_[static_cast<std::size_t>(sequence)].tokens));
  ++control_->counters.saves;
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

Result<> FakeGenerationSession::restore(SequenceId sequence, std::span<const std::byte> state, std::int32_t tokens) {
  if (!on_own_thread() || !known(sequence) || length(sequence) != 0)
    return fail(kStateRefused, fmt::format("sequence {} is not empty", sequence));
  if (tokens <= 0 || state.size() != static_cast<std::size_t>(tokens) * sizeof(Token))
    return fail(kStateRefused, "the state has another length");
  std::vector<Token> history(static_cast<std::size_t>(tokens));
  std::memcpy(history.data(), state.data(), state.size());
  if (!has_cells(static_cast<std::size_t>(sequence), history.size())) return fail(kStateRefused, "no cells for the state");
  append(sequences_[static_cast<std::size_t>(sequence)], history);
  ++control_->counters.restores;
  publish();
  return {};
}

Result<> FakeGenerationSession::set_adapters(std::span<const Adapter> adapters) {
  for (const Adapter& adapter : adapters) {
    if (adapter.path.empty()) return fail(kAdapterRefused, "the adapter has no path");
  }
  adapters_.assign(adapters.begin(), adapters.end());
  return {};
}

}  // namespace forebay::engines

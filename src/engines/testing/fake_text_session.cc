#include "engines/testing/fake_text_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <set>

#include "engines/errors.h"
#include "text/errors.h"

namespace forebay::engines {

FakeTextSession::FakeTextSession(std::shared_ptr<LoadedModel> model, std::shared_ptr<const FakeOptions> options,
                                 std::shared_ptr<FakeControl> control, const TextSessionOptions& wanted)
    : model_(std::move(model)),
      options_(std::move(options)),
      control_(std::move(control)),
      unified_(wanted.unified_cells),
      embeddings_(wanted.embeddings),
      script_(options_->script ? options_->script : hashed_script()),
      sequences_(wanted.sequences_max) {
  info_.context_tokens = wanted.context_tokens == 0 ? options_->context_tokens : wanted.context_tokens;
  info_.sequences_max = wanted.sequences_max;
  info_.sequence_tokens_max = unified_ ? info_.context_tokens : info_.context_tokens / wanted.sequences_max;
  info_.step_tokens_max = wanted.step_tokens_max;
  info_.vocabulary_size = kFakeVocabularySize;
  info_.embedding_length = options_->embedding_length;
  info_.can_trim = control_->switches.can_trim;
  info_.can_share = control_->switches.can_share;
  info_.separate_cells = !unified_;
  info_.state_format = "fake";
  if (embeddings_) info_.pooling = wanted.pooling == Pooling::kRank ? "rank" : "mean";
  ++control_->counters.sessions_opened;
  ++control_->counters.sessions_open;
}

FakeTextSession::~FakeTextSession() {
  on_own_thread();
  sequences_.clear();
  cells_.clear();
  publish();
  control_->note_destroyed();
  --control_->counters.sessions_open;
}

bool FakeTextSession::on_own_thread() {
  if (!thread_) thread_ = std::this_thread::get_id();
  if (*thread_ == std::this_thread::get_id()) return true;
  ++control_->counters.used_on_another_thread;
  return false;
}

Result<> FakeTextSession::check(std::span<const StepSlice> slices) const {
  if (embeddings_) return fail(kBadStep, "the session was opened for embeddings");
  if (slices.empty()) return fail(kBadStep, "a step needs a slice");
  std::set<SequenceId> seen;
  std::size_t tokens = 0;
  for (const StepSlice& slice : slices) {
    if (!known(slice.sequence)) return fail(kBadStep, fmt::format("sequence {} does not exist", slice.sequence));
    if (!seen.insert(slice.sequence).second) return fail(kBadStep, fmt::format("sequence {} appears twice", slice.sequence));
    if (slice.tokens.empty()) return fail(kBadStep, fmt::format("the slice of sequence {} is empty", slice.sequence));
    if (slice.position != length(slice.sequence)) {
      return fail(kBadStep,
                  fmt::format("sequence {} has {} tokens, the slice starts at {}", slice.sequence, length(slice.sequence), slice.position));
    }
    for (const Token token : slice.tokens) {
      if (token < 0 || token >= kFakeVocabularySize) return fail(kBadStep, fmt::format("token {} is not in the vocabulary", token));
    }
    tokens += slice.tokens.size();
  }
  if (tokens > info_.step_tokens_max)
    return fail(kBadStep, fmt::format("{} tokens in a step of at most {}", tokens, info_.step_tokens_max));
  return {};
}

bool FakeTextSession::is_broken(std::size_t slices) {
  auto& left = control_->switches.sessions_to_break;
  std::uint64_t seen = slices >= control_->switches.break_slices_min ? left.load() : 0;
  while (!broken_ && seen > 0) broken_ = left.compare_exchange_weak(seen, seen - 1);
  return broken_;
}

std::uint32_t FakeTextSession::cells_max() const {
  const std::int64_t limit = control_->switches.cells_max;
  return limit >= 0 ? static_cast<std::uint32_t>(limit) : info_.context_tokens;
}

bool FakeTextSession::has_cells(std::size_t sequence, std::size_t further) const {
  return sequences_[sequence].tokens.size() + further <= info_.sequence_tokens_max && cells_.size() + further <= cells_max();
}

bool FakeTextSession::has_cells(std::span<const StepSlice> slices) const {
  std::size_t further = 0;
  for (const StepSlice& slice : slices) {
    if (!has_cells(static_cast<std::size_t>(slice.sequence), slice.tokens.size())) return false;
    further += slice.tokens.size();
  }
  return cells_.size() + further <= cells_max();
}

void FakeTextSession::append(Sequence& sequence, std::span<const Token> tokens) {
  for (const Token token : tokens) {
    sequence.tokens.push_back(token);
    sequence.cells.push_back(next_cell_);
    cells_[next_cell_++] = 1;
  }
}

void FakeTextSession::drop_after(Sequence& sequence, std::size_t tokens) {
  while (sequence.tokens.size() > tokens) {
    const auto cell = cells_.find(sequence.cells.back());
    if (--cell->second == 0) cells_.erase(cell);
    sequence.tokens.pop_back();
    sequence.cells.pop_back();
  }
}

void FakeTextSession::compute_logits(std::span<const StepSlice> slices) {
  logits_.assign(slices.size(), {});
  for (std::size_t i = 0; i < slices.size(); ++i) {
    if (!slices[i].wants_logits) continue;
    std::vector<Token> history = sequences_[static_cast<std::size_t>(slices[i].sequence)].tokens;
    // Adapters change the answer, as low-rank weights would.
    for (const Adapter& adapter : adapters_) history.insert(history.begin(), static_cast<Token>(adapter.scale * 16) & 255);
    logits_[i].assign(kFakeVocabularySize, 0.0F);
    script_(history, logits_[i]);
  }
}

void FakeTextSession::publish() {
  std::size_t held = 0;
  for (const Sequence& sequence : sequences_) held += sequence.tokens.empty() ? 0 : 1;
  auto& counters = control_->counters;
  counters.sequences_held += held - sequences_published_;
  counters.cells_held += cells_.size() - cells_published_;
  sequences_published_ = held;
  cells_published_ = cells_.size();
}

Result<StepOutcome> FakeTextSession::step(std::span<const StepSlice> slices, const CancelToken& abort) {
  auto& counters = control_->counters;
  logits_.clear();
  Result<> right = on_own_thread() ? check(slices) : fail(kBadStep, "the session belongs to another thread");
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

std::span<const float> FakeTextSession::logits(std::size_t slice) const {
  return slice < logits_.size() ? std::span<const float>(logits_[slice]) : std::span<const float>();
}

std::int32_t FakeTextSession::length(SequenceId sequence) const {
  return known(sequence) ? static_cast<std::int32_t>(sequences_[static_cast<std::size_t>(sequence)].tokens.size()) : 0;
}

bool FakeTextSession::trim(SequenceId sequence, std::int32_t tokens) {
  if (!on_own_thread() || !known(sequence) || tokens < 0 || tokens > length(sequence)) return false;
  if (tokens == length(sequence)) return true;
  if (tokens != 0 && !info_.can_trim) return false;
  drop_after(sequences_[static_cast<std::size_t>(sequence)], static_cast<std::size_t>(tokens));
  publish();
  return true;
}

Result<> FakeTextSession::share(SequenceId from, SequenceId to, std::int32_t tokens) {
  if (!on_own_thread()) return fail(kShareRefused, "the session belongs to another thread");
  if (!info_.can_share) return fail(kShareRefused, "the fake was told that it cannot share");
  if (!known(from) || !known(to) || from == to) return fail(kShareRefused, fmt::format("cannot share from sequence {} to {}", from, to));
  if (tokens <= 0 || tokens > length(from))
    return fail(kShareRefused, fmt::format("sequence {} has {} tokens, not {}", from, length(from), tokens));
  if (length(to) != 0) return fail(kShareRefused, fmt::format("sequence {} is not empty", to));
  const Sequence& source = sequences_[static_cast<std::size_t>(from)];
  Sequence& target = sequences_[static_cast<std::size_t>(to)];
  const auto count = static_cast<std::size_t>(tokens);
  if (unified_) {
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

Result<std::vector<std::byte>> FakeTextSession::save(SequenceId sequence) {
  if (!on_own_thread() || length(sequence) == 0) return fail(kStateRefused, fmt::format("sequence {} has nothing to save", sequence));
  const auto bytes = std::as_bytes(std::span(sequences_[static_cast<std::size_t>(sequence)].tokens));
  ++control_->counters.saves;
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

Result<> FakeTextSession::restore(SequenceId sequence, std::span<const std::byte> state, std::int32_t tokens) {
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

Result<std::vector<std::vector<float>>> FakeTextSession::embed(const EmbeddingTexts& batch, const CancelToken& abort) {
  const auto texts = batch.tokens;
  auto& counters = control_->counters;
  if (!on_own_thread()) return fail(kEmbeddingFailed, "the session belongs to another thread");
  if (!embeddings_) return fail(kWrongKindOfModel, "the session was not opened for embeddings");
  const std::uint64_t number = ++counters.embeds;
  std::vector<std::vector<float>> vectors;
  std::size_t packed_tokens = 0;
  std::size_t packed_texts = 0;
  for (const auto& text : texts) {
    const std::size_t index = vectors.size();
    if (text.empty()) return fail(kEmbeddingFailed, fmt::format("text {} has no tokens", index));
    if (text.size() > info_.step_tokens_max) {
      return fail(Error(text::kTextTooLong, fmt::format("text {} has {} tokens, at most {} fit", index, text.size(), info_.step_tokens_max))
                      .with_field(fmt::format("input[{}]", index)));
    }
    if (index == 0 || packed_tokens + text.size() > info_.step_tokens_max || packed_texts == info_.sequences_max) {
      ++counters.computations;
      packed_tokens = packed_texts = 0;
    }
    packed_tokens += text.size();
    ++packed_texts;
    counters.tokens += text.size();
    vectors.push_back(info_.pooling == "rank" ? fake_embedding(text, 1) : fake_embedding(text, info_.embedding_length));
  }
  counters.texts += texts.size();
  if (!control_->pass_block(abort) || abort.cancelled()) {
    ++counters.aborts;
    return fail(abort.error());
  }
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    if (!std::ranges::contains(batch.tokens[i], control_->switches.not_finite_token.load())) continue;
    vectors[i].front() = std::numeric_limits<float>::quiet_NaN();
    vectors[i].back() = -std::numeric_limits<float>::infinity();
  }
  if (number == control_->switches.embed_fails_at)
    return fail(kEmbeddingFailed, fmt::format("the fake was told to fail embedding {}", number));
  return vectors;
}

Result<> FakeTextSession::set_adapters(std::span<const Adapter> adapters) {
  for (const Adapter& adapter : adapters) {
    if (adapter.path.empty()) return fail(kAdapterRefused, "the adapter has no path");
  }
  adapters_.assign(adapters.begin(), adapters.end());
  return {};
}

}  // namespace forebay::engines

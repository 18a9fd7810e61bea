#include "scheduling/generation_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "base/errors.h"
#include "scheduling/errors.h"

namespace forebay::scheduling {

using engines::CacheLayout;
using engines::StepOutcome;

namespace {
double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// A model that reuses whole texts only is stopped where a checkpoint of its prompt is taken.
StepLimits limits_of(const engines::GenerationSessionInfo& info) {
  return {.step_tokens_max = info.step_tokens_max,
          .chunk_ends_at = info.can_trim ? 0 : PrefixCache::kCheckpointTokens,
          .prompts_apart = info.layout == CacheLayout::kPerSequence};
}
}  // namespace

GenerationLoop::GenerationLoop(std::unique_ptr<engines::GenerationSession> session, const GenerationOptions& options,
                               const GenerationSurroundings& surroundings)
    : session_(std::move(session)),
      surroundings_(surroundings),
      clock_(*surroundings.context.clock),
      choosing_{surroundings.tokenizer, *surroundings.end_tokens, {}, surroundings.context.metrics},
      cache_(*session_, options.cache.idle_cells_max, surroundings.lower, surroundings.counters->prefix),
      chunk_tokens_min_(options.prompt_chunk_tokens_min),
      pace_(options.inter_token_max, options.prompt_chunk_tokens_min, session_->info().layout == CacheLayout::kUnified),
      builder_(limits_of(session_->info())) {
  surroundings_.counters->cells_max += session_->info().context_tokens;
  clears_done_ = surroundings_.counters->cache_clears;
  publish();
}

GenerationLoop::~GenerationLoop() {
  shut_down();
  surroundings_.counters->cells_max -= session_->info().context_tokens;
  surroundings_.counters->cells_used -= published_cells_;
}

bool GenerationLoop::run_once() {
  const Instant now = clock_.now();
  step_began_.reset();
  clear_if_asked();
  const bool left = leave(now);
  const bool joined = join(now);
  if (running_.empty()) {
    if (left || joined) publish();
    return left || joined;
  }
  const bool computed = compute();
  publish();
  return computed || left || joined;
}

// --- leave ------------------------------------------------------------------------------------------------------------

bool GenerationLoop::leave(Instant now) {
  bool any = false;
  for (auto* sequences : {&running_, &parked_}) {
    for (auto& sequence : *sequences) any |= end_dead(*sequence, now);
  }
  if (any) remove_ended();
  return any;
}

bool GenerationLoop::end_dead(Sequence& sequence, Instant now) {
  if (sequence.ticket().cancel.cancelled()) {
    sequence.end_cancelled(now);
  } else if (sequence.ticket().deadline && *sequence.ticket().deadline <= now) {
    sequence.end_at_deadline(now);
  }
  return sequence.ended();
}

void GenerationLoop::shut_down() {
  const Instant now = clock_.now();
  for (auto* sequences : {&running_, &parked_}) {
    for (auto& sequence : *sequences) sequence->fail(Error(kShuttingDown, "the model is being unloaded"), now);
  }
  remove_ended();
  publish();
}

void GenerationLoop::close() {
  clear_if_asked();
  for (auto& sequence : running_) {
    cache_.leave_holding(sequence->slot, sequence->text().first(sequence->computed));
    sequence->slot = -1;
  }
  shut_down();
  save_finished();
}

void GenerationLoop::save_finished() {
  while (cache_.give_up_one()) {
  }
  publish();
}

std::vector<std::unique_ptr<Sequence>> GenerationLoop::give_up_all() {
  for (auto& sequence : running_) {
    cache_.leave_empty(sequence->slot);
    sequence->slot = -1;
    sequence->computed = 0;
    sequence->suspect = sequence->waiting = false;
  }
  Sequences all = std::exchange(running_, {});
  std::ranges::move(std::exchange(parked_, {}), std::back_inserter(all));
  crowded_ = false;
  publish();
  return all;
}

void GenerationLoop::adopt(std::unique_ptr<Sequence> sequence) {
  parked_.push_back(std::move(sequence));
  publish();
}

void GenerationLoop::remove_ended() {
  const Instant now = clock_.now();
  for (auto* sequences : {&running_, &parked_}) {
    for (auto& sequence : *sequences) {
      if (sequence->ended()) release(*sequence);
    }
    const auto gone = std::erase_if(*sequences, [](const auto& sequence) { return sequence->ended(); });
    for (std::size_t i = 0; i < gone; ++i) surroundings_.dispatcher->finished(now);
    if (gone > 0) crowded_ = false;
  }
}

void GenerationLoop::release(Sequence& sequence) {
  auto& counters = *surroundings_.counters;
  if (sequence.finish_reason() == FinishReason::kCancelled || sequence.ticket().cancel.cancelled())
    ++counters.cancelled;
  else if (sequence.finish_reason() == FinishReason::kError)
    ++counters.failed;
  else
    ++counters.finished;
  if (sequence.slot < 0) return;
  // What it held may be the beginning of the next request; after a failure nobody vouches for it.
  if (sequence.finish_reason() != FinishReason::kError)
    cache_.leave_holding(sequence.slot, sequence.text().first(sequence.computed));
  else
    cache_.leave_empty(sequence.slot);
  sequence.slot = -1;
}

// What this loop saved between the request to clear and now goes, too.
void GenerationLoop::clear_if_asked() {
  const std::uint64_t asked = surroundings_.counters->cache_clears;
  if (std::exchange(clears_done_, asked) == asked) return;
  cache_.clear();
  if (surroundings_.lower.ram != nullptr) surroundings_.lower.ram->clear();
  if (surroundings_.lower.disk != nullptr) surroundings_.lower.disk->clear();
}

// --- join -------------------------------------------------------------------------------------------------------------

bool GenerationLoop::join(Instant now) {
  bool any = false;
  while (!parked_.empty() && resume_parked()) any = true;
  while (parked_.empty() && join_next(now)) any = true;
  return any;
}

// Cells for what everybody holds now and will hold soon, counting once what several share; what finished sequences left behind does not
// count, it can go. With cells of its own, every sequence has its part.
bool GenerationLoop::fits(std::size_t cells_soon) const {
  if (!cache_.any_free()) return false;
  if (running_.empty()) return true;
  if (crowded_ || running_.size() >= sequences_allowed()) return false;
  if (session_->info().layout == CacheLayout::kPerSequence) return true;
  for (const auto& sequence : running_) cells_soon += sequence->cells_after(kCellsAhead) - sequence->shared;
  return cells_soon <= session_->info().context_tokens;
}

PressureLevel GenerationLoop::pressure() const {
  const PressureGauge* gauge = surroundings_.context.pressure;
  return gauge == nullptr ? PressureLevel::kNormal : gauge->level();
}

// While memory is short fewer texts run at once. Who runs already goes on.
std::size_t GenerationLoop::sequences_allowed() const {
  const std::size_t all = session_->info().sequences_max;
  const PressureLevel level = pressure();
  return level == PressureLevel::kNormal ? all : level == PressureLevel::kElevated ? std::max<std::size_t>(1, all / 2) : 1;
}

std::size_t GenerationLoop::cells_for(const Offer& offer) const {
  return offer.prompt->size() + std::min<std::size_t>(offer.tokens_max - 1, kCellsAhead) - cache_.shared_with_running(offer.text());
}

bool GenerationLoop::resume_parked() {
  Sequence& sequence = *parked_.front();
  if (!fits(sequence.cells_after(kCellsAhead) - cache_.shared_with_running(sequence.text()))) return false;
  const auto place =
      *(sequence.saved.empty() ? cache_.enter(sequence.text()) : cache_.enter_saved(sequence.text(), sequence.saved, sequence.computed));
  sequence.take_place(place);
  sequence.saved = {};
  sequence.saved_bytes.release();
  running_.push_back(std::move(parked_.front()));
  parked_.erase(parked_.begin());
  return true;
}

// The watch answers them too, but it may be busy.
bool GenerationLoop::answer_dead(Instant now) {
  auto dead = surroundings_.dispatcher->with([&](Dispatcher::Queue& queue, Routes&) { return queue.take_dead(now); });
  if (!dead) return false;
  surroundings_.context.metrics->queue_seconds.observe(seconds(dead->waited));
  answer_unstarted(dead->work, dead->ticket, *dead->error, dead->waited);
  ++(dead->ticket.cancel.cancelled() ? surroundings_.counters->cancelled : surroundings_.counters->failed);
  return true;
}

bool GenerationLoop::join_next(Instant now) {
  Dispatcher& dispatcher = *surroundings_.dispatcher;
  if (dispatcher.size() == 0) return false;
  if (answer_dead(now)) return true;
  const auto offer = dispatcher.offer(surroundings_.worker);
  if (!offer) return false;
  if (!fits(cells_for(*offer))) {
    dispatcher.decline(surroundings_.worker, offer->id);
    return false;
  }
  auto taken = dispatcher.accept(surroundings_.worker, offer->id);
  if (!taken) return true;  // it is another worker's now, or has ended
  const auto& metrics = *surroundings_.context.metrics;
  metrics.queue_seconds.observe(seconds(taken->waited));
  metrics.queued.set(static_cast<double>(dispatcher.size()));
  if (taken->error) {
    answer_unstarted(taken->work, taken->ticket, *taken->error, taken->waited);
    ++(taken->ticket.cancel.cancelled() ? surroundings_.counters->cancelled : surroundings_.counters->failed);
    return true;
  }
  clear_if_asked();  // it may have come after that
  auto sequence = std::make_unique<Sequence>(std::move(taken->ticket), std::move(taken->work), now);
  sequence->take_place(*cache_.enter(sequence->text()));
  metrics.prompt_tokens.increment(static_cast<double>(sequence->tokens().size()));
  metrics.cached_prompt_tokens.increment(static_cast<double>(sequence->note_reused(sequence->computed)));
  running_.push_back(std::move(sequence));
  return true;
}

// --- compute ----------------------------------------------------------------------------------------------------------

void GenerationLoop::prepare() {
  if (session_->info().layout == CacheLayout::kPerSequence) close_gaps();
  const auto decodes =
      static_cast<std::size_t>(std::ranges::count_if(running_, [](const auto& sequence) { return sequence->is_decoding(); }));
  for (auto& sequence : running_) {
    if (sequence->shifts() && sequence->tokens().size() > session_->info().sequence_tokens_max) shift(*sequence);
    if (sequence->is_decoding()) continue;
    const std::size_t before = sequence->computed;
    sequence->waiting = cache_.waits(sequence->slot, sequence->text(), sequence->computed);
    if (sequence->computed > before)
      surroundings_.context.metrics->cached_prompt_tokens.increment(static_cast<double>(sequence->note_reused(sequence->computed)));
    if (!sequence->waiting) fill_tile(*sequence, decodes);
  }
}

// Deep in a text the rest of a prompt that is most of a tile takes longer than the whole tile: what stands before it is computed again.
void GenerationLoop::fill_tile(Sequence& sequence, std::size_t decodes) {
  constexpr std::size_t kDeepTokens = 256;
  const std::size_t tile = pace_.tile_tokens(decodes);
  if (sequence.tile_filled || !session_->info().can_trim || sequence.computed < kDeepTokens) return;
  if (sequence.pending() < StepPace::kTileTokens / 2 || sequence.pending() >= tile) return;
  sequence.tile_filled = true;
  const std::size_t kept = sequence.tokens().size() - tile;
  if (!session_->trim(sequence.slot, static_cast<std::int32_t>(kept))) return;
  sequence.computed = kept;
  sequence.shared = std::min(sequence.shared, kept);
}

// The context is full: the older half goes, and the rest is computed again at its new place, which every model can do.
void GenerationLoop::shift(Sequence& sequence) {
  const std::size_t kept = sequence.forget_oldest();
  sequence.computed = cache_.rewrite(sequence.slot, sequence.text(), std::min(kept, sequence.computed));
  sequence.shared = 0;
}

// The shorter of the two at the ends moves between the others, as often as that closes a gap.
void GenerationLoop::close_gaps() {
  for (std::size_t moves = 0; moves < running_.size(); ++moves) {
    std::ranges::sort(running_, {}, &Sequence::slot);
    Sequence& lowest = *running_.front();
    Sequence& highest = *running_.back();
    if (highest.slot - lowest.slot < static_cast<engines::SequenceId>(running_.size())) return;
    Sequence& shorter = lowest.computed < highest.computed ? lowest : highest;
    shorter.slot = cache_.move_inward(shorter.slot);
  }
}

// False when everybody waits for what others read.
bool GenerationLoop::compute() {
  prepare();
  builder_.build(running_, pace_, pressure() == PressureLevel::kNormal ? SIZE_MAX : chunk_tokens_min_);
  if (builder_.slices().empty()) return false;
  const CancelToken abort = surroundings_.watch->begin(builder_.abortable());
  // A cancel between leave() and begin() found nothing to abort yet.
  for (const Sequence* sequence : builder_.members()) {
    if (sequence->serial() == builder_.abortable() && sequence->ticket().cancel.cancelled()) {
      surroundings_.watch->end();
      return true;
    }
  }
  const Instant began = *(step_began_ = clock_.now());
  const auto outcome = step(abort);
  const Instant ended = clock_.now();
  surroundings_.watch->end();
  if (!outcome) {
    after_failure(outcome.error());
  } else if (*outcome == StepOutcome::kNoCells) {
    make_room();
  } else if (*outcome == StepOutcome::kAborted) {
    for (Sequence* sequence : builder_.members()) resync(*sequence);
  } else {
    failures_in_a_row_ = 0;
    ++steps_done_;
    choose(ended);
    note_step(clock_.now() - began - session_->waited());
  }
  return true;
}

// The session has one adapter at a time, so a step has, too.
Result<StepOutcome> GenerationLoop::step(const CancelToken& abort) {
  if (adapter_ != builder_.adapter()) {
    adapter_.reset();
    std::vector<engines::GenerationSession::Adapter> adapters;
    if (builder_.adapter() != 0) {
      const AdapterSource& wanted = surroundings_.context.adapters.at(builder_.adapter() - 1);
      adapters.push_back({wanted.path, wanted.scale});
    }
    TRY(session_->set_adapters(adapters));
    adapter_ = builder_.adapter();
  }
  return session_->step(builder_.slices(), abort);
}

void GenerationLoop::choose(Instant now) {
  bool any_ended = false;
  const auto slices = builder_.slices();
  for (std::size_t i = 0; i < slices.size(); ++i) {
    Sequence& sequence = *builder_.members()[i];
    sequence.computed += slices[i].tokens.size();
    if (!sequence.is_decoding() && sequence.computed % PrefixCache::kCheckpointTokens == 0)
      cache_.checkpoint(sequence.slot, sequence.text().first(sequence.computed));
    sequence.suspect = false;
    if (slices[i].logits > 0) any_ended |= sequence.choose(session_->logits(i), choosing_, now);
  }
  if (any_ended) remove_ended();
}

// `took`: computing and choosing; a slow grammar makes the next token of every sequence late, too.
void GenerationLoop::note_step(Duration took) {
  auto& counters = *surroundings_.counters;
  pace_.note(builder_.decodes(), builder_.prompts(), took);
  ++counters.steps;
  counters.rows += builder_.tokens();
  const auto& metrics = *surroundings_.context.metrics;
  metrics.inference_seconds.observe(seconds(took));
  metrics.batch_size.observe(static_cast<double>(builder_.slices().size()));
}

// After a step that did not end well: the session says what it holds, and the last token must be computed with logits.
void GenerationLoop::resync(Sequence& sequence) {
  const auto held = static_cast<std::size_t>(std::max(0, session_->length(sequence.slot)));
  sequence.computed = std::min(held, sequence.tokens().size() - 1);
  if (sequence.computed == held) return;
  if (session_->trim(sequence.slot, static_cast<std::int32_t>(sequence.computed))) return;
  session_->trim(sequence.slot, 0);
  sequence.computed = 0;
}

void GenerationLoop::after_failure(const Error& error) {
  const auto members = builder_.members();
  // One bad request fails as often as it is tried; a broken session fails whoever steps.
  if (failed_last_ != members.front()->serial() || failures_in_a_row_ == 0) ++failures_in_a_row_;
  failed_last_ = members.front()->serial();
  failure_ = error;
  for (Sequence* sequence : members) {
    resync(*sequence);
    if (members.size() == 1)
      sequence->fail(error, clock_.now());
    else
      sequence->suspect = true;
  }
  remove_ended();
}

// --- cells ------------------------------------------------------------------------------------------------------------

void GenerationLoop::make_room() {
  if (cache_.give_up_one()) return;
  if (running_.size() > 1) return park(*least_important());
  Sequence& sequence = *running_.front();
  if (sequence.generated() > 0)
    sequence.finish(FinishReason::kLength, clock_.now());
  else
    sequence.fail(Error(kContextFull, fmt::format("This model's maximum context length is {} tokens, and the prompt has {}",
                                                  session_->info().context_tokens, sequence.tokens().size())),
                  clock_.now());
  remove_ended();
}

// Of the lowest priority, the one that came last.
Sequence* GenerationLoop::least_important() const {
  const auto rank = [](const auto& sequence) { return std::tuple(sequence->ticket().priority, sequence->serial()); };
  return std::ranges::max_element(running_, {}, rank)->get();
}

void GenerationLoop::park(Sequence& sequence) {
  const auto place = std::ranges::find(running_, &sequence, &std::unique_ptr<Sequence>::get);
  resync(sequence);
  if (sequence.computed > 0 && surroundings_.context.budget != nullptr && pressure() != PressureLevel::kCritical) {
    if (auto state = session_->save(sequence.slot)) {
      if (auto bytes = surroundings_.context.budget->reserve(state->size(), "the state of a parked sequence")) {
        sequence.saved = *std::move(state);
        sequence.saved_bytes = *std::move(bytes);
      }
    }
  }
  if (sequence.saved.empty()) sequence.computed = 0;
  cache_.leave_empty(sequence.slot);
  sequence.slot = -1;
  sequence.shared = 0;
  sequence.waiting = false;
  crowded_ = true;
  ++surroundings_.counters->preempted;
  parked_.push_back(std::move(*place));
  running_.erase(place);
}

void GenerationLoop::publish() {
  auto& counters = *surroundings_.counters;
  const auto& metrics = *surroundings_.context.metrics;
  const auto running = static_cast<std::uint32_t>(running_.size() + parked_.size());
  const std::uint32_t cells = session_->cells_used();
  if (running != published_running_) {
    counters.running += running - published_running_;
    metrics.running.set(counters.running);
  }
  if (cells != published_cells_) {
    counters.cells_used += cells - published_cells_;
    metrics.cells_used.set(counters.cells_used);
  }
  published_running_ = running;
  published_cells_ = cells;
}

WorkerLoad GenerationLoop::load() const {
  WorkerLoad load{.sequences = static_cast<std::uint32_t>(running_.size() + parked_.size()),
                  .parked = static_cast<std::uint32_t>(parked_.size()),
                  .sequences_max = static_cast<std::uint32_t>(sequences_allowed()),
                  .cells_used = session_->cells_used(),
                  .cells_max = session_->info().context_tokens};
  for (const auto& sequence : running_)
    load.cells_needed += static_cast<std::uint32_t>(sequence->cells_after(kCellsAhead) - sequence->shared);
  return load;
}

}  // namespace forebay::scheduling

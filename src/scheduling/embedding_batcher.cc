#include "scheduling/embedding_batcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/errors.h"
#include "scheduling/errors.h"

namespace forebay::scheduling {

namespace {
// Texts that wait beside the queue to be matched by length: enough for a few batches.
constexpr std::size_t kBatchesAhead = 4;

std::chrono::microseconds microseconds(Duration duration) { return std::chrono::duration_cast<std::chrono::microseconds>(duration); }
double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
}  // namespace

EmbeddingBatcher::EmbeddingBatcher(std::unique_ptr<engines::EmbeddingSession> session, const EmbeddingOptions& options,
                                   const EmbeddingSurroundings& surroundings)
    : session_(std::move(session)), options_(options), surroundings_(surroundings), clock_(*surroundings.context.clock) {}

EmbeddingBatcher::~EmbeddingBatcher() { shut_down(); }

bool EmbeddingBatcher::run_once() {
  const Instant now = clock_.now();
  const bool left = leave(now);
  const bool joined = join(now);
  if (texts_.empty()) return left || joined;
  embed(choose_batch());
  remove_ended();
  return true;
}

// --- leaving and joining ----------------------------------------------------------------------------------------------

bool EmbeddingBatcher::leave(Instant now) {
  bool any = false;
  for (Active& active : active_) {
    const Ticket& ticket = active.taken.ticket;
    if (ticket.cancel.cancelled())
      end(active, fail(ticket.cancel.error()));
    else if (ticket.deadline && *ticket.deadline <= now)
      end(active, fail(kDeadlinePassed, "the deadline passed while the texts were being embedded"));
    any |= active.ended;
  }
  if (any) remove_ended();
  return any;
}

void EmbeddingBatcher::shut_down() {
  for (Active& active : active_) end(active, fail(kShuttingDown, "the model is being unloaded"));
  remove_ended();
}

bool EmbeddingBatcher::join(Instant now) {
  bool any = false;
  while (surroundings_.queue->size() > 0 && texts_.size() < kBatchesAhead * options_.batch_texts_max) {
    auto taken = surroundings_.queue->with([&](Queue& queue, auto&) { return queue.take(now); });
    if (!taken) break;
    any = true;
    activate(*std::move(taken));
  }
  if (any) surroundings_.context.metrics->queued.set(static_cast<double>(surroundings_.queue->size()));
  return any;
}

void EmbeddingBatcher::activate(Queue::Taken taken) {
  surroundings_.context.metrics->queue_seconds.observe(seconds(taken.waited));
  Active& active = active_.emplace_back(std::move(taken));
  ++surroundings_.ledger->counters.running;
  if (active.taken.error) {
    const Error error = *active.taken.error;
    end(active, fail(error));
    remove_ended();
    return;
  }
  const auto& texts = active.taken.work.request.texts;
  active.left = texts.size();
  active.answer.vectors.resize(texts.size());
  active.answer.queued = microseconds(active.taken.waited);
  active.longest_first.resize(texts.size());
  std::iota(active.longest_first.begin(), active.longest_first.end(), 0U);
  std::ranges::stable_sort(active.longest_first, std::greater(), [&](std::uint32_t index) { return texts[index].size(); });
  for (std::uint32_t index = 0; index < texts.size(); ++index) {
    active.answer.tokens += static_cast<std::uint32_t>(texts[index].size());
    texts_.insert(Text{texts[index].size(), active.taken.work.serial, index, &active});
  }
  surroundings_.context.metrics->prompt_tokens.increment(active.answer.tokens);
}

// --- one batch --------------------------------------------------------------------------------------------------------

// The longest waiting text of the request whose turn it is.
EmbeddingBatcher::Text EmbeddingBatcher::first_text() {
  active_.splice(active_.end(), active_, active_.begin());
  Active& active = active_.back();
  while (true) {
    const std::uint32_t index = active.longest_first[active.next];
    const Text text{active.taken.work.request.texts[index].size(), active.taken.work.serial, index, &active};
    if (texts_.contains(text)) return text;
    ++active.next;
  }
}

std::vector<EmbeddingBatcher::Text> EmbeddingBatcher::choose_batch() {
  std::vector<Text> batch{first_text()};
  const std::size_t length = batch.front().tokens;
  const std::size_t tokens_max = std::min<std::size_t>(options_.batch_tokens_max, session_->info().batch_tokens_max);
  std::size_t tokens = length;
  auto above = std::next(texts_.find(batch.front()));
  auto below = std::make_reverse_iterator(texts_.find(batch.front()));
  while (batch.size() < options_.batch_texts_max) {
    const bool up = above != texts_.end() && tokens + above->tokens <= tokens_max;
    // A shorter one further down may fit where this one does not.
    while (below != texts_.rend() && tokens + below->tokens > tokens_max) ++below;
    const bool down = below != texts_.rend();
    if (!up && !down) break;
    const bool take_above = up && (!down || above->tokens - length <= length - below->tokens);
    batch.push_back(take_above ? *above++ : *below++);
    tokens += batch.back().tokens;
  }
  return batch;
}

void EmbeddingBatcher::embed(const std::vector<Text>& batch) {
  auto vectors = compute(batch);
  if (vectors) {
    for (std::size_t i = 0; i < batch.size(); ++i) keep(batch[i], std::move((*vectors)[i]));
  } else if (batch.size() == 1) {
    // An aborted text's request is cancelled, or about to be shut down: leave() and shut_down() say so better.
    Active& active = *batch.front().owner;
    if (!active.taken.ticket.cancel.cancelled()) end(active, fail(std::move(vectors).error()));
  } else {
    for (const Text& text : batch) {
      if (!text.owner->ended && !text.owner->taken.ticket.cancel.cancelled()) embed({text});
    }
  }
}

Result<std::vector<std::vector<float>>> EmbeddingBatcher::compute(std::span<const Text> batch) {
  std::vector<std::vector<Token>> texts;
  std::vector<std::uint32_t> second_from;
  bool pairs = false;
  bool one_owner = true;
  std::size_t tokens = 0;
  for (const Text& text : batch) {
    const EmbeddingRequest& request = text.owner->taken.work.request;
    texts.push_back(request.texts[text.index]);
    pairs |= !request.second_from.empty();
    second_from.push_back(request.second_from.empty() ? static_cast<std::uint32_t>(text.tokens) : request.second_from[text.index]);
    one_owner &= text.owner == batch.front().owner;
    tokens += text.tokens;
  }
  if (!pairs) second_from.clear();
  const CancelToken abort = surroundings_.watch->begin(one_owner ? batch.front().serial : StepWatch::kNobody);
  const Instant began = clock_.now();
  auto vectors = session_->embed({texts, second_from}, abort);
  last_took_ = clock_.now() - began;
  ++batches_;
  surroundings_.watch->end();
  const auto& metrics = *surroundings_.context.metrics;
  metrics.inference_seconds.observe(seconds(last_took_));
  metrics.batch_size.observe(static_cast<double>(batch.size()));
  ++surroundings_.ledger->counters.steps;
  surroundings_.ledger->counters.rows += tokens;
  if (vectors && vectors->size() != batch.size()) {
    return fail(kAnswerShapeWrong, fmt::format("the engine returned {} vectors for {} texts", vectors->size(), batch.size()));
  }
  return vectors;
}

// A vector with NaN or an infinity is no answer: it fails its request before any cache keeps it.
void EmbeddingBatcher::keep(const Text& text, std::vector<float> vector) {
  Active& active = *text.owner;
  texts_.erase(text);
  if (!std::ranges::all_of(vector, [](float value) { return std::isfinite(value); })) {
    return end(active, fail(Error(kVectorNotFinite, fmt::format("the model's numbers for text {} are not finite", text.index))
                                .with_field(fmt::format("input[{}]", text.index))));
  }
  active.answer.vectors[text.index] = std::move(vector);
  if (std::exchange(active.last_batch, batches_) != batches_) active.answer.inference += microseconds(last_took_);
  if (--active.left == 0) end(active, std::move(active.answer));
}

void EmbeddingBatcher::end(Active& active, Result<EmbeddingAnswer> answer) {
  if (active.ended) return;
  active.ended = true;
  surroundings_.ledger->count_end(active.taken.work.pass, active.taken.ticket, answer ? nullptr : &answer.error());
  active.taken.work.done(std::move(answer));
}

void EmbeddingBatcher::remove_ended() {
  const auto ended = [](const Active& active) { return active.ended; };
  if (std::ranges::none_of(active_, ended)) return;
  std::erase_if(texts_, [](const Text& text) { return text.owner->ended; });
  const Instant now = clock_.now();
  std::size_t served = 0;
  for (const Active& active : active_) served += active.ended && !active.taken.error;
  surroundings_.ledger->counters.running -= static_cast<std::uint32_t>(std::erase_if(active_, ended));
  surroundings_.queue->with([&](Queue& queue, auto&) {
    for (std::size_t i = 0; i < served; ++i) queue.finished(now);
    return true;
  });
}

}  // namespace forebay::scheduling

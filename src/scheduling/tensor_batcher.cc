#include "scheduling/tensor_batcher.h"

#include <algorithm>

#include "base/errors.h"
#include "base/log.h"
#include "engines/errors.h"
#include "scheduling/cancel_group.h"

namespace forebay::scheduling {

using tensors::NamedTensor;
using tensors::NamedTensors;
using tensors::Tensor;

namespace {
std::chrono::microseconds microseconds(Duration duration) { return std::chrono::duration_cast<std::chrono::microseconds>(duration); }
double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

bool same_rows(const Tensor& one, const Tensor& other) {
  return one.dtype() == other.dtype() && one.shape().size() == other.shape().size() &&
         std::equal(one.shape().begin() + 1, one.shape().end(), other.shape().begin() + 1);
}

// The inputs of all, joined by name in the order of the first.
Result<NamedTensors> join_rows(const std::vector<NamedTensors>& parts) {
  NamedTensors joined;
  std::vector<Tensor> column;
  for (const NamedTensor& input : parts.front()) {
    column.clear();
    for (const NamedTensors& part : parts) column.push_back(*find_tensor(part, input.name));
    TRY_ASSIGN(auto tensor, Tensor::concatenate(column), "joining input '" + input.name + "'");
    joined.push_back({input.name, std::move(tensor)});
  }
  return joined;
}

bool all_have_rows(const NamedTensors& outputs, std::size_t rows) {
  return std::ranges::all_of(outputs, [rows](const NamedTensor& output) {
    return !output.tensor.shape().empty() && output.tensor.shape().front() == static_cast<std::int64_t>(rows);
  });
}

Result<NamedTensors> rows_of(const NamedTensors& outputs, std::size_t first, std::size_t count) {
  NamedTensors part;
  for (const NamedTensor& output : outputs) {
    TRY_ASSIGN(auto tensor, output.tensor.rows(first, count), "splitting output '" + output.name + "'");
    part.push_back({output.name, std::move(tensor)});
  }
  return part;
}
}  // namespace

std::size_t common_rows(const NamedTensors& inputs) {
  std::int64_t rows = 0;
  for (const NamedTensor& input : inputs) {
    if (input.tensor.shape().empty()) return 0;
    const std::int64_t own = input.tensor.shape().front();
    if (own <= 0 || (rows != 0 && own != rows)) return 0;
    rows = own;
  }
  return static_cast<std::size_t>(rows);
}

bool can_join(const TensorWork& one, const TensorWork& other, const LengthRule* lengths) {
  const NamedTensors& inputs = one.request.inputs;
  if (one.rows == 0 || other.rows == 0 || inputs.size() != other.request.inputs.size() || one.request.outputs != other.request.outputs)
    return false;
  if (lengths != nullptr && one.length > 0 && other.length > 0 && one.length != other.length) {
    return LengthRule::bucket_of(one.length) == LengthRule::bucket_of(other.length) && lengths->agree(inputs, other.request.inputs);
  }
  return std::ranges::all_of(inputs, [&](const NamedTensor& input) {
    const Tensor* counterpart = find_tensor(other.request.inputs, input.name);
    return counterpart != nullptr && same_rows(input.tensor, *counterpart);
  });
}

TensorBatcher::TensorBatcher(std::unique_ptr<engines::TensorSession> session, const TensorOptions& options,
                             const TensorSurroundings& surroundings)
    : session_(std::move(session)), options_(options), surroundings_(surroundings), clock_(*surroundings.context.clock) {}

bool TensorBatcher::run_once(std::size_t rows_max) {
  look_again_.reset();
  const Instant now = clock_.now();
  if (auto left = handed_over(); !left.empty()) {
    run(left);
    return true;
  }
  auto batch = surroundings_.queue->with([&](Queue& queue, auto&) { return take_batch(queue, now, rows_max); });
  if (batch.empty()) return false;
  if (surroundings_.queue->size() > 0 && *surroundings_.idle > 0) surroundings_.queue->wake();
  surroundings_.context.metrics->queued.set(static_cast<double>(surroundings_.queue->size()));
  run(batch);
  return true;
}

TensorHandOver::Batch TensorBatcher::handed_over() const {
  return surroundings_.hand_over == nullptr || surroundings_.inline_max ? TensorHandOver::Batch() : surroundings_.hand_over->take();
}

// --- taking -----------------------------------------------------------------------------------------------------------

// Dead ones come out with their error beside the batch, and are answered in the same go.
std::vector<TensorBatcher::Taken> TensorBatcher::take_batch(Queue& queue, Instant now, std::size_t rows_most) {
  std::vector<Taken> batch;
  while (auto dead = queue.take_dead(now)) batch.push_back(*std::move(dead));
  if (queue.size() == 0 || should_wait(queue, now)) return batch;

  const TensorWork* first = nullptr;
  std::size_t rows = 0;
  const std::size_t rows_max = joins_ ? rows_wanted(queue, rows_most) : 1;
  const auto matches = [&](const TensorWork& work) {
    return first == nullptr || (can_join(*first, work, lengths()) && rows + work.rows <= rows_max);
  };
  const std::size_t dead_count = batch.size();
  batch.reserve(dead_count + queue.size());  // so that `first` stays where it is
  while (auto taken = queue.take_first(now, matches, kLookedAtMax)) {
    batch.push_back(*std::move(taken));
    const Taken& added = batch.back();
    if (added.error) continue;
    if (first == nullptr) first = &added.work;
    rows += added.work.rows;
    if (added.work.rows == 0 || rows >= rows_max) break;
  }
  return batch;
}

// While memory is short batches are smaller: what a run needs grows with its rows. One request may always run.
std::size_t TensorBatcher::rows_allowed() const {
  const PressureGauge* gauge = surroundings_.context.pressure;
  const PressureLevel level = gauge == nullptr ? PressureLevel::kNormal : gauge->level();
  if (level == PressureLevel::kNormal) return options_.batch_rows_max;
  return level == PressureLevel::kElevated ? std::max<std::size_t>(1, options_.batch_rows_max / 4) : 1;
}

std::size_t TensorBatcher::rows_wanted(const Queue& queue, std::size_t rows_max) {
  const std::size_t most = std::min(rows_max, rows_allowed());
  std::size_t waiting = queue.size();  // a row each, or more: of a long queue it does not matter
  if (waiting <= kLookedAtMax) {
    waiting = 0;
    queue.look_at_all([&waiting](const TensorWork& work) { waiting += std::max<std::size_t>(1, work.rows); });
  }
  return surroundings_.cost->batch_rows(waiting, *surroundings_.idle, most);
}

bool TensorBatcher::should_wait(const Queue& queue, Instant now) {
  if (options_.queue_delay_max.count() == 0 || !joins_) return false;
  const Instant until = *queue.oldest_arrival() + options_.queue_delay_max;
  if (until <= now) return false;
  std::size_t rows = 0;
  bool someone_alone = false;
  queue.look_at_all([&](const TensorWork& work) {
    rows += work.rows;
    someone_alone |= work.rows == 0;
  });
  if (rows >= rows_allowed() || someone_alone) return false;
  look_again_ = until;
  return true;
}

// --- running ----------------------------------------------------------------------------------------------------------

void TensorBatcher::run(std::vector<Taken>& batch) {
  const auto alive = std::partition(batch.begin(), batch.end(), [](const Taken& taken) { return taken.error.has_value(); });
  for (auto dead = batch.begin(); dead != alive; ++dead) answer(*dead, fail(*std::exchange(dead->error, std::nullopt)));
  const std::span<Taken> living(alive, batch.end());
  if (living.empty()) return;
  note_running(living);
  const bool answered = !surroundings_.inline_max || run_inline(living);
  if (!surroundings_.inline_max) run_here(living);
  note_idle();
  if (!answered) {
    surroundings_.hand_over->put({std::make_move_iterator(living.begin()), std::make_move_iterator(living.end())});
    return surroundings_.queue->nudge();
  }
  const Instant now = clock_.now();
  surroundings_.queue->with([&](Queue& queue, auto&) {
    for (std::size_t i = 0; i < living.size(); ++i) queue.finished(now);
    return true;
  });
}

void TensorBatcher::run_here(std::span<Taken> batch) {
  if (batch.size() > 1 && run_joined(batch)) return;
  for (Taken& taken : batch) run_alone(taken);
}

// One run only, of what has not died meanwhile.
bool TensorBatcher::run_inline(std::span<Taken> batch) {
  too_long_ = false;
  if (batch.size() > 1) return run_joined(batch);
  run_alone(batch.front());
  return !too_long_;
}

void TensorBatcher::run_alone(Taken& taken) {
  if (taken.ticket.cancel.cancelled()) return answer(taken, fail(taken.ticket.cancel.error()));
  if (taken.ticket.deadline && *taken.ticket.deadline <= clock_.now())
    return answer(taken, fail(kDeadlinePassed, "the request's deadline passed"));
  const std::size_t rows = std::max<std::size_t>(1, taken.work.rows);
  auto outputs = run_measured(taken.work.request.inputs, {&taken, 1}, taken.ticket.cancel, rows);
  if (too_long_ && surroundings_.inline_max) return;
  if (!outputs && outputs.error().code() == engines::kRunTooLong && taken.ticket.deadline && *taken.ticket.deadline <= clock_.now())
    return answer(taken, fail(kDeadlinePassed, "the request's deadline passed"));
  if (!outputs) return answer(taken, fail(std::move(outputs).error()));
  answer(taken, TensorAnswer{*std::move(outputs), static_cast<std::uint32_t>(rows), microseconds(taken.waited), last_run_});
}

Result<NamedTensors> TensorBatcher::join(std::span<const Taken> batch) const {
  std::size_t longest = 0;
  for (const Taken& taken : batch) longest = std::max(longest, taken.work.length);
  std::vector<NamedTensors> parts;
  for (const Taken& taken : batch) {
    parts.push_back(taken.work.request.inputs);
    if (taken.work.length == 0 || taken.work.length == longest) continue;
    TRY_ASSIGN(parts.back(), surroundings_.lengths->padded(parts.back(), longest));
  }
  return join_rows(parts);
}

Result<NamedTensors> TensorBatcher::part_of(const NamedTensors& outputs, std::size_t first_row, const TensorWork& work) const {
  TRY_ASSIGN(auto part, rows_of(outputs, first_row, work.rows));
  if (work.length == 0) return part;
  return surroundings_.lengths->cut(part, work.length);
}

// The first batch with padding in it is compared with what its first shorter request gives alone: a mask may be called so and do something
// else.
bool TensorBatcher::proves_padding(std::span<Taken> batch, const NamedTensors& outputs) {
  constexpr double kTolerance = 1e-3;
  std::size_t row = 0;
  for (const Taken& taken : batch) {
    const bool padded = std::ranges::any_of(batch, [&](const Taken& other) { return other.work.length > taken.work.length; });
    if (padded) {
      const auto alone = session_->run(taken.work.request.inputs, taken.work.request.outputs, taken.ticket.cancel);
      const auto joined = part_of(outputs, row, taken.work);
      if (!alone || !joined) return true;  // says nothing about padding; asked again with the next one
      padding_proved_ = nearly_same(*alone, *joined, kTolerance);
      if (!padding_proved_) *surroundings_.pads = false;
      return padding_proved_;
    }
    row += taken.work.rows;
  }
  return true;
}

bool TensorBatcher::run_joined(std::span<Taken> batch) {
  CancelGroup everybody;
  std::size_t rows = 0;
  for (const Taken& taken : batch) {
    everybody.add(taken.ticket.cancel);
    rows += taken.work.rows;
  }
  const auto inputs = join(batch);
  if (!inputs) return false;
  const auto outputs = run_measured(*inputs, batch, everybody.seal(), rows);
  if (!outputs) return false;
  if (!all_have_rows(*outputs, rows)) {
    joins_ = false;
    log::warning("the model's outputs do not follow the rows of its inputs: requests are no longer batched");
    return false;
  }
  if (!padding_proved_ && lengths() != nullptr && !proves_padding(batch, *outputs)) {
    log::warning("padding changes the model's answers in spite of its attention mask: only equal lengths are batched");
    return false;
  }
  std::size_t first = 0;
  for (Taken& taken : batch) {
    auto part = part_of(*outputs, first, taken.work);
    first += taken.work.rows;
    if (!part)
      answer(taken, fail(std::move(part).error()));
    else
      answer(taken, TensorAnswer{*std::move(part), static_cast<std::uint32_t>(rows), microseconds(taken.waited), last_run_});
  }
  return true;
}

std::optional<Duration> TensorBatcher::time_left(std::span<const Taken> batch) const {
  Instant last = Instant::min();
  for (const Taken& taken : batch) {
    if (!taken.ticket.deadline) return std::nullopt;
    last = std::max(last, *taken.ticket.deadline);
  }
  return std::max<Duration>(last - clock_.now(), Duration::zero());
}

Result<NamedTensors> TensorBatcher::run_measured(const NamedTensors& inputs, std::span<const Taken> batch, const CancelToken& cancel,
                                                 std::size_t rows) {
  std::optional<Duration> time_max = time_left(batch);
  const bool ends_early = surroundings_.inline_max && (!time_max || *surroundings_.inline_max < *time_max);
  if (ends_early) time_max = surroundings_.inline_max;
  const auto& metrics = *surroundings_.context.metrics;
  const Instant began = clock_.now();
  auto outputs = session_->run_within(inputs, batch.front().work.request.outputs, cancel, time_max);
  const Duration took = clock_.now() - began;
  last_run_ = microseconds(took);
  too_long_ = ends_early && !outputs && outputs.error().code() == engines::kRunTooLong;
  if (outputs || too_long_) surroundings_.cost->note(rows, took);
  ++surroundings_.ledger->counters.steps;
  surroundings_.ledger->counters.rows += rows;
  metrics.inference_seconds.observe(seconds(took));
  metrics.batch_size.observe(static_cast<double>(rows));
  return outputs;
}

void TensorBatcher::answer(Taken& taken, Result<TensorAnswer> answer) {
  surroundings_.ledger->count_end(taken.work.pass, taken.ticket, answer ? nullptr : &answer.error());
  surroundings_.context.metrics->queue_seconds.observe(seconds(taken.waited));
  taken.work.on_cancel = {};
  taken.work.done(std::move(answer));
}

// --- stopping ---------------------------------------------------------------------------------------------------------

void TensorBatcher::note_running(std::span<const Taken> batch) {
  surroundings_.ledger->counters.running += static_cast<std::uint32_t>(batch.size());
  std::vector<CancelToken> late;
  {
    auto running = running_.lock();
    for (const Taken& taken : batch) running->tokens.push_back(taken.ticket.cancel);
    if (running->stopped) late = running->tokens;
  }
  for (const CancelToken& token : late) token.cancel(CancelReason::kShutdown);
}

void TensorBatcher::note_idle() {
  std::vector<CancelToken> done;
  {
    auto running = running_.lock();
    done.swap(running->tokens);
  }
  surroundings_.ledger->counters.running -= static_cast<std::uint32_t>(done.size());
}

void TensorBatcher::stop() {
  std::vector<CancelToken> tokens;
  {
    auto running = running_.lock();
    running->stopped = true;
    tokens = running->tokens;
  }
  for (const CancelToken& token : tokens) token.cancel(CancelReason::kShutdown);
}

}  // namespace forebay::scheduling

#include "scheduling/sequence.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/errors.h"
#include "scheduling/errors.h"
#include "scheduling/logprobs.h"

namespace forebay::scheduling {

namespace {
std::chrono::microseconds microseconds(Duration duration) { return std::chrono::duration_cast<std::chrono::microseconds>(duration); }
double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// A client that left is not an error of ours: it gets an ordinary end, with the usage to settle.
bool ends_quietly(CancelReason reason) { return reason == CancelReason::kClientGone || reason == CancelReason::kSuperseded; }

TokenEvent failure(Error error) {
  TokenEvent event{.kind = TokenEvent::Kind::kFailed, .finish_reason = FinishReason::kError};
  event.error = std::move(error);
  return event;
}
}  // namespace

void answer_unstarted(GenerationWork& work, const Ticket& ticket, const Error& error, Duration waited) {
  TokenEvent event = failure(error);
  if (ends_quietly(ticket.cancel.reason()))
    event = TokenEvent{.kind = TokenEvent::Kind::kFinished, .finish_reason = FinishReason::kCancelled};
  event.usage.queued = microseconds(waited);
  event.seed = work.sampler ? work.sampler->seed() : 0;
  work.channel->push(std::move(event));
}

Sequence::Sequence(Ticket ticket, GenerationWork work, Instant now)
    : ticket_(std::move(ticket)),
      work_(std::move(work)),
      tokens_(*work_.prompt_tokens),
      text_({work_.request.stop_strings, work_.request.shows_stop_string}),
      admitted_(now) {
  usage_.prompt_tokens = static_cast<std::uint32_t>(tokens_.size());
  usage_.dropped_prompt_tokens = work_.dropped_tokens;
  usage_.queued = microseconds(now - work_.submitted);
  // What is certainly coming needs no growing on the engine thread.
  work_.prompt_tokens.reset();
  tokens_.reserve(tokens_.size() + std::min<std::size_t>(work_.request.tokens_max, 1024));
}

bool Sequence::choose(std::span<const float> logits, Choosing& choosing, Instant now) {
  const bool too_early = generated_ < work_.request.tokens_min;
  auto chosen = work_.sampler->sample(too_early || work_.request.ignore_end_token ? without_ends(logits, choosing) : logits);
  if (!chosen) {
    fail(std::move(chosen).error(), now);
    return true;
  }
  const Token token = *chosen;
  note_token(now, *choosing.metrics);
  if (ends_with(token, choosing)) {
    finish(FinishReason::kStop, now);
    return true;
  }
  const std::string piece = choosing.tokenizer->piece(token, work_.request.shows_special_tokens);
  TokenEvent event{.kind = TokenEvent::Kind::kToken, .token = token};
  event.text_offset = static_cast<std::uint32_t>(text_.offset_of(piece));
  event.text = text_.push(piece);
  event.usage = usage_;
  event.usage.generated_tokens = static_cast<std::uint32_t>(generated_);
  if (work_.request.wants_logprobs) {
    auto found = logprobs_of(logits, token, work_.request.logprobs, *choosing.tokenizer);
    event.logprob = std::move(found.chosen);
    event.alternatives = std::move(found.alternatives);
  }
  tokens_.push_back(token);
  if (!work_.channel->push(std::move(event))) {
    ticket_.cancel.cancel(CancelReason::kSlowReader);
    end_cancelled(now);
  } else if (const auto met = text_.stopped_by()) {
    finish(FinishReason::kStop, now, work_.request.stop_strings[*met]);
  } else if (generated_ >= work_.request.tokens_max) {
    finish(FinishReason::kLength, now);
  }
  return ended_;
}

std::span<const float> Sequence::without_ends(std::span<const float> logits, Choosing& choosing) const {
  choosing.scratch.assign(logits.begin(), logits.end());
  const auto rule_out = [&](std::span<const Token> tokens) {
    for (const Token token : tokens) {
      if (static_cast<std::size_t>(token) < choosing.scratch.size())
        choosing.scratch[static_cast<std::size_t>(token)] = -std::numeric_limits<float>::infinity();
    }
  };
  rule_out(choosing.end_tokens);
  if (generated_ < work_.request.tokens_min) rule_out(work_.request.stop_tokens);
  return choosing.scratch;
}

bool Sequence::ends_with(Token token, const Choosing& choosing) const {
  if (!work_.request.ignore_end_token && choosing.tokenizer->ends_generation(token)) return true;
  return std::ranges::contains(work_.request.stop_tokens, token);
}

void Sequence::note_token(Instant now, const telemetry::ModelMetrics& metrics) {
  if (++generated_ == 1) {
    first_token_ = now;
    usage_.prefill = microseconds(now - admitted_);
    metrics.time_to_first_token_seconds.observe(seconds(now - work_.submitted));
  } else {
    metrics.inter_token_seconds.observe(seconds(now - last_token_));
  }
  last_token_ = now;
  metrics.generated_tokens.increment();
}

void Sequence::finish(FinishReason reason, Instant now, std::optional<std::string> stop_string) {
  TokenEvent event{
      .kind = TokenEvent::Kind::kFinished, .text = text_.finish(), .finish_reason = reason, .stop_string = std::move(stop_string)};
  send_last(std::move(event), now);
}

void Sequence::fail(Error error, Instant now) { send_last(failure(std::move(error)), now); }

void Sequence::end_cancelled(Instant now) {
  const CancelReason reason = ticket_.cancel.reason();
  if (ends_quietly(reason))
    finish(FinishReason::kCancelled, now);
  else if (reason == CancelReason::kSlowReader)
    fail(Error(kSlowReader, "the stream was read too slowly"), now);
  else
    fail(ticket_.cancel.error(), now);
}

void Sequence::end_at_deadline(Instant now) {
  if (work_.request.partial_at_deadline && generated_ > 0)
    finish(FinishReason::kDeadline, now);
  else
    fail(Error(kDeadlinePassed, "the deadline passed while the text was being generated"), now);
}

void Sequence::take_place(const PrefixCache::Place& place) {
  slot = place.slot;
  computed = place.computed;
  shared = std::min(place.shared, tokens_.size() - 1);
  waiting = false;
  ++places_;
}

std::size_t Sequence::note_reused(std::size_t tokens) {
  if (generated_ > 0 || places_ > 1) return 0;
  return tokens - std::exchange(usage_.cached_prompt_tokens, static_cast<std::uint32_t>(tokens));
}

std::size_t Sequence::forget_oldest() {
  const std::size_t kept = std::min<std::size_t>(work_.request.overflow_keep_tokens, tokens_.size() / 4);
  const std::size_t forgotten = (tokens_.size() - kept) / 2;
  const auto from = tokens_.begin() + static_cast<std::ptrdiff_t>(kept);
  tokens_.erase(from, from + static_cast<std::ptrdiff_t>(forgotten));
  usage_.dropped_prompt_tokens += static_cast<std::uint32_t>(forgotten);
  return kept;
}

void Sequence::send_last(TokenEvent event, Instant now) {
  if (ended_) return;
  ended_ = true;
  finish_reason_ = event.finish_reason;
  usage_.generated_tokens = static_cast<std::uint32_t>(generated_);
  if (generated_ > 0)
    usage_.decode = microseconds(now - first_token_);
  else
    usage_.prefill = microseconds(now - admitted_);
  event.usage = usage_;
  event.seed = work_.sampler->seed();
  work_.channel->push(std::move(event));
}

}  // namespace forebay::scheduling

#include "http/token_gatherer.h"

#include <utility>

#include "base/errors.h"

namespace forebay::http {

using scheduling::FinishReason;
using scheduling::TokenEvent;

TokenGatherer::TokenGatherer(std::unique_ptr<AnswerWire> wire, Gathering gathering, Channels channels)
    : wire_(std::move(wire)), gathering_(std::move(gathering)), channels_(std::move(channels)) {
  for (std::size_t i = 0; i < channels_.size(); ++i) choices_.push_back({.sequence = i});
}

void TokenGatherer::listen() {
  for (const auto& channel : channels_) {
    channel->on_ready([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->wake();
    });
  }
}

// On the engine's thread, after every token: one drain is enough for all that came until it runs.
void TokenGatherer::wake() {
  if (awake_.exchange(true)) return;
  wire_->on_loop([self = shared_from_this()] { self->drain(); });
}

// The first event of a stream sends its headers, and that may wake us inside it: the later events wait for the first one's turn to end.
void TokenGatherer::drain() {
  awake_.store(false);
  if (std::exchange(draining_, true)) return;
  take_all();
  draining_ = false;
}

void TokenGatherer::take_all() {
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    while (true) {
      if (wire_->ended()) return;
      // A stream's pieces wait in their bounded channel until its headers are sent.
      if (stream_asked_ && !wire_->streams()) return;
      const auto event = channels_[i]->try_pop();
      if (!event) break;
      take(i, *event);
    }
  }
}

void TokenGatherer::take(std::size_t sequence, const TokenEvent& event) {
  if (event.kind == TokenEvent::Kind::kFailed) return give_up(event.error.value_or(Error(kInternalError, "the generation failed")));
  Choice& choice = choices_[sequence];
  choice.text += event.text;
  if (gathering_.wants_logprobs && event.kind == TokenEvent::Kind::kToken)
    choice.pieces.push_back({event.text, event.text_offset, event.logprob, event.alternatives});
  if (event.kind == TokenEvent::Kind::kFinished) {
    if (event.finish_reason == FinishReason::kCancelled) return give_up(wire_->cancel_error());
    finish(choice, event);
  }
  if (gathering_.shape) stream_event(sequence, event);
  if (finished_ == choices_.size() && !wire_->ended()) all_finished();
}

void TokenGatherer::finish(Choice& choice, const TokenEvent& event) {
  if (gathering_.wants_logprobs && !choice.pieces.empty()) choice.pieces.back().text += event.text;
  choice.finish_reason = event.finish_reason;
  choice.stop_string = event.stop_string;
  choice.usage = event.usage;
  choice.seed = event.seed;
  ++finished_;
}

void TokenGatherer::stream_event(std::size_t sequence, const TokenEvent& event) {
  if (!stream_asked_) begin_stream(false);
  const bool is_end = event.kind == TokenEvent::Kind::kFinished;
  if (!event.text.empty() || (!is_end && event.logprob)) send(gathering_.shape->token(sequence, event));
  if (is_end) send(gathering_.shape->finished(choices_[sequence]));
}

void TokenGatherer::begin_silently() {
  if (gathering_.shape && !stream_asked_ && !wire_->ended()) begin_stream(true);
}

void TokenGatherer::begin_stream(bool silently) {
  stream_asked_ = true;
  wire_->begin_stream([weak = weak_from_this(), silently] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    if (silently) self->wire_->comment();
    for (std::size_t i = 0; i < self->choices_.size(); ++i) self->send(self->gathering_.shape->opening(i));
    for (const auto& early : std::exchange(self->early_, {})) self->send(early);
    if (self->all_early_) return self->all_finished();
    self->wake();
  });
  if (wire_->ended()) wire_->cancel_rest();
}

void TokenGatherer::send(const std::optional<std::string>& json) {
  if (!json || wire_->ended()) return;
  if (wire_->streams())
    wire_->event(*json);
  else
    early_.push_back(*json);
}

void TokenGatherer::give_up(const Error& error) {
  wire_->fail(error);
  wire_->cancel_rest();
}

void TokenGatherer::all_finished() {
  if (!gathering_.shape) return wire_->answer(gathering_.to_json(std::move(choices_)));
  if (!wire_->streams()) {
    all_early_ = true;
    return;
  }
  send(gathering_.shape->closing(choices_));
  wire_->end_stream(gathering_.shape->ends_with_done);
}

}  // namespace forebay::http

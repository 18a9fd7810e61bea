// One text being generated: its tokens, how many of them the session has computed, and the choice of the next.
// Threads: confined to its engine thread. Owner: GenerationLoop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/byte_budget.h"
#include "engines/generation_session.h"
#include "scheduling/prefix_cache.h"
#include "scheduling/request.h"
#include "scheduling/token_channel.h"
#include "telemetry/serving_metrics.h"
#include "text/stream_text.h"

namespace forebay::scheduling {

// What waits in the queue to become a sequence. Its limits have been resolved against the model; its ticket is in the queue.
struct GenerationWork {
  GenerationRequest request;
  std::unique_ptr<engines::Sampler> sampler;  // has accepted the prompt
  std::shared_ptr<TokenChannel> channel;
  Instant submitted;
  std::uint64_t serial = 0;
  CancelToken::Subscription on_cancel;
  std::uint32_t dropped_tokens = 0;  // of its prompt, to fit the context
  TextOrigin origin;
  std::shared_ptr<const std::vector<Token>> prompt_tokens;  // of the request
  std::vector<std::uint64_t> prompt_blocks = {};            // their hashes (PrefixDirectory), where routing needs them
  KeyedText prompt() const { return {*prompt_tokens, origin}; }
};
// The last event of work that never became a sequence.
void answer_unstarted(GenerationWork& work, const Ticket& ticket, const Error& error, Duration waited);

// What choosing a token needs besides the sequence; shared by all sequences of a loop.
struct Choosing {
  const text::Tokenizer* tokenizer = nullptr;
  std::vector<Token> end_tokens;
  std::vector<float> scratch;  // logits with some tokens ruled out
  const telemetry::ModelMetrics* metrics = nullptr;
};

class Sequence {
 public:
  Sequence(Ticket ticket, GenerationWork work, Instant now);

  const Ticket& ticket() const { return ticket_; }
  std::uint64_t serial() const { return work_.serial; }
  std::span<const Token> tokens() const { return tokens_; }  // prompt and what was generated
  KeyedText text() const { return {tokens_, work_.origin}; }
  AdapterIndex adapter() const { return work_.origin.adapter; }
  std::size_t generated() const { return generated_; }
  // Tokens that the session has not computed yet; never 0 while it runs, as the last one chosen is not.
  std::size_t pending() const { return tokens_.size() - computed; }
  bool is_decoding() const { return generated_ > 0 && pending() == 1; }
  // The cells it holds if it ends after `further` more tokens.
  std::size_t cells_after(std::size_t further) const { return tokens_.size() + std::min(tokens_left() - 1, further); }

  // Chooses the next token from the logits of its last one and sends it. True when the sequence has ended by that.
  bool choose(std::span<const float> logits, Choosing& choosing, Instant now);
  // Sends the last event; afterwards the sequence only waits to be removed.
  void finish(FinishReason reason, Instant now, std::optional<std::string> stop_string = {});
  void fail(Error error, Instant now);
  // Ends as the cancel token's reason asks.
  void end_cancelled(Instant now);
  // The deadline has passed: a text that has begun ends with what there is if that was asked for, else it fails.
  void end_at_deadline(Instant now);
  bool ended() const { return ended_; }
  FinishReason finish_reason() const { return finish_reason_; }
  // Whether it forgets its oldest tokens when the context is full; then forgets half of them, except the first ones that are to be kept.
  // Returns how many of those there are.
  bool shifts() const { return work_.request.overflow == Overflow::kShift; }
  std::size_t forget_oldest();
  void take_place(const PrefixCache::Place& place);
  // The first `tokens` of its prompt were computed for others. Says how many of them are new: none once it has been preempted or has
  // generated a token, since from then on it finds its own tokens again.
  std::size_t note_reused(std::size_t tokens);

  engines::SequenceId slot = -1;  // in the session; -1 while parked
  std::size_t computed = 0;       // the first so many tokens are in the session, or in `saved`
  std::size_t shared = 0;         // KV cells shared with another running sequence; they are counted there
  bool waiting = false;           // for another sequence that is computing the same beginning
  bool tile_filled = false;       // part of its prompt is computed twice, to make a tile of the rest
  bool suspect = false;           // was part of a failed step: steps alone until that is cleared
  std::vector<std::byte> saved;   // its state while parked, if it could be saved
  ByteBudget::Reservation saved_bytes;

 private:
  std::size_t tokens_left() const { return work_.request.tokens_max - generated_; }
  std::span<const float> without_ends(std::span<const float> logits, Choosing& choosing) const;
  bool ends_with(Token token, const Choosing& choosing) const;
  void note_token(Instant now, const telemetry::ModelMetrics& metrics);
  void send_last(TokenEvent event, Instant now);

  Ticket ticket_;
  GenerationWork work_;
  std::vector<Token> tokens_;
  text::StreamText text_;
  std::size_t generated_ = 0;
  std::uint32_t places_ = 0;  // slots it has been given; more than one: it was preempted or moved
  GenerationUsage usage_;
  Instant admitted_;
  Instant first_token_{};
  Instant last_token_{};
  bool ended_ = false;
  FinishReason finish_reason_ = FinishReason::kError;
};

}  // namespace forebay::scheduling

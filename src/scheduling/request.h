// What the scheduler is given and what it gives back. Plain data; wire formats are http's business.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "engines/sampling.h"
#include "scheduling/keyed_text.h"
#include "tensors/tensor.h"
#include "text/tokenizer.h"

namespace forebay::scheduling {

using text::Token;

enum class Priority : std::uint8_t { kHigh, kNormal, kLow };
std::string_view name_of(Priority priority);
std::optional<Priority> priority_named(std::string_view name);

// Who waits, how urgently, until when. The same for every kind of work.
struct Ticket {
  std::string request_id;
  std::string client;          // fairness is between clients; "" when unknown
  CacheScope cache_scope = 0;  // with which other requests it shares what is cached
  Priority priority = Priority::kNormal;
  std::optional<Instant> deadline;
  CancelToken cancel;
};

// What happens when prompt and answer together do not fit the model's context.
enum class Overflow : std::uint8_t {
  kRefuse,    // a prompt that leaves no room is refused; an answer that reaches the end of the context ends with kLength
  kTruncate,  // the oldest tokens of the prompt are left out; the answer ends as above
  kShift,     // as kTruncate, and while generating the older half of the text is forgotten whenever the context is full
};
std::string_view name_of(Overflow overflow);  // "refuse", "truncate", "shift"
std::optional<Overflow> overflow_named(std::string_view name);

struct GenerationRequest {
  Ticket ticket;
  std::vector<Token> prompt;  // at least one token
  std::string adapter;        // a name from RunnerContext::adapters; empty: none
  engines::SamplingOptions sampling;
  std::uint32_t tokens_max = 0;  // 0: what the context leaves
  std::uint32_t tokens_min = 0;  // end tokens are not chosen before
  bool prompt_only = false;      // no token is generated: the answer is an empty text and the prompt's usage
  std::vector<std::string> stop_strings;
  bool shows_stop_string = false;  // at the end of the text, instead of leaving it out
  bool shows_special_tokens = false;
  std::vector<Token> stop_tokens;
  bool ignore_end_token = false;
  std::uint32_t logprobs = 0;  // alternatives a token, at most 20; and the chosen one when it is not among them
  bool wants_logprobs = false;
  Overflow overflow = Overflow::kRefuse;
  std::uint32_t overflow_keep_tokens = 4;  // of the prompt's beginning that truncating and shifting never drop
  bool partial_at_deadline = false;        // the deadline ends a text that has begun with kDeadline instead of failing it
};

struct TokenLogprob {
  Token token = 0;
  std::string bytes;
  float logprob = 0;
};

enum class FinishReason : std::uint8_t { kStop, kLength, kDeadline, kCancelled, kError };
std::string_view name_of(FinishReason reason);  // "stop", "length", "deadline", "cancelled", "error"

struct GenerationUsage {
  std::uint32_t prompt_tokens = 0;
  std::uint32_t cached_prompt_tokens = 0;
  std::uint32_t dropped_prompt_tokens = 0;  // left out by truncating or shifting
  std::uint32_t generated_tokens = 0;
  std::chrono::microseconds queued{0};
  std::chrono::microseconds prefill{0};
  std::chrono::microseconds decode{0};
};

// One event of a stream. Exactly one kFinished or kFailed ends it, and nothing follows.
struct TokenEvent {
  enum class Kind : std::uint8_t { kToken, kFinished, kFailed } kind = Kind::kToken;
  std::string text;                     // kToken and kFinished: text that is now certain; may be empty
  Token token = -1;                     // kToken
  std::uint32_t text_offset = 0;        // kToken: characters of the whole text before its own, also where text is held back
  std::optional<TokenLogprob> logprob;  // kToken, when asked
  std::vector<TokenLogprob> alternatives;
  FinishReason finish_reason = FinishReason::kStop;
  std::optional<std::string> stop_string;  // the one that was met
  GenerationUsage usage;                   // of all at kFinished; at kToken the tokens so far
  std::uint32_t seed = 0;                  // kFinished
  std::optional<Error> error;              // kFailed
};

struct TensorRequest {
  Ticket ticket;
  tensors::NamedTensors inputs;
  std::vector<std::string> outputs;  // empty: all
  bool will_help = false;            // the submitter calls TensorRunner::help() right after: no worker is woken for it
};
// Where an answer comes from: a run of its own, the run of an identical request, or an earlier one.
enum class AnswerSource : std::uint8_t { kRun, kShared, kCache };
std::string_view name_of(AnswerSource source);  // "run", "shared", "cache"

struct TensorAnswer {
  tensors::NamedTensors outputs;
  std::uint32_t batch_rows = 1;  // rows of the run it was part of
  std::chrono::microseconds queued{0};
  std::chrono::microseconds inference{0};
  AnswerSource source = AnswerSource::kRun;
};

struct EmbeddingRequest {
  Ticket ticket;
  std::vector<std::vector<Token>> texts;
  std::vector<std::uint32_t> second_from;  // of pairs: where the second text begins, one a text; empty when all are single texts
};
struct EmbeddingAnswer {
  std::vector<std::vector<float>> vectors;  // one a text, not normalised
  std::uint32_t tokens = 0;
  std::chrono::microseconds queued{0};
  std::chrono::microseconds inference{0};
};

}  // namespace forebay::scheduling

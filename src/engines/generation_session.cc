#include "engines/generation_session.h"

#include <fmt/format.h>

#include "engines/errors.h"

namespace forebay::engines {

namespace {
Result<> check_slice(const StepSlice& slice, const GenerationSession& session) {
  if (slice.sequence < 0 || static_cast<std::uint32_t>(slice.sequence) >= session.info().sequences_max)
    return fail(kBadStep, fmt::format("sequence {} does not exist", slice.sequence));
  if (slice.tokens.empty()) return fail(kBadStep, fmt::format("the slice of sequence {} is empty", slice.sequence));
  if (slice.logits > slice.tokens.size())
    return fail(kBadStep, fmt::format("the slice of sequence {} has fewer tokens than logits", slice.sequence));
  const std::int32_t held = session.length(slice.sequence);
  if (slice.position != held)
    return fail(kBadStep, fmt::format("sequence {} has {} tokens, the slice starts at {}", slice.sequence, held, slice.position));
  for (const Token token : slice.tokens) {
    if (token < 0 || static_cast<std::uint32_t>(token) >= session.info().vocabulary_size)
      return fail(kBadStep, fmt::format("token {} is not in the vocabulary", token));
  }
  return {};
}
}  // namespace

Result<> check_step(std::span<const StepSlice> slices, const GenerationSession& session) {
  const GenerationSessionInfo& info = session.info();
  if (slices.empty()) return fail(kBadStep, "a step needs a slice");
  std::vector<bool> seen(info.sequences_max, false);
  std::size_t tokens = 0;
  std::size_t logits = 0;
  for (const StepSlice& slice : slices) {
    TRY(check_slice(slice, session));
    const auto sequence = static_cast<std::size_t>(slice.sequence);
    if (seen[sequence]) return fail(kBadStep, fmt::format("sequence {} appears twice", slice.sequence));
    seen[sequence] = true;
    tokens += slice.tokens.size();
    logits += slice.logits;
  }
  if (tokens > info.step_tokens_max) return fail(kBadStep, fmt::format("{} tokens in a step of at most {}", tokens, info.step_tokens_max));
  if (logits > info.step_logits_max)
    return fail(kBadStep, fmt::format("logits of {} tokens in a step of at most {}", logits, info.step_logits_max));
  return {};
}

}  // namespace forebay::engines

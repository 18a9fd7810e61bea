#include "scheduling/request_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "scheduling/errors.h"
#include "scheduling/logprobs.h"
#include "text/stream_text.h"

namespace forebay::scheduling {

Result<> check(const GenerationRequest& request, const engines::GenerationSessionInfo& info) {
  if (request.prompt.empty()) return fail(Error(kPromptEmpty, "the prompt has no token").with_field("prompt"));
  if (request.overflow == Overflow::kRefuse && request.prompt.size() >= info.sequence_tokens_max) {
    return fail(Error(kPromptTooLong, fmt::format("This model's maximum context length is {} tokens. However, the prompt has {} tokens, "
                                                  "which leaves no room for an answer.",
                                                  info.sequence_tokens_max, request.prompt.size()))
                    .with_field("prompt"));
  }
  const auto unknown = std::ranges::find_if(
      request.prompt, [&](Token token) { return token < 0 || static_cast<std::uint32_t>(token) >= info.vocabulary_size; });
  if (unknown != request.prompt.end()) {
    return fail(Error(kPromptTokenInvalid, fmt::format("token {} is not in the vocabulary of {}", *unknown, info.vocabulary_size))
                    .with_field("prompt"));
  }
  if (request.tokens_max > 0 && request.tokens_min > request.tokens_max) {
    return fail(
        Error(kTokenLimitsInvalid, fmt::format("at least {} and at most {} tokens are asked for", request.tokens_min, request.tokens_max))
            .with_field("min_tokens"));
  }
  if (request.logprobs > kLogprobsMax) {
    return fail(
        Error(kLogprobsInvalid, fmt::format("{} alternatives a token are asked for, at most {} are given", request.logprobs, kLogprobsMax))
            .with_field("logprobs"));
  }
  const text::StreamTextLimits limits;
  const bool too_many = request.stop_strings.size() > limits.stop_strings_max || request.stop_tokens.size() > limits.stop_strings_max;
  const bool any_wrong = std::ranges::any_of(request.stop_strings,
                                             [&](const auto& stop) { return stop.empty() || stop.size() > limits.stop_string_bytes_max; });
  if (too_many || any_wrong) {
    return fail(Error(kStopInvalid, fmt::format("at most {} stop strings of 1 to {} bytes are taken", limits.stop_strings_max,
                                                limits.stop_string_bytes_max))
                    .with_field("stop"));
  }
  return {};
}

std::size_t fit_to_context(GenerationRequest& request, const engines::GenerationSessionInfo& info, std::uint32_t tokens_default) {
  if (request.logprobs > 0) request.wants_logprobs = true;
  if (request.tokens_max == 0) request.tokens_max = tokens_default;
  const std::uint32_t context = info.sequence_tokens_max;
  std::size_t dropped = 0;
  if (request.overflow != Overflow::kRefuse) {
    // Room for the answer: what was asked for, at most half of the context; a quarter when nothing was.
    const std::uint32_t wanted = request.tokens_max == 0 ? context / 4 : request.tokens_max;
    const std::size_t prompt_max = context - std::clamp<std::uint32_t>(wanted, 1, std::max<std::uint32_t>(1, context / 2));
    if (request.prompt.size() > prompt_max) {
      const std::size_t kept = std::min<std::size_t>(request.overflow_keep_tokens, prompt_max / 2);
      dropped = request.prompt.size() - prompt_max;
      const auto from = request.prompt.begin() + static_cast<std::ptrdiff_t>(kept);
      request.prompt.erase(from, from + static_cast<std::ptrdiff_t>(dropped));
    }
  }
  const auto room = context - static_cast<std::uint32_t>(request.prompt.size());
  if (request.tokens_max == 0) request.tokens_max = room;
  if (request.overflow != Overflow::kShift) request.tokens_max = std::min(request.tokens_max, room);
  return dropped;
}

}  // namespace forebay::scheduling

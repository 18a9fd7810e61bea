// What a request for text may ask of a session, before it queues.
// Threads: shared (no state).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "engines/generation_session.h"
#include "scheduling/request.h"

namespace forebay::scheduling {

// kPromptEmpty, kPromptTooLong (unless its overflow policy shortens it), kPromptTokenInvalid, kTokenLimitsInvalid, kLogprobsInvalid,
// kStopInvalid.
Result<> check(const GenerationRequest& request, const engines::GenerationSessionInfo& info);
// Resolves tokens_max against the context, and shortens a prompt that leaves no room as its overflow policy says: its first
// overflow_keep_tokens and its newest tokens stay. Returns how many were left out.
std::size_t fit_to_context(GenerationRequest& request, const engines::GenerationSessionInfo& info, std::uint32_t tokens_default);

}  // namespace forebay::scheduling

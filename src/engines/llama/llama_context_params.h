// What the library's context is opened with, and how much memory that takes.
// Threads: immutable. Owner: llama/.
#pragma once

#include "engines/embedding_session.h"
#include "engines/generation_session.h"
#include "engines/llama/llama_library.h"

namespace forebay::engines {

// kSessionRefused when the library has no context for so many sequences or tokens a computation.
Result<> check_batch(std::uint32_t sequences, std::uint32_t tokens);

// `threads`: of the model, where the options name none.
llama_context_params context_params(const llama_model* model, const GenerationSessionOptions& options, std::size_t threads);
llama_context_params context_params(const llama_model* model, const EmbeddingSessionOptions& options, std::size_t threads);

// Positions of one step that may have logits.
std::uint32_t step_logits_max(const GenerationSessionOptions& options);

// An upper bound of what a context takes: cells, and the widest layers of one computation. `feed_forward_length` of the model.
std::uint64_t context_bytes(const llama_model* model, const llama_context_params& params, std::uint32_t feed_forward_length);

}  // namespace forebay::engines

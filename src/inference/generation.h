// Prompts to sequences: each is submitted by itself, and its events come through a channel.
// Thread safety: no state. The model must outlive the sequences.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "inference/call.h"
#include "models/served_model.h"
#include "scheduling/request.h"
#include "scheduling/token_channel.h"
#include "text/tokenizer.h"

namespace forebay::inference {

struct GenerationParams {
  std::vector<std::vector<text::Token>> prompts = {};
  scheduling::GenerationRequest settings = {};  // everything but prompt and ticket
  std::uint32_t sequences_per_prompt = 1;       // sequence i belongs to prompt i / this; its seed is the request's plus i % this
};

// Submits every sequence. The first refusal refuses the call; sequences that were accepted before end with the call's cancel token.
// Requires: model.generation. Errors: kTooManyItems for more sequences than the model's queue takes at once; those of the runner.
Result<std::vector<std::shared_ptr<scheduling::TokenChannel>>> generate(const Call& call, models::ServedModel& model,
                                                                        const GenerationParams& params);

}  // namespace forebay::inference

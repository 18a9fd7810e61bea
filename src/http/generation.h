// Generated text, the same for every dialect: every choice of a prompt is its own sequence, and events come back on the request's loop,
// gathered into one answer or streamed.
// Threads: called on the request's loop or pool. Not here: any dialect's JSON.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "http/exchange.h"
#include "http/token_gatherer.h"
#include "inference/generation.h"
#include "scheduling/request.h"
#include "text/tokenizer.h"

namespace forebay::http {

using text::Token;

struct GenerationOrder {
  models::Lease model;
  inference::GenerationParams params;
};

// Every sequence's usage together; the prompt counts once for each prompt.
scheduling::GenerationUsage total_usage(const std::vector<Choice>& choices, std::uint32_t sequences_per_prompt);

void generate(const ExchangePtr& exchange, GenerationOrder order, std::function<std::string(std::vector<Choice>)> to_json);
void generate_stream(const ExchangePtr& exchange, GenerationOrder order, StreamShape shape);

// Runs `prepare` on the request pool and refuses the request with its error.
void prepare_on_pool(const ExchangePtr& exchange, std::move_only_function<Result<>()> prepare);

}  // namespace forebay::http

// OpenAI's API, as its official clients use it.
// Threads: called on a loop thread; they answer through the exchange, then or later.
#pragma once

#include "http/routes.h"

namespace forebay::http::openai {

void chat(const ExchangePtr& exchange);
void completions(const ExchangePtr& exchange);
void embeddings(const ExchangePtr& exchange);
void score(const ExchangePtr& exchange);  // vLLM's
void models(const ExchangePtr& exchange);
void model(const ExchangePtr& exchange);

}  // namespace forebay::http::openai

// Cohere's routes, and the shape of rerank that Jina and others share.
// Source: docs.cohere.com/reference/rerank, /embed; jina.ai/reranker. Threads: called on a loop thread; they answer through the exchange.
#pragma once

#include "base/result.h"
#include "http/routes.h"

namespace forebay::http::cohere {

void rerank(const ExchangePtr& exchange);            // /v1/rerank
Result<> start_rerank(const ExchangePtr& exchange);  // the same, on the request pool
void rerank_v2(const ExchangePtr& exchange);         // /v2/rerank
void embed(const ExchangePtr& exchange);             // /v2/embed

}  // namespace forebay::http::cohere

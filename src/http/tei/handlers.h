// The routes of Text Embeddings Inference: bare lists, no envelope.
// Source: huggingface.github.io/text-embeddings-inference. Its /predict is /classify here. Threads: called on a loop thread; they answer
// through the exchange.
#pragma once

#include "http/routes.h"

namespace forebay::http::tei {

void embed(const ExchangePtr& exchange);
void rerank(const ExchangePtr& exchange);
void classify(const ExchangePtr& exchange);
void similarity(const ExchangePtr& exchange);
void tokenize(const ExchangePtr& exchange);
void info(const ExchangePtr& exchange);

}  // namespace forebay::http::tei

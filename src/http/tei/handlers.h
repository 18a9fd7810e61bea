// The routes of Text Embeddings Inference: bare lists, no envelope.
// Source: huggingface.github.io/text-embeddings-inference. Its /predict is /classify here, and /predict where no tensor model can be meant.
// Threads: called on a loop thread; they answer through the exchange.
#pragma once

#include "http/exchange.h"
#include "http/routes.h"

namespace forebay::http::tei {

void embed(const ExchangePtr& exchange);
// kVectorsNotMade.
void embed_all(const ExchangePtr& exchange);
void embed_sparse(const ExchangePtr& exchange);
void rerank(const ExchangePtr& exchange);
void classify(const ExchangePtr& exchange);
// Whether the body is one of /classify, texts for a model that classifies.
bool asks_for_classes(const Exchange& exchange);
void similarity(const ExchangePtr& exchange);
void tokenize(const ExchangePtr& exchange);
void decode(const ExchangePtr& exchange);
void info(const ExchangePtr& exchange);

}  // namespace forebay::http::tei

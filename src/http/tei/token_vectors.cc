// POST /embed_all and /embed_sparse: vectors of another kind than one vector of numbers a text. No engine here makes them.
#include "http/embedding_run.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/leases.h"
#include "http/tei/handlers.h"
#include "models/served_model.h"

namespace forebay::http::tei {

namespace {

// The request is read and its model found first: a typo and a wrong name have their own errors.
void refuse_vectors(const ExchangePtr& exchange, const char* reason) {
  prepare_on_pool(exchange, [exchange, reason]() -> Result<> {
    TRY_ASSIGN(const auto body, JsonObject::parse(exchange->body(), exchange->parts().json_limits()));
    TRY(body.only({"inputs", "model", "truncate", "truncation_direction", "prompt_name"}));
    TRY_ASSIGN(const auto name, body.string_or("model", ""));
    TRY_ASSIGN(const auto inputs, body.need("inputs"));
    TRY(read_texts(inputs));
    TRY(lease_for(*exchange, name, formats::Task::kEmbedding));
    return fail(Error(kVectorsNotMade, reason).with_field("model"));
  });
}

}  // namespace

void embed_all(const ExchangePtr& exchange) {
  refuse_vectors(exchange,
                 "the vectors of single tokens, before pooling, are not there: every engine here pools them to one vector a text");
}

// In the words of Text Embeddings Inference.
void embed_sparse(const ExchangePtr& exchange) { refuse_vectors(exchange, "Model is not an embedding model with Splade pooling"); }

}  // namespace forebay::http::tei

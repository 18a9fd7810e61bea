// The body of POST /v1/embeddings, read into native types.
// Source: platform.openai.com/docs/api-reference/embeddings/create. Threads: immutable.
#pragma once

#include <string_view>

#include "http/embedding_run.h"
#include "http/openai/chat_request.h"

namespace forebay::http::openai {

struct EmbeddingsRequest {
  EmbeddingOrder order;
  bool base64 = false;  // "encoding_format": vectors as base64 of little-endian float32
};
Result<EmbeddingsRequest> read_embeddings_request(std::string_view body, const RequestLimits& limits);

}  // namespace forebay::http::openai

#include "engines/llama/llama_embedding_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "engines/errors.h"
#include "engines/llama/llama_context_params.h"

namespace forebay::engines {

namespace {
// First fit, longest first: indices of texts, at most `tokens_max` tokens and `texts_max` texts a pack.
std::vector<std::vector<std::size_t>> packs_of(std::span<const std::vector<Token>> texts, std::size_t tokens_max, std::size_t texts_max) {
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return texts[a].size() > texts[b].size(); });
  std::vector<std::vector<std::size_t>> packs;
  std::vector<std::size_t> room;
  for (const std::size_t text : order) {
    std::size_t place = 0;
    while (place < packs.size() && (room[place] < texts[text].size() || packs[place].size() == texts_max)) ++place;
    if (place == packs.size()) {
      packs.emplace_back();
      room.push_back(tokens_max);
    }
    packs[place].push_back(text);
    room[place] -= texts[text].size();
  }
  return packs;
}

std::string_view pooling_name_of(enum llama_pooling_type pooling) {
  switch (pooling) {
    case LLAMA_POOLING_TYPE_MEAN:
      return "mean";
    case LLAMA_POOLING_TYPE_CLS:
      return "cls";
    case LLAMA_POOLING_TYPE_LAST:
      return "last";
    case LLAMA_POOLING_TYPE_RANK:
      return "rank";
    case LLAMA_POOLING_TYPE_NONE:
    case LLAMA_POOLING_TYPE_UNSPECIFIED:
      break;
  }
  return "none";
}
}  // namespace

Result<std::unique_ptr<EmbeddingSession>> LlamaEmbeddingSession::open(std::shared_ptr<LlamaModel> model,
                                                                      const EmbeddingSessionOptions& options) {
  TRY(check_batch(options.batch_texts_max, options.batch_tokens_max));
  // Without the head that the file must bring for it, the library aborts.
  if (options.pooling == Pooling::kRank && model->description().text->pooling != "rank")
    return fail(kSessionRefused, "pooling 'rank' needs a reranking model");
  const auto params = context_params(model->library_model(), options, model->threads());
  TRY_ASSIGN(auto compute, LlamaCompute::open(std::move(model), params));
  if (llama_pooling_type(compute->context()) == LLAMA_POOLING_TYPE_NONE)
    return fail(kNoPooling, "the model gives one vector a token: choose how they become one");
  return std::make_unique<LlamaEmbeddingSession>(std::move(compute));
}

LlamaEmbeddingSession::LlamaEmbeddingSession(std::unique_ptr<LlamaCompute> compute) : compute_(std::move(compute)) {
  const LlamaModel& model = compute_->model();
  const llama_context* opened = compute_->context();
  const auto trained = static_cast<std::uint32_t>(std::max(llama_model_n_ctx_train(model.library_model()), 1));
  info_.batch_texts_max = llama_n_seq_max(opened);
  info_.batch_tokens_max = std::min(llama_n_batch(opened), llama_n_ubatch(opened));
  // There is no position to look up beyond the trained ones.
  info_.text_tokens_max = std::min({llama_n_ctx_seq(opened), trained, info_.batch_tokens_max});
  info_.vocabulary_size = static_cast<std::uint32_t>(model.tokenizer()->vocabulary_size());
  info_.embedding_length = static_cast<std::uint32_t>(llama_model_n_embd_out(model.library_model()));
  info_.pooling = pooling_name_of(llama_pooling_type(opened));
}

Result<> LlamaEmbeddingSession::embed_pack(std::span<const std::vector<Token>> texts, std::span<const std::size_t> pack,
                                           const CancelToken& abort, std::vector<std::vector<float>>& vectors) {
  if (abort.cancelled()) return fail(abort.error());
  if (compute_->memory() != nullptr) llama_memory_clear(compute_->memory(), false);
  LlamaBatch& batch = compute_->batch();
  batch.clear();
  for (std::size_t sequence = 0; sequence < pack.size(); ++sequence) {
    std::int32_t position = 0;
    for (const Token token : texts[pack[sequence]]) batch.add(token, position++, static_cast<SequenceId>(sequence), true);
  }
  const LlamaErrorLog log;
  const std::int32_t code = compute_->run(abort);
  if (code != 0 && abort.cancelled()) return fail(abort.error());
  if (code != 0) return fail(kEmbeddingFailed, fmt::format("{} (code {})", log.message("the library could not compute the batch"), code));
  const std::size_t width = info_.pooling == "rank" ? llama_model_n_cls_out(compute_->model().library_model()) : info_.embedding_length;
  for (std::size_t sequence = 0; sequence < pack.size(); ++sequence) {
    const float* vector = llama_get_embeddings_seq(compute_->context(), static_cast<SequenceId>(sequence));
    if (vector == nullptr) return fail(kEmbeddingFailed, "the library gave no vector for a text");
    vectors[pack[sequence]].assign(vector, vector + width);
  }
  return {};
}

Result<std::vector<std::vector<float>>> LlamaEmbeddingSession::embed(const EmbeddingTexts& given, const CancelToken& abort) {
  const auto texts = given.tokens;  // the library gives every token type 0
  TRY(check_texts(texts, info_));
  std::vector<std::vector<float>> vectors(texts.size());
  for (const auto& pack : packs_of(texts, info_.batch_tokens_max, info_.batch_texts_max)) TRY(embed_pack(texts, pack, abort, vectors));
  return vectors;
}

}  // namespace forebay::engines

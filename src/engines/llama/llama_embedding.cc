// LlamaTextSession's embed(): texts packed by their tokens into as few computations as fit.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "engines/errors.h"
#include "engines/llama/llama_text_session.h"
#include "text/errors.h"

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
}  // namespace

Result<> LlamaTextSession::check(std::span<const std::vector<Token>> texts) const {
  if (!embeddings_) return fail(kWrongKindOfModel, "the session was not opened for embeddings");
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string field = fmt::format("input[{}]", i);
    if (texts[i].empty()) return fail(Error(kEmbeddingFailed, fmt::format("text {} has no tokens", i)).with_field(field));
    if (texts[i].size() > info_.sequence_tokens_max) {
      return fail(
          Error(text::kTextTooLong, fmt::format("text {} has {} tokens, at most {} fit", i, texts[i].size(), info_.sequence_tokens_max))
              .with_field(field));
    }
    for (const Token token : texts[i]) {
      if (token < 0 || static_cast<std::uint32_t>(token) >= info_.vocabulary_size) {
        return fail(
            Error(kEmbeddingFailed, fmt::format("text {} has the token {}, which is not in the vocabulary", i, token)).with_field(field));
      }
    }
  }
  return {};
}

Result<> LlamaTextSession::embed_pack(std::span<const std::vector<Token>> texts, std::span<const std::size_t> pack,
                                      const CancelToken& abort, std::vector<std::vector<float>>& vectors) {
  if (abort.cancelled()) return fail(abort.error());
  if (memory_ != nullptr) llama_memory_clear(memory_, false);
  batch_.clear();
  for (std::size_t sequence = 0; sequence < pack.size(); ++sequence) {
    std::int32_t position = 0;
    for (const Token token : texts[pack[sequence]]) batch_.add(token, position++, static_cast<SequenceId>(sequence), true);
  }
  const LlamaErrorLog log;
  const std::int32_t code = compute(abort);
  if (code != 0 && abort.cancelled()) return fail(abort.error());
  if (code != 0) return fail(kEmbeddingFailed, fmt::format("{} (code {})", log.message("the library could not compute the batch"), code));
  const std::size_t width = info_.pooling == "rank" ? llama_model_n_cls_out(model_->library_model()) : info_.embedding_length;
  for (std::size_t sequence = 0; sequence < pack.size(); ++sequence) {
    const float* vector = llama_get_embeddings_seq(context_.get(), static_cast<SequenceId>(sequence));
    if (vector == nullptr) return fail(kEmbeddingFailed, "the library gave no vector for a text");
    vectors[pack[sequence]].assign(vector, vector + width);
  }
  return {};
}

Result<std::vector<std::vector<float>>> LlamaTextSession::embed(const EmbeddingTexts& batch, const CancelToken& abort) {
  const auto texts = batch.tokens;  // the library gives every token type 0
  TRY(check(texts));
  std::vector<std::vector<float>> vectors(texts.size());
  for (const auto& pack : packs_of(texts, info_.step_tokens_max, info_.sequences_max)) TRY(embed_pack(texts, pack, abort, vectors));
  return vectors;
}

}  // namespace forebay::engines

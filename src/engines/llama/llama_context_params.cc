#include "engines/llama/llama_context_params.h"

#include <fmt/format.h>

#include <algorithm>

#include "engines/errors.h"

namespace forebay::engines {

namespace {
constexpr std::uint32_t kSequenceTokensDefault = 4'096;
constexpr std::uint32_t kUnifiedTokensDefault = 8'192;
constexpr std::uint32_t kUnifiedSequenceTokens = 1'024;
constexpr std::uint32_t kBatchTokensMax = 1U << 16U;
constexpr std::uint64_t kCellBytes = 2;  // of one number in K or V: F16

// With a unified cache a long text may use the cells of the others: it holds one whole context, and a fair part for each sequence.
std::uint32_t context_tokens_of(const llama_model* model, const GenerationSessionOptions& options) {
  if (options.context_tokens != 0) return options.context_tokens;
  const auto trained = static_cast<std::uint32_t>(std::max(llama_model_n_ctx_train(model), 1));
  if (options.layout == CacheLayout::kPerSequence) return std::min(trained, kSequenceTokensDefault) * options.sequences_max;
  return std::max(std::min(trained, kUnifiedTokensDefault), std::min(trained, kUnifiedSequenceTokens) * options.sequences_max);
}

enum llama_pooling_type pooling_type_of(Pooling pooling) {
  switch (pooling) {
    case Pooling::kFromFile:
      return LLAMA_POOLING_TYPE_UNSPECIFIED;
    case Pooling::kNone:
      return LLAMA_POOLING_TYPE_NONE;
    case Pooling::kMean:
      return LLAMA_POOLING_TYPE_MEAN;
    case Pooling::kCls:
      return LLAMA_POOLING_TYPE_CLS;
    case Pooling::kLast:
      return LLAMA_POOLING_TYPE_LAST;
    case Pooling::kRank:
      return LLAMA_POOLING_TYPE_RANK;
  }
  return LLAMA_POOLING_TYPE_UNSPECIFIED;
}

llama_context_params batch_params(std::uint32_t sequences, std::uint32_t tokens, std::size_t threads) {
  llama_context_params params = llama_context_default_params();
  params.n_batch = params.n_ubatch = tokens;
  params.n_seq_max = sequences;
  params.n_threads = params.n_threads_batch = static_cast<std::int32_t>(threads);
  params.no_perf = true;
  return params;
}
}  // namespace

Result<> check_batch(std::uint32_t sequences, std::uint32_t tokens) {
  const auto sequences_max = static_cast<std::uint32_t>(llama_max_parallel_sequences());
  if (sequences == 0 || sequences > sequences_max)
    return fail(kSessionRefused, fmt::format("{} sequences: libllama takes between 1 and {}", sequences, sequences_max));
  if (tokens == 0 || tokens > kBatchTokensMax)
    return fail(kSessionRefused, fmt::format("{} tokens a step: between 1 and {} are possible", tokens, kBatchTokensMax));
  return {};
}

std::uint32_t step_logits_max(const GenerationSessionOptions& options) {
  const std::uint32_t wanted = options.step_logits_max == 0 ? options.sequences_max : options.step_logits_max;
  return std::min(wanted, options.step_tokens_max);
}

llama_context_params context_params(const llama_model* model, const GenerationSessionOptions& options, std::size_t threads) {
  auto params = batch_params(options.sequences_max, options.step_tokens_max, options.threads == 0 ? threads : options.threads);
  params.n_ctx = context_tokens_of(model, options);
  params.kv_unified = options.layout == CacheLayout::kUnified;
  params.pooling_type = LLAMA_POOLING_TYPE_NONE;
  // The library reserves a row of the vocabulary for each.
  params.n_outputs_max = step_logits_max(options);
  // Whole sliding windows are kept, so that sequences can be trimmed and shared.
  params.swa_full = true;
  return params;
}

llama_context_params context_params(const llama_model*, const EmbeddingSessionOptions& options, std::size_t threads) {
  auto params = batch_params(options.batch_texts_max, options.batch_tokens_max, options.threads == 0 ? threads : options.threads);
  // An encoder takes a whole batch in one micro-batch and aborts on more; without a unified cache each text would get only its part.
  params.n_ctx = options.batch_tokens_max;
  params.kv_unified = true;
  params.embeddings = true;
  // The library's flash attention sums in half precision on the CPU: a text would get another vector in other company (2e-5 instead of
  // 1e-7).
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.pooling_type = pooling_type_of(options.pooling);
  return params;
}

std::uint64_t context_bytes(const llama_model* model, const llama_context_params& params, std::uint32_t feed_forward_length) {
  const std::uint64_t embedding = static_cast<std::uint64_t>(llama_model_n_embd(model));
  const std::uint64_t heads = std::max<std::uint64_t>(static_cast<std::uint64_t>(llama_model_n_head(model)), 1);
  const std::uint64_t keys = embedding / heads * static_cast<std::uint64_t>(std::max(llama_model_n_head_kv(model), 1));
  const std::uint64_t layers = static_cast<std::uint64_t>(llama_model_n_layer(model));
  const std::uint64_t cells = llama_model_has_decoder(model) ? params.n_ctx : 0;
  const std::uint64_t outputs = params.n_outputs_max == 0 ? 1 : params.n_outputs_max;
  const auto vocabulary = static_cast<std::uint64_t>(llama_vocab_n_tokens(llama_model_get_vocab(model)));
  // The widest layers of one micro-batch live at the same time: a feed-forward pair, a few rows of the model's width, scores over the
  // context.
  const std::uint64_t row = 4 * (3 * std::uint64_t{feed_forward_length} + 12 * embedding + params.n_ctx + heads * 64);
  return cells * layers * 2 * keys * kCellBytes + params.n_ubatch * row + 2 * outputs * vocabulary * 4;
}

}  // namespace forebay::engines

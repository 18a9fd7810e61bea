#include "engines/llama/llama_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/errors.h"
#include "base/machine.h"
#include "engines/errors.h"
#include "engines/library_message.h"
#include "engines/llama/compute_lane.h"
#include "engines/llama/llama_backends.h"
#include "engines/llama/llama_sampler.h"
#include "engines/llama/llama_text_session.h"

namespace forebay::engines {

namespace {
constexpr std::uint32_t kSequenceTokensDefault = 4'096;
constexpr std::uint32_t kPoolTokensDefault = 8'192;
constexpr std::uint32_t kPoolPartTokens = 1'024;
constexpr std::uint64_t kCellBytes = 2;  // of one number in K or V: F16

// Called by the library with 0..1; false stops the load.
bool report_progress(float progress, void* callback) {
  const auto& report = *static_cast<const std::function<bool(float)>*>(callback);
  return !report || report(progress);
}

// The library aborts on none of the known broken files here: formats has checked types and shapes before.
Result<LlamaModelPointer> load_file(const std::filesystem::path& path, llama_model_params params, const LoadOptions& options) {
  bool stopped = false;
  std::function<bool(float)> progress = [&](float share) {
    stopped = options.progress && !options.progress(share);
    return !stopped;
  };
  params.progress_callback = report_progress;
  params.progress_callback_user_data = &progress;
  const LlamaErrorLog log;
  LlamaModelPointer model;
  std::optional<std::string> thrown;
  run_on_passing_thread([&, collecting = LlamaErrorLog::current()] {
    const LlamaErrorLog::Loan loan(collecting);
    try {
      model.reset(llama_model_load_from_file(path.c_str(), params));
    } catch (const std::exception& error) {
      thrown = cleaned_library_message(error.what());
    }
  });
  if (model) return model;
  if (thrown) return fail(kModelRefused, *thrown);
  if (stopped) return fail(kCancelledByCaller, "the load was stopped");
  return fail(kModelRefused, log.message("the library cannot load the file"));
}

// With one pool of cells a long text may use what the others leave: the pool holds one whole context, and a fair part for everybody.
std::uint32_t context_tokens_of(const llama_model* model, const TextSessionOptions& options) {
  if (options.context_tokens != 0) return options.context_tokens;
  const auto trained = static_cast<std::uint32_t>(std::max(llama_model_n_ctx_train(model), 1));
  if (!options.unified_cells) return std::min(trained, kSequenceTokensDefault) * options.sequences_max;
  return std::max(std::min(trained, kPoolTokensDefault), std::min(trained, kPoolPartTokens) * options.sequences_max);
}
}  // namespace

llama_context_params context_params(const llama_model* model, const TextSessionOptions& options, std::size_t threads) {
  llama_context_params params = llama_context_default_params();
  params.n_batch = params.n_ubatch = options.step_tokens_max;
  params.n_seq_max = options.sequences_max;
  params.n_threads = params.n_threads_batch = static_cast<std::int32_t>(options.threads == 0 ? threads : options.threads);
  params.no_perf = true;
  if (options.embeddings) {
    // An encoder takes a whole batch in one micro-batch and aborts on more; without unified cells each text would get only its part.
    params.n_ctx = options.step_tokens_max;
    params.kv_unified = true;
    params.embeddings = true;
    // The library's flash attention sums in half precision on the CPU: a text would get another vector in other company (2e-5 instead of
    // 1e-7).
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    switch (options.pooling) {
      case Pooling::kFromFile:
        params.pooling_type = LLAMA_POOLING_TYPE_UNSPECIFIED;
        break;
      case Pooling::kNone:
        params.pooling_type = LLAMA_POOLING_TYPE_NONE;
        break;
      case Pooling::kMean:
        params.pooling_type = LLAMA_POOLING_TYPE_MEAN;
        break;
      case Pooling::kCls:
        params.pooling_type = LLAMA_POOLING_TYPE_CLS;
        break;
      case Pooling::kLast:
        params.pooling_type = LLAMA_POOLING_TYPE_LAST;
        break;
      case Pooling::kRank:
        params.pooling_type = LLAMA_POOLING_TYPE_RANK;
        break;
    }
    return params;
  }
  params.n_ctx = context_tokens_of(model, options);
  params.kv_unified = options.unified_cells;
  params.pooling_type = LLAMA_POOLING_TYPE_NONE;
  // Logits are wanted of one token a sequence at most: without this the library reserves a row of the vocabulary for every token of a step.
  params.n_outputs_max = std::min(options.sequences_max, options.step_tokens_max);
  // Whole sliding windows are kept, so that sequences can be trimmed and shared.
  params.swa_full = true;
  return params;
}

Result<std::shared_ptr<LlamaModel>> LlamaModel::load(const std::filesystem::path& path, const formats::ModelDescription& description,
                                                     const LoadOptions& options) {
  if (!description.text) return fail(kModelRefused, "the file has no text model");
  if (!description.text->has_tensors) return fail(kNoWeights, "the file holds a vocabulary and no weights");
  llama_library();
  BackendReport report;
  for (const std::string& backend : llama_backend_chain(options.backend)) {
    LlamaDevices devices = devices_of(backend);
    if (!devices.reason.empty()) {
      report.passed_over.push_back(fmt::format("{}: {}", backend, devices.reason));
      continue;
    }
    llama_model_params params = llama_model_default_params();
    params.devices = devices.list.data();
    params.n_gpu_layers = devices.list.size() > 1 ? -1 : 0;
    TRY_ASSIGN(LlamaModelPointer model, load_file(path, params, options));
    report.chosen = backend;
    return std::make_shared<LlamaModel>(description, std::move(report), std::move(model), options.threads);
  }
  return fail(kBackendUnavailable, fmt::format("no backend of '{}' can be used: {}", options.backend, fmt::join(report.passed_over, "; ")));
}

Result<std::shared_ptr<LlamaModel>> LlamaModel::load_vocabulary(const std::filesystem::path& path,
                                                                const formats::ModelDescription& description) {
  llama_library();
  llama_model_params params = llama_model_default_params();
  params.vocab_only = true;
  TRY_ASSIGN(LlamaModelPointer model, load_file(path, params, {}));
  return std::make_shared<LlamaModel>(description, BackendReport{.chosen = "cpu", .passed_over = {}}, std::move(model), 1);
}

LlamaModel::LlamaModel(formats::ModelDescription description, BackendReport report, LlamaModelPointer model, std::size_t threads)
    : description_(std::move(description)),
      report_(std::move(report)),
      model_(std::move(model)),
      tokenizer_(llama_model_get_vocab(model_.get())),
      threads_(threads == 0 ? usable_cores() : threads) {}

MemoryNeed LlamaModel::memory_need(const TextSessionOptions& options) const {
  const formats::TextSpec& text = *description_.text;
  const llama_context_params params = context_params(model_.get(), options, threads_);
  const std::uint64_t embedding = static_cast<std::uint64_t>(llama_model_n_embd(model_.get()));
  const std::uint64_t heads = std::max<std::uint64_t>(static_cast<std::uint64_t>(llama_model_n_head(model_.get())), 1);
  const std::uint64_t keys = embedding / heads * static_cast<std::uint64_t>(std::max(llama_model_n_head_kv(model_.get()), 1));
  const std::uint64_t layers = static_cast<std::uint64_t>(llama_model_n_layer(model_.get()));
  const std::uint64_t cells = llama_model_has_decoder(model_.get()) ? params.n_ctx : 0;
  const std::uint64_t outputs = params.n_outputs_max == 0 ? 1 : params.n_outputs_max;
  const auto vocabulary = static_cast<std::uint64_t>(tokenizer_.vocabulary_size());
  // The widest layers of one micro-batch live at the same time: a feed-forward pair, a few rows of the model's width, scores over the
  // context.
  const std::uint64_t row = 4 * (3 * std::uint64_t{text.feed_forward_length} + 12 * embedding + params.n_ctx + heads * 64);
  const std::uint64_t logits = 2 * outputs * vocabulary * 4;
  return {.weights_bytes = llama_model_size(model_.get()),
          .session_bytes = cells * layers * 2 * keys * kCellBytes + params.n_ubatch * row + logits};
}

Result<std::unique_ptr<TensorSession>> LlamaModel::open_tensor_session() {
  return fail(kWrongKindOfModel, "the model works on text, not on tensors");
}

Result<std::unique_ptr<TextSession>> LlamaModel::open_text_session(const TextSessionOptions& options) {
  if (!description_.text->has_tensors) return fail(kNoWeights, "the file holds a vocabulary and no weights");
  return LlamaTextSession::open(shared_from_this(), options);
}

Result<std::unique_ptr<Sampler>> LlamaModel::make_sampler(const SamplingOptions& options) const {
  return LlamaSampler::create(tokenizer_.vocabulary(), options, shared_from_this());
}

Result<llama_adapter_lora*> LlamaModel::adapter(const std::string& path) {
  auto adapters = adapters_.lock();  // also because the library notes adapters in the model without a lock
  if (const auto known = adapters->find(path); known != adapters->end()) return known->second;
  const LlamaErrorLog log;
  try {
    if (llama_adapter_lora* adapter = llama_adapter_lora_init(model_.get(), path.c_str())) {
      adapters->emplace(path, adapter);
      return adapter;
    }
  } catch (const std::exception& error) {
    return fail(kAdapterRefused, cleaned_library_message(error.what()));
  }
  return fail(kAdapterRefused, log.message("the library cannot load the adapter"));
}

}  // namespace forebay::engines

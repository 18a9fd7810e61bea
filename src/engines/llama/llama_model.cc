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
#include "engines/llama/llama_context_params.h"
#include "engines/llama/llama_embedding_session.h"
#include "engines/llama/llama_generation_session.h"
#include "engines/llama/llama_sampler.h"

namespace forebay::engines {

namespace {
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

}  // namespace

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

std::uint64_t LlamaModel::generation_session_bytes(const GenerationSessionOptions& options) const {
  return context_bytes(model_.get(), context_params(model_.get(), options, threads_), description_.text->feed_forward_length);
}

std::uint64_t LlamaModel::embedding_session_bytes(const EmbeddingSessionOptions& options) const {
  return context_bytes(model_.get(), context_params(model_.get(), options, threads_), description_.text->feed_forward_length);
}

Result<std::unique_ptr<GenerationSession>> LlamaModel::open_generation_session(const GenerationSessionOptions& options) {
  if (!description_.text->has_tensors) return fail(kNoWeights, "the file holds a vocabulary and no weights");
  return LlamaGenerationSession::open(shared_from_this(), options);
}

Result<std::unique_ptr<EmbeddingSession>> LlamaModel::open_embedding_session(const EmbeddingSessionOptions& options) {
  if (!description_.text->has_tensors) return fail(kNoWeights, "the file holds a vocabulary and no weights");
  return LlamaEmbeddingSession::open(shared_from_this(), options);
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

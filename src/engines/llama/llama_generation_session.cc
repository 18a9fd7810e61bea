#include "engines/llama/llama_generation_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "engines/errors.h"
#include "engines/library_message.h"
#include "engines/llama/llama_context_params.h"

namespace forebay::engines {

namespace {
Result<> check_options(const LlamaModel& model, const GenerationSessionOptions& options) {
  TRY(check_batch(options.sequences_max, options.step_tokens_max));
  const llama_model* library_model = model.library_model();
  if (!llama_model_has_decoder(library_model) || model.description().task != formats::Task::kTextGeneration) {
    return fail(kWrongKindOfModel, fmt::format("the model is for {}: it generates no text", formats::name_of(model.description().task)));
  }
  if (llama_model_has_encoder(library_model)) return fail(kWrongKindOfModel, "encoder-decoder models are not served");
  // Every token sees those after it: the library wants logits of all of them at once, and aborts without.
  if (llama_model_is_diffusion(library_model)) return fail(kWrongKindOfModel, "diffusion models do not write token by token");
  return {};
}
}  // namespace

Result<std::unique_ptr<GenerationSession>> LlamaGenerationSession::open(std::shared_ptr<LlamaModel> model,
                                                                        const GenerationSessionOptions& options) {
  TRY(check_options(*model, options));
  const auto params = context_params(model->library_model(), options, model->threads());
  TRY_ASSIGN(auto compute, LlamaCompute::open(std::move(model), params));
  return std::make_unique<LlamaGenerationSession>(std::move(compute), options);
}

LlamaGenerationSession::LlamaGenerationSession(std::unique_ptr<LlamaCompute> compute, const GenerationSessionOptions& options)
    : compute_(std::move(compute)), memory_(compute_->memory()), ledger_(options.sequences_max) {
  const LlamaModel& model = compute_->model();
  const llama_model* library_model = model.library_model();
  const llama_context* opened = compute_->context();
  const auto trained = static_cast<std::uint32_t>(std::max(llama_model_n_ctx_train(library_model), 1));
  info_.context_tokens = llama_n_ctx(opened);
  info_.sequences_max = llama_n_seq_max(opened);
  info_.step_tokens_max = std::min(llama_n_batch(opened), llama_n_ubatch(opened));
  info_.step_logits_max = step_logits_max(options);
  // Positions beyond the trained ones make a model write nonsense unless that was asked for.
  info_.sequence_tokens_max = options.context_tokens == 0 ? std::min(llama_n_ctx_seq(opened), trained) : llama_n_ctx_seq(opened);
  info_.vocabulary_size = static_cast<std::uint32_t>(model.tokenizer()->vocabulary_size());
  const bool whole_only = llama_model_is_recurrent(library_model) || llama_model_is_hybrid(library_model);
  info_.can_trim = info_.can_share = memory_ != nullptr && !whole_only;
  info_.layout = options.layout;
  info_.state_format = fmt::format("libllama state {} of ggml {} {}; parts {}", LLAMA_STATE_SEQ_VERSION, ggml_version(), ggml_commit(),
                                   is_unified() ? 1 : info_.sequences_max);
}

bool LlamaGenerationSession::fits(std::span<const StepSlice> slices) const {
  return std::ranges::all_of(slices, [this](const StepSlice& slice) {
    return static_cast<std::size_t>(slice.position) + slice.tokens.size() <= info_.sequence_tokens_max;
  });
}

// Slices are sorted by sequence: with cells per sequence, the library computes consecutive sequences together.
void LlamaGenerationSession::fill_batch(std::span<const StepSlice> slices) {
  LlamaBatch& batch = compute_->batch();
  batch.clear();
  logits_rows_.assign(slices.size(), {});
  batch_order_.resize(slices.size());
  std::ranges::iota(batch_order_, std::size_t{0});
  std::ranges::sort(batch_order_, {}, [&](std::size_t index) { return slices[index].sequence; });
  for (const std::size_t index : batch_order_) {
    const StepSlice& slice = slices[index];
    const std::size_t without = slice.tokens.size() - slice.logits;
    for (std::size_t i = 0; i < slice.tokens.size(); ++i)
      batch.add(slice.tokens[i], slice.position + static_cast<std::int32_t>(i), slice.sequence, i >= without);
    logits_rows_[index] = {static_cast<std::int32_t>(batch.tokens() - slice.logits), slice.logits};
  }
}

Result<StepOutcome> LlamaGenerationSession::step(std::span<const StepSlice> slices, const CancelToken& abort) {
  logits_rows_.clear();
  copied_.reset();
  TRY(check_step(slices, *this));
  if (!fits(slices)) return StepOutcome::kNoCells;
  if (abort.cancelled()) return StepOutcome::kAborted;
  fill_batch(slices);
  const LlamaErrorLog log;
  return outcome_of(compute_->run(abort), slices, log);
}

Result<StepOutcome> LlamaGenerationSession::outcome_of(std::int32_t code, std::span<const StepSlice> slices, const LlamaErrorLog& log) {
  if (code == 0) {
    for (const StepSlice& slice : slices) ledger_.append(static_cast<std::size_t>(slice.sequence), slice.tokens.size());
    return StepOutcome::kDone;
  }
  logits_rows_.clear();
  if (code == 1) return StepOutcome::kNoCells;  // the library has put everything back
  resync(slices);
  if (code == 2) return StepOutcome::kAborted;
  return fail(kStepFailed, fmt::format("{} (code {})", log.message("the library could not compute the step"), code));
}

void LlamaGenerationSession::resync(std::span<const StepSlice> slices) {
  for (const StepSlice& slice : slices) {
    const std::int32_t held = memory_ == nullptr ? 0 : llama_memory_seq_pos_max(memory_, slice.sequence) + 1;
    ledger_.resync(static_cast<std::size_t>(slice.sequence), static_cast<std::size_t>(std::max(held, 0)));
  }
}

std::span<const float> LlamaGenerationSession::logits(std::size_t slice, std::size_t row) const {
  if (slice >= logits_rows_.size() || row >= logits_rows_[slice].count) return {};
  const float* logits = llama_get_logits_ith(compute_->context(), logits_rows_[slice].first + static_cast<std::int32_t>(row));
  return logits == nullptr ? std::span<const float>() : std::span<const float>(logits, info_.vocabulary_size);
}

std::int32_t LlamaGenerationSession::length(SequenceId sequence) const {
  return known(sequence) ? static_cast<std::int32_t>(ledger_.length(static_cast<std::size_t>(sequence))) : 0;
}

bool LlamaGenerationSession::trim(SequenceId sequence, std::int32_t tokens) {
  if (!known(sequence) || tokens < 0 || tokens > length(sequence)) return false;
  if (tokens == length(sequence)) return true;
  if (tokens != 0 && !info_.can_trim) return false;
  copied_.reset();
  if (!llama_memory_seq_rm(memory_, sequence, tokens == 0 ? -1 : tokens, -1)) return false;
  ledger_.trim(static_cast<std::size_t>(sequence), static_cast<std::size_t>(tokens));
  return true;
}

Result<> LlamaGenerationSession::share(SequenceId from, SequenceId to, std::int32_t tokens) {
  if (!known(from) || !known(to) || from == to) return fail(kShareRefused, fmt::format("cannot share from sequence {} to {}", from, to));
  if (tokens <= 0 || tokens > length(from))
    return fail(kShareRefused, fmt::format("sequence {} has {} tokens, not {}", from, length(from), tokens));
  if (length(to) != 0) return fail(kShareRefused, fmt::format("sequence {} is not empty", to));
  if (!info_.can_share) return fail(kShareRefused, "the model keeps a running state and no cells: a prefix cannot be taken out of it");
  if (is_unified()) {
    llama_memory_seq_cp(memory_, from, to, 0, tokens);
    ledger_.share(static_cast<std::size_t>(from), static_cast<std::size_t>(to), static_cast<std::size_t>(tokens));
    return {};
  }
  // Between separate parts the library copies a whole part, used cells or not, and a partial copy aborts the process. A saved state is
  // as long as its text.
  if (!copied_ || copied_->from != from) {
    TRY_ASSIGN(auto state, save(from));
    copied_ = Copied{from, std::move(state)};
  }
  Copied copied = *std::exchange(copied_, std::nullopt);
  TRY(restore(to, copied.state, length(from)));
  const bool trimmed = trim(to, tokens);
  copied_ = std::move(copied);
  if (trimmed) return {};
  trim(to, 0);
  return fail(kShareRefused, "the library cannot shorten the copy");
}

Result<std::vector<std::byte>> LlamaGenerationSession::save(SequenceId sequence) {
  if (length(sequence) == 0) return fail(kStateRefused, fmt::format("sequence {} has nothing to save", sequence));
  try {
    std::vector<std::byte> state(llama_state_seq_get_size(compute_->context(), sequence));
    const std::size_t size =
        llama_state_seq_get_data(compute_->context(), reinterpret_cast<std::uint8_t*>(state.data()), state.size(), sequence);
    if (size == 0) return fail(kStateRefused, "the library cannot save the sequence");
    state.resize(size);
    return state;
  } catch (const std::exception& error) {
    return fail(kStateRefused, cleaned_library_message(error.what()));
  }
}

Result<> LlamaGenerationSession::restore(SequenceId sequence, std::span<const std::byte> state, std::int32_t tokens) {
  if (!known(sequence) || length(sequence) != 0) return fail(kStateRefused, fmt::format("sequence {} is not empty", sequence));
  if (memory_ == nullptr || tokens <= 0 || state.empty()) return fail(kStateRefused, "there is nothing to restore");
  copied_.reset();
  const LlamaErrorLog log;
  bool restored = false;
  try {
    restored =
        llama_state_seq_set_data(compute_->context(), reinterpret_cast<const std::uint8_t*>(state.data()), state.size(), sequence) != 0 &&
        llama_memory_seq_pos_max(memory_, sequence) + 1 == tokens;
  } catch (const std::exception& error) {
    llama_memory_seq_rm(memory_, sequence, -1, -1);
    return fail(kStateRefused, cleaned_library_message(error.what()));
  }
  if (!restored) {
    llama_memory_seq_rm(memory_, sequence, -1, -1);
    return fail(kStateRefused, log.message(fmt::format("the state does not hold {} tokens, or there are no cells for it", tokens)));
  }
  ledger_.append(static_cast<std::size_t>(sequence), static_cast<std::size_t>(tokens));
  return {};
}

Result<> LlamaGenerationSession::set_adapters(std::span<const Adapter> adapters) {
  std::vector<llama_adapter_lora*> loaded;
  std::vector<float> scales;
  for (const Adapter& adapter : adapters) {
    TRY_ASSIGN(llama_adapter_lora * one, compute_->model().adapter(adapter.path));
    loaded.push_back(one);
    scales.push_back(adapter.scale);
  }
  if (llama_set_adapters_lora(compute_->context(), loaded.data(), loaded.size(), scales.data()) != 0) {
    return fail(kAdapterRefused, "the library does not take the adapters together");
  }
  return {};
}

}  // namespace forebay::engines

#include "engines/llama/llama_text_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/lost_pages.h"
#include "engines/errors.h"
#include "engines/library_message.h"

namespace forebay::engines {

namespace {
constexpr std::uint32_t kStepTokensMax = 1U << 16U;

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

Result<> check_options(const LlamaModel& model, const TextSessionOptions& options) {
  const auto sequences_max = static_cast<std::uint32_t>(llama_max_parallel_sequences());
  if (options.sequences_max == 0 || options.sequences_max > sequences_max) {
    return fail(kSessionRefused, fmt::format("{} sequences: libllama takes between 1 and {}", options.sequences_max, sequences_max));
  }
  if (options.step_tokens_max == 0 || options.step_tokens_max > kStepTokensMax) {
    return fail(kSessionRefused, fmt::format("{} tokens a step: between 1 and {} are possible", options.step_tokens_max, kStepTokensMax));
  }
  const llama_model* library_model = model.library_model();
  if (!options.embeddings) {
    if (!llama_model_has_decoder(library_model) || model.description().task != formats::Task::kTextGeneration) {
      return fail(kWrongKindOfModel, fmt::format("the model is for {}: it generates no text", formats::name_of(model.description().task)));
    }
    if (llama_model_has_encoder(library_model)) return fail(kWrongKindOfModel, "encoder-decoder models are not served");
    // Every token sees those after it: the library wants logits of all of them at once, and aborts without.
    if (llama_model_is_diffusion(library_model)) return fail(kWrongKindOfModel, "diffusion models do not write token by token");
    return {};
  }
  // Without the head that the file must bring for it, the library aborts.
  if (options.pooling == Pooling::kRank && model.description().text->pooling != "rank") {
    return fail(kSessionRefused, "pooling 'rank' needs a reranking model");
  }
  return {};
}

// One thread needs no team: it computes where it is called.
std::unique_ptr<ComputeSeat> seat_for(std::size_t threads) { return threads > 1 ? ComputeSeat::take(threads) : nullptr; }
}  // namespace

Result<std::unique_ptr<TextSession>> LlamaTextSession::open(std::shared_ptr<LlamaModel> model, const TextSessionOptions& options) {
  TRY(check_options(*model, options));
  const LlamaErrorLog log;
  LlamaContextPointer context;
  std::optional<std::string> thrown;
  run_on_passing_thread([&, collecting = LlamaErrorLog::current()] {
    const LlamaErrorLog::Loan loan(collecting);
    try {
      context.reset(llama_init_from_model(model->library_model(), context_params(model->library_model(), options, model->threads())));
    } catch (const std::exception& error) {
      thrown = cleaned_library_message(error.what());
    }
  });
  if (thrown) return fail(kSessionRefused, *thrown);
  if (!context) return fail(kSessionRefused, log.message("the library cannot open a context"));
  if (options.embeddings && llama_pooling_type(context.get()) == LLAMA_POOLING_TYPE_NONE) {
    return fail(kNoPooling, "the model gives one vector a token: choose how they become one");
  }
  return std::make_unique<LlamaTextSession>(std::move(model), std::move(context), options);
}

LlamaTextSession::LlamaTextSession(std::shared_ptr<LlamaModel> model, LlamaContextPointer context, const TextSessionOptions& options)
    : model_(std::move(model)),
      context_(std::move(context)),
      memory_(llama_get_memory(context_.get())),
      unified_(options.unified_cells || options.embeddings),
      embeddings_(options.embeddings),
      ledger_(options.sequences_max),
      seat_(seat_for(options.threads == 0 ? model_->threads() : options.threads)),
      seen_in_step_(options.sequences_max, 0) {
  const llama_model* library_model = model_->library_model();
  const llama_context* opened = context_.get();
  const auto trained = static_cast<std::uint32_t>(std::max(llama_model_n_ctx_train(library_model), 1));
  info_.context_tokens = llama_n_ctx(opened);
  info_.sequences_max = llama_n_seq_max(opened);
  info_.step_tokens_max = std::min(llama_n_batch(opened), llama_n_ubatch(opened));
  // Positions beyond the trained ones: an embedder has none to look up, a generator becomes nonsense unless somebody asked for it.
  const bool trained_only = embeddings_ || options.context_tokens == 0;
  info_.sequence_tokens_max = trained_only ? std::min(llama_n_ctx_seq(opened), trained) : llama_n_ctx_seq(opened);
  if (embeddings_) info_.sequence_tokens_max = std::min(info_.sequence_tokens_max, info_.step_tokens_max);
  info_.vocabulary_size = static_cast<std::uint32_t>(model_->tokenizer()->vocabulary_size());
  info_.embedding_length = static_cast<std::uint32_t>(llama_model_n_embd_out(library_model));
  const bool whole_only = llama_model_is_recurrent(library_model) || llama_model_is_hybrid(library_model);
  info_.can_trim = info_.can_share = memory_ != nullptr && !whole_only;
  info_.separate_cells = !unified_;
  info_.state_format = fmt::format("libllama state {} of ggml {} {}; parts {}", LLAMA_STATE_SEQ_VERSION, ggml_version(), ggml_commit(),
                                   unified_ ? 1 : info_.sequences_max);
  if (embeddings_) info_.pooling = pooling_name_of(llama_pooling_type(opened));
  llama_set_abort_callback(
      context_.get(),
      [](void* session) { return static_cast<LlamaTextSession*>(session)->is_to_end(); }, this);
}

void LlamaTextSession::Batch::clear() {
  tokens.clear();
  positions.clear();
  sequences.clear();
  outputs.clear();
}

void LlamaTextSession::Batch::add(Token token, std::int32_t position, SequenceId sequence, bool output) {
  tokens.push_back(token);
  positions.push_back(position);
  sequences.push_back(sequence);
  outputs.push_back(output ? 1 : 0);
}

llama_batch LlamaTextSession::Batch::view() {
  sequence_counts.resize(tokens.size(), 1);
  sequence_pointers.resize(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) sequence_pointers[i] = &sequences[i];
  return {.n_tokens = static_cast<std::int32_t>(tokens.size()),
          .token = tokens.data(),
          .embd = nullptr,
          .pos = positions.data(),
          .n_seq_id = sequence_counts.data(),
          .seq_id = sequence_pointers.data(),
          .logits = outputs.data()};
}

Result<> LlamaTextSession::check(std::span<const StepSlice> slices) {
  if (embeddings_) return fail(kBadStep, "the session was opened for embeddings");
  if (slices.empty()) return fail(kBadStep, "a step needs a slice");
  ++steps_;
  std::size_t tokens = 0;
  for (const StepSlice& slice : slices) {
    if (!known(slice.sequence)) return fail(kBadStep, fmt::format("sequence {} does not exist", slice.sequence));
    if (std::exchange(seen_in_step_[static_cast<std::size_t>(slice.sequence)], steps_) == steps_) {
      return fail(kBadStep, fmt::format("sequence {} appears twice", slice.sequence));
    }
    if (slice.tokens.empty()) return fail(kBadStep, fmt::format("the slice of sequence {} is empty", slice.sequence));
    if (slice.position != length(slice.sequence)) {
      return fail(kBadStep,
                  fmt::format("sequence {} has {} tokens, the slice starts at {}", slice.sequence, length(slice.sequence), slice.position));
    }
    for (const Token token : slice.tokens) {
      if (token < 0 || static_cast<std::uint32_t>(token) >= info_.vocabulary_size)
        return fail(kBadStep, fmt::format("token {} is not in the vocabulary", token));
    }
    tokens += slice.tokens.size();
  }
  if (tokens > info_.step_tokens_max)
    return fail(kBadStep, fmt::format("{} tokens in a step of at most {}", tokens, info_.step_tokens_max));
  return {};
}

bool LlamaTextSession::fits(std::span<const StepSlice> slices) const {
  return std::ranges::all_of(slices, [this](const StepSlice& slice) {
    return static_cast<std::size_t>(slice.position) + slice.tokens.size() <= info_.sequence_tokens_max;
  });
}

bool LlamaTextSession::is_to_end() {
  constexpr std::uint32_t kOperationsALook = 4;  // looking at the clock is not free
  if (seat_ && ++operations_ % kOperationsALook == 0) look_for_stall(SystemClock().now());
  // With pages of the weights lost, going on would only replace more of them by zeros.
  return abort_ != nullptr && (abort_->cancelled() || lost_pages() != lost_pages_);
}

void LlamaTextSession::look_for_stall(Instant now) {
  if (now < stalled_at_) return;
  stalled_at_ = Instant::max();
  team_waiting().note_stall(now);
}

std::int32_t LlamaTextSession::library_computes() {
  const llama_batch batch = batch_.view();
  const SystemClock clock;
  const Instant began = clock.now();
  const Duration limit = step_times_.stalled_after(batch_.tokens.size());
  stalled_at_ = limit == Duration::max() ? Instant::max() : began + limit;
  if (seat_) team_waiting().begin_step(began, limit != Duration::max());
  std::int32_t code = -100;
  try {
    code = memory_ == nullptr ? llama_encode(context_.get(), batch) : llama_decode(context_.get(), batch);
  } catch (const std::exception& error) {
    // Into the library's error log, where the caller looks for the reason.
    ggml_log_callback callback = nullptr;
    void* user_data = nullptr;
    llama_log_get(&callback, &user_data);
    if (callback != nullptr) callback(GGML_LOG_LEVEL_ERROR, error.what(), user_data);
  }
  const Instant ended = clock.now();
  if (seat_) look_for_stall(ended);
  if (code == 0) step_times_.note(batch_.tokens.size(), ended - began);
  return code;
}

std::int32_t LlamaTextSession::compute(const CancelToken& abort) {
  abort_ = &abort;
  lost_pages_ = lost_pages();
  std::int32_t code = -100;
  if (seat_) {
    seat_->run([&, log = LlamaErrorLog::current()] {
      const LlamaErrorLog::Loan loan(log);
      code = library_computes();
    });
  } else {
    code = library_computes();
  }
  abort_ = nullptr;
  return code;
}

// In the order of the sequences: with separate parts the library computes those together whose numbers follow one another.
void LlamaTextSession::fill_batch(std::span<const StepSlice> slices) {
  batch_.clear();
  logits_places_.assign(slices.size(), -1);
  batch_order_.resize(slices.size());
  std::ranges::iota(batch_order_, std::size_t{0});
  std::ranges::sort(batch_order_, {}, [&](std::size_t index) { return slices[index].sequence; });
  for (const std::size_t index : batch_order_) {
    const StepSlice& slice = slices[index];
    for (std::size_t i = 0; i < slice.tokens.size(); ++i) {
      const bool output = slice.wants_logits && i + 1 == slice.tokens.size();
      batch_.add(slice.tokens[i], slice.position + static_cast<std::int32_t>(i), slice.sequence, output);
    }
    if (slice.wants_logits) logits_places_[index] = static_cast<std::int32_t>(batch_.tokens.size()) - 1;
  }
}

Result<StepOutcome> LlamaTextSession::step(std::span<const StepSlice> slices, const CancelToken& abort) {
  logits_places_.clear();
  copied_.reset();
  TRY(check(slices));
  if (!fits(slices)) return StepOutcome::kNoCells;
  if (abort.cancelled()) return StepOutcome::kAborted;
  fill_batch(slices);
  const LlamaErrorLog log;
  return outcome_of(compute(abort), slices, log);
}

Result<StepOutcome> LlamaTextSession::outcome_of(std::int32_t code, std::span<const StepSlice> slices, const LlamaErrorLog& log) {
  if (code == 0) {
    for (const StepSlice& slice : slices) ledger_.append(static_cast<std::size_t>(slice.sequence), slice.tokens.size());
    return StepOutcome::kDone;
  }
  logits_places_.clear();
  if (code == 1) return StepOutcome::kNoCells;  // the library has put everything back
  resync(slices);
  if (code == 2) return StepOutcome::kAborted;
  return fail(kStepFailed, fmt::format("{} (code {})", log.message("the library could not compute the step"), code));
}

void LlamaTextSession::resync(std::span<const StepSlice> slices) {
  for (const StepSlice& slice : slices) {
    const std::int32_t held = memory_ == nullptr ? 0 : llama_memory_seq_pos_max(memory_, slice.sequence) + 1;
    ledger_.resync(static_cast<std::size_t>(slice.sequence), static_cast<std::size_t>(std::max(held, 0)));
  }
}

void LlamaTextSession::rest() {
  if (seat_) seat_->rest();
}

std::span<const float> LlamaTextSession::logits(std::size_t slice) const {
  if (slice >= logits_places_.size() || logits_places_[slice] < 0) return {};
  const float* logits = llama_get_logits_ith(context_.get(), logits_places_[slice]);
  return logits == nullptr ? std::span<const float>() : std::span<const float>(logits, info_.vocabulary_size);
}

std::int32_t LlamaTextSession::length(SequenceId sequence) const {
  return known(sequence) ? static_cast<std::int32_t>(ledger_.length(static_cast<std::size_t>(sequence))) : 0;
}

bool LlamaTextSession::trim(SequenceId sequence, std::int32_t tokens) {
  if (!known(sequence) || tokens < 0 || tokens > length(sequence)) return false;
  if (tokens == length(sequence)) return true;
  if (tokens != 0 && !info_.can_trim) return false;
  copied_.reset();
  if (!llama_memory_seq_rm(memory_, sequence, tokens == 0 ? -1 : tokens, -1)) return false;
  ledger_.trim(static_cast<std::size_t>(sequence), static_cast<std::size_t>(tokens));
  return true;
}

Result<> LlamaTextSession::share(SequenceId from, SequenceId to, std::int32_t tokens) {
  if (!known(from) || !known(to) || from == to) return fail(kShareRefused, fmt::format("cannot share from sequence {} to {}", from, to));
  if (tokens <= 0 || tokens > length(from))
    return fail(kShareRefused, fmt::format("sequence {} has {} tokens, not {}", from, length(from), tokens));
  if (length(to) != 0) return fail(kShareRefused, fmt::format("sequence {} is not empty", to));
  if (!info_.can_share) return fail(kShareRefused, "the model keeps a running state and no cells: a prefix cannot be taken out of it");
  if (unified_) {
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

Result<std::vector<std::byte>> LlamaTextSession::save(SequenceId sequence) {
  if (length(sequence) == 0) return fail(kStateRefused, fmt::format("sequence {} has nothing to save", sequence));
  try {
    std::vector<std::byte> state(llama_state_seq_get_size(context_.get(), sequence));
    const std::size_t size =
        llama_state_seq_get_data(context_.get(), reinterpret_cast<std::uint8_t*>(state.data()), state.size(), sequence);
    if (size == 0) return fail(kStateRefused, "the library cannot save the sequence");
    state.resize(size);
    return state;
  } catch (const std::exception& error) {
    return fail(kStateRefused, cleaned_library_message(error.what()));
  }
}

Result<> LlamaTextSession::restore(SequenceId sequence, std::span<const std::byte> state, std::int32_t tokens) {
  if (!known(sequence) || length(sequence) != 0) return fail(kStateRefused, fmt::format("sequence {} is not empty", sequence));
  if (memory_ == nullptr || tokens <= 0 || state.empty()) return fail(kStateRefused, "there is nothing to restore");
  copied_.reset();
  const LlamaErrorLog log;
  bool restored = false;
  try {
    restored = llama_state_seq_set_data(context_.get(), reinterpret_cast<const std::uint8_t*>(state.data()), state.size(), sequence) != 0 &&
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

Result<> LlamaTextSession::set_adapters(std::span<const Adapter> adapters) {
  std::vector<llama_adapter_lora*> loaded;
  std::vector<float> scales;
  for (const Adapter& adapter : adapters) {
    TRY_ASSIGN(llama_adapter_lora * one, model_->adapter(adapter.path));
    loaded.push_back(one);
    scales.push_back(adapter.scale);
  }
  if (llama_set_adapters_lora(context_.get(), loaded.data(), loaded.size(), scales.data()) != 0) {
    return fail(kAdapterRefused, "the library does not take the adapters together");
  }
  return {};
}

}  // namespace forebay::engines

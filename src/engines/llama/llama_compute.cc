#include "engines/llama/llama_compute.h"

#include <utility>

#include "base/lost_pages.h"
#include "engines/errors.h"
#include "engines/library_message.h"

namespace forebay::engines {

void LlamaBatch::clear() {
  tokens_.clear();
  positions_.clear();
  sequences_.clear();
  outputs_.clear();
}

void LlamaBatch::add(Token token, std::int32_t position, SequenceId sequence, bool output) {
  tokens_.push_back(token);
  positions_.push_back(position);
  sequences_.push_back(sequence);
  outputs_.push_back(output ? 1 : 0);
}

llama_batch LlamaBatch::view() {
  sequence_counts_.resize(tokens_.size(), 1);
  sequence_pointers_.resize(tokens_.size());
  for (std::size_t i = 0; i < tokens_.size(); ++i) sequence_pointers_[i] = &sequences_[i];
  return {.n_tokens = static_cast<std::int32_t>(tokens_.size()),
          .token = tokens_.data(),
          .embd = nullptr,
          .pos = positions_.data(),
          .n_seq_id = sequence_counts_.data(),
          .seq_id = sequence_pointers_.data(),
          .logits = outputs_.data()};
}

Result<std::unique_ptr<LlamaCompute>> LlamaCompute::open(std::shared_ptr<LlamaModel> model, const llama_context_params& params) {
  const LlamaErrorLog log;
  LlamaContextPointer context;
  std::optional<std::string> thrown;
  run_on_passing_thread([&, collecting = LlamaErrorLog::current()] {
    const LlamaErrorLog::Loan loan(collecting);
    try {
      context.reset(llama_init_from_model(model->library_model(), params));
    } catch (const std::exception& error) {
      thrown = cleaned_library_message(error.what());
    }
  });
  if (thrown) return fail(kSessionRefused, *thrown);
  if (!context) return fail(kSessionRefused, log.message("the library cannot open a context"));
  return std::make_unique<LlamaCompute>(std::move(model), std::move(context), static_cast<std::size_t>(params.n_threads));
}

// One thread needs no team: it computes where it is called.
LlamaCompute::LlamaCompute(std::shared_ptr<LlamaModel> model, LlamaContextPointer context, std::size_t threads)
    : model_(std::move(model)),
      context_(std::move(context)),
      memory_(llama_get_memory(context_.get())),
      seat_(threads > 1 ? ComputeSeat::take(threads) : nullptr) {
  llama_set_abort_callback(context_.get(), [](void* self) { return static_cast<LlamaCompute*>(self)->is_to_end(); }, this);
}

bool LlamaCompute::is_to_end() {
  constexpr std::uint32_t kOperationsALook = 4;  // looking at the clock is not free
  if (seat_ && ++operations_ % kOperationsALook == 0) look_for_stall(SystemClock().now());
  // With pages of the weights lost, going on would only replace more of them by zeros.
  return abort_ != nullptr && (abort_->cancelled() || lost_pages() != lost_pages_);
}

void LlamaCompute::look_for_stall(Instant now) {
  if (now < stalled_at_) return;
  stalled_at_ = Instant::max();
  team_waiting().note_stall(now);
}

std::int32_t LlamaCompute::library_computes() {
  const llama_batch batch = batch_.view();
  const SystemClock clock;
  const Instant began = clock.now();
  const Duration limit = step_times_.stalled_after(batch_.tokens());
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
  if (code == 0) step_times_.note(batch_.tokens(), ended - began);
  return code;
}

std::int32_t LlamaCompute::run(const CancelToken& abort) {
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

void LlamaCompute::rest() {
  if (seat_) seat_->rest();
}

}  // namespace forebay::engines

// The one way to the library's header, its start, and its log.
// Threads: shared. Owner: llama/.
#pragma once

#include <llama.h>

#include <memory>
#include <string>
#include <vector>

namespace forebay::engines {

struct LlamaDeleter {
  void operator()(llama_model* model) const { llama_model_free(model); }
  void operator()(llama_context* context) const { llama_free(context); }
  void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
};
using LlamaModelPointer = std::unique_ptr<llama_model, LlamaDeleter>;
using LlamaContextPointer = std::unique_ptr<llama_context, LlamaDeleter>;
using LlamaSamplerPointer = std::unique_ptr<llama_sampler, LlamaDeleter>;

// Once, before anything else of the library: its log goes to ours, its backends are loaded (without, no model loads), and the BLAS backend
// is put away again: with it a 32-token batch takes 632 ms instead of 46 (libggml0-backend-blas, measured on 0.7.0).
struct LlamaLibrary {
  bool has_cpu = false;
  bool had_blas = false;
};
const LlamaLibrary& llama_library();

// Collects what the library logs as errors or warnings on this thread while it lives, for the message of a refusal.
// Threads: confined to the one that made it; one at a time.
class LlamaErrorLog {
 public:
  LlamaErrorLog();
  ~LlamaErrorLog();
  LlamaErrorLog(const LlamaErrorLog&) = delete;
  LlamaErrorLog& operator=(const LlamaErrorLog&) = delete;
  // The first error, cleaned; `otherwise` when there was none.
  std::string message(std::string_view otherwise) const;
  void take(ggml_log_level level, std::string_view text);

  // The one that collects on this thread, or null.
  static LlamaErrorLog* current();
  // Lets it collect on the thread that computes for its owner.
  class Loan {
   public:
    explicit Loan(LlamaErrorLog* log);
    ~Loan();
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
  };

 private:
  std::string errors_;
};

}  // namespace forebay::engines

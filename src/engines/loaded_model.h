// Weights in memory, and the sessions that compute with them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "engines/embedding_session.h"
#include "engines/generation_session.h"
#include "engines/sampling.h"
#include "engines/tensor_session.h"
#include "formats/model_description.h"
#include "text/tokenizer.h"

namespace forebay::engines {

// What a run of so many rows takes.
struct RunTime {
  std::uint32_t rows = 1;
  Duration took{};
};

// Which backend a model runs on, and why the ones before it in the chain were not taken.
struct BackendReport {
  std::string chosen;
  std::vector<std::string> passed_over;  // "dnnl: libdnnl.so.3 is not installed"
  std::string threads;                   // what trying them out said: "1 thread: a run takes 0.012 ms, with 2 it takes 0.031"; may be empty
  std::string graph;                     // what keeping the optimized graph gains or costs; empty when nothing was tried
  std::vector<RunTime> runs;             // measured at load, ascending; may be empty
  bool rows_independent = false;         // rows of several requests may share a run
  std::string rows;                      // why they may or may not; empty for models of text
};

// A model has one kind of session, by its task. Opening another kind fails with kWrongKindOfModel, which is what the functions here do.
// Threads: shared. Owner: models::Catalog; sessions keep it alive.
class LoadedModel {
 public:
  virtual ~LoadedModel() = default;
  virtual const formats::ModelDescription& description() const = 0;
  virtual const BackendReport& backend() const = 0;
  // Null for models without text.
  virtual const text::Tokenizer* tokenizer() const { return nullptr; }

  // Upper bounds: of the weights, held once; and of one more session with these options: cells, buffers.
  virtual std::uint64_t weights_bytes() const = 0;
  virtual std::uint64_t generation_session_bytes(const GenerationSessionOptions& options) const;
  virtual std::uint64_t embedding_session_bytes(const EmbeddingSessionOptions& options) const;
  virtual std::uint64_t tensor_session_bytes() const;

  // kSessionRefused with the library's reason.
  virtual Result<std::unique_ptr<TensorSession>> open_tensor_session();
  virtual Result<std::unique_ptr<GenerationSession>> open_generation_session(const GenerationSessionOptions& options);
  virtual Result<std::unique_ptr<EmbeddingSession>> open_embedding_session(const EmbeddingSessionOptions& options);
  // kBadSampling when an option is out of range or a grammar cannot be enforced: fails closed.
  virtual Result<std::unique_ptr<Sampler>> make_sampler(const SamplingOptions& options) const;
};

}  // namespace forebay::engines

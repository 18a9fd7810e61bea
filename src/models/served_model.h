// One loaded, warmed version of a model with the runner that answers for it.
// Threads: shared. Owner: Catalog; kept alive by leases.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/byte_budget.h"
#include "base/watched_file.h"
#include "formats/model_description.h"
#include "models/models_options.h"
#include "scheduling/runners.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace forebay::models {

struct ServedModel {
  std::string name;
  std::string version;
  formats::ModelDescription description;
  std::string backend;  // as chosen, for info and metrics
  std::vector<std::string> backend_passed_over;
  bool rows_independent = false;  // of a tensor model: rows of several requests share a run
  std::string rows;               // why they do or do not
  std::chrono::system_clock::time_point loaded_at;
  std::chrono::milliseconds load_time{0};

  // Kept for what borrows from it: the tokenizer, the runners.
  std::shared_ptr<engines::LoadedModel> loaded;
  ByteBudget::Reservation memory;
  std::shared_ptr<const WatchedFiles> files;  // whose pages are its weights

  // Text models.
  const text::Tokenizer* tokenizer = nullptr;
  std::optional<text::ChatTemplate> chat_template;  // the model's own, or ChatML announced by a warning
  std::optional<Error> chat_template_error;         // why there is none
  std::uint32_t sequence_tokens_max = 0;            // prompt and generation together; of an embedding: one text

  // Exactly one is set, by description.task.
  std::unique_ptr<scheduling::GenerationRunner> generation;
  std::unique_ptr<scheduling::TensorRunner> tensors;
  std::unique_ptr<scheduling::EmbeddingRunner> embedding;

  scheduling::RunnerStats stats() const;
  // Reserved in the budget for weights and sessions.
  std::uint64_t memory_bytes() const { return memory.bytes() + stats().session_bytes; }
};

}  // namespace forebay::models

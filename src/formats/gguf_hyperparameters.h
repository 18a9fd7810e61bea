// The sizes a GGUF's metadata states for its architecture, read with their types checked.
// Threads: immutable. Owner: whoever read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/gguf_file.h"

namespace forebay::formats {

struct GgufHyperparameters {
  std::uint32_t layers = 0;
  std::uint32_t embedding_length = 0;
  std::uint32_t context_length = 0;
  std::uint32_t vocabulary_size = 0;
  std::uint32_t token_types = 0;
  std::uint32_t experts = 0;
  std::uint32_t experts_used = 0;
  std::uint32_t rope_dimensions = 0;  // 0 when not stated
  std::uint32_t key_length = 0;       // of one head
  std::uint32_t value_length = 0;
  // One per layer; empty when the file does not say.
  std::vector<std::uint32_t> heads;
  std::vector<std::uint32_t> heads_kv;
  std::vector<std::uint32_t> feed_forward;
};

// Reads what is there; absent sizes stay 0. kGgufMetadataWrongType or kGgufHyperparameterInvalid for what cannot be a size.
// Not checked here: that the sizes fit each other (gguf_architecture_check.h).
Result<GgufHyperparameters> read_hyperparameters(const GgufFile& file, std::string_view architecture, std::uint32_t vocabulary_size);

}  // namespace forebay::formats

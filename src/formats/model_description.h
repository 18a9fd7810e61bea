// What a model file says about itself: plain data that can cross a process, made without executing anything in the file.
// Threads: immutable after reading. Owner: whoever holds it (a copy is a full copy).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tensors/ranking.h"
#include "tensors/series.h"
#include "tensors/tensor.h"
#include "tensors/vision_recipe.h"

namespace forebay::formats {

enum class Format : std::uint8_t { kUnknown, kGguf, kOnnx, kPipeline };
std::string_view name_of(Format format);  // "gguf", "onnx", "pipeline" (of several models)

// What the model is for: decides the routes that answer for it.
enum class Task : std::uint8_t { kTensors, kTextGeneration, kEmbedding, kReranking, kClassification };
std::string_view name_of(Task task);  // "tensors", "text-generation", "embedding", "reranking", "classification"

// One input or output of a tensor model. A dimension is -1 when it is free; `dimension_names` has its symbol ("batch") or "".
struct TensorSpec {
  std::string name;
  tensors::DType dtype = tensors::DType::kFloat32;
  tensors::Shape shape;
  std::vector<std::string> dimension_names;
  bool is_sequence_of_maps = false;  // a ZipMap output: flattened to labels and probabilities when served
  bool is_optional = false;          // an input of an optional type: it may be left out
  bool has_shape = true;             // false: the file does not say, any rank is taken
};

// Models of text: what is needed to serve them.
struct TextSpec {
  std::string tokenizer;  // "llama", "gpt2", "bert", …
  std::uint32_t vocabulary_size = 0;
  std::uint32_t context_length = 0;  // tokens, as trained
  std::uint32_t embedding_length = 0;
  std::uint32_t layers = 0;
  std::string pooling;                                // "none", "mean", "cls", "last", "rank"; empty when the file does not say
  std::map<std::string, std::string> chat_templates;  // name -> Jinja source; "default" when there is one
  std::int64_t bos_token = -1;
  std::int64_t eos_token = -1;
  bool has_tensors = true;  // false for vocabulary-only files
  // Every weight tensor has the shape its architecture needs; a mismatch aborts inside ggml, so the engine refuses first.
  std::uint32_t head_count = 0;
  std::uint32_t head_count_kv = 0;
  std::uint32_t feed_forward_length = 0;
  // Of an ONNX model beside a tokenizer.json.
  std::string tokenizer_file;  // "tokenizer.json" or "../tokenizer.json", from the model file's folder
  std::string output;          // the output that has the vectors or scores
  // What sentence-transformers files say to put before a text, by name: {"query": "query: "}.
  std::map<std::string, std::string> prompts;
  std::string default_prompt;  // a name in prompts; empty when there is none
};

struct Warning {
  std::string code;  // snake_case, stable
  std::string message;
};

struct ModelDescription {
  Format format = Format::kUnknown;
  Task task = Task::kTensors;
  std::string name;          // from the file's metadata, else empty
  std::string architecture;  // "llama", "bert"; the producer for ONNX
  std::string description;
  std::string licence;
  std::string quantization;      // most used tensor type, "F16", "Q8_0"
  std::uint64_t file_bytes = 0;  // with external data
  std::uint64_t parameters = 0;
  std::uint64_t weight_bytes = 0;
  std::uint64_t memory_bytes = 0;              // estimate of what loading and one session need
  std::uint32_t format_version = 0;            // GGUF version, ONNX IR version
  std::map<std::string, std::int64_t> opsets;  // ONNX domain -> version
  std::vector<std::string> custom_domains;     // operator domains ONNX Runtime does not have
  std::vector<std::string> external_files;     // contained in the model's folder, relative
  std::uint32_t positions = 0;                 // tokens for which an ONNX graph's table of positions has room; 0: it names none
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::vector<std::string> labels;                // class names, when the metadata has them
  std::optional<tensors::VisionRecipe> vision;    // of a model with an input for pictures
  std::optional<tensors::SeriesRecipe> series;    // how it takes long series, where a sidecar says it
  std::optional<tensors::RankingRecipe> ranking;  // which scores are items', the same
  std::optional<TextSpec> text;
  std::map<std::string, std::string> metadata;  // shortened to 1,000 characters a value
  std::vector<Warning> warnings;
  // True when the first dimension of every input and output is free (and of one name): the shapes allow batches.
  bool batchable = false;
  // False when an ONNX graph may compute more from its constants than the limit allows: the engine leaves that to each run.
  bool foldable = true;
  std::optional<bool> rows_independent;  // what the sidecar says: the rows of a batch do not depend on each other
  std::string mixes_rows;                // an operator that may let one row depend on another, "CumSum 'total'"; empty: none is known
  std::string unbounded;                 // an operator whose time or memory depends on values, "Loop 'steps'"; empty: none
};

}  // namespace forebay::formats

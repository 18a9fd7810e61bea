// What `forebay run` was asked for.
// Threads: plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace forebay::cli {

enum class OutputForm : std::uint8_t { kText, kJson, kCsv, kNpy, kPng };

struct RunOptions {
  std::string model_file;
  std::vector<std::string> inputs;        // in the order given: values, files, texts, or "-"
  std::vector<std::string> named_inputs;  // "NAME=VALUE"
  std::string batch_file;                 // of one input a line, or "-"; empty: none
  std::vector<std::string> outputs;       // of a tensor model; empty: all
  std::optional<std::string> series;      // a value that is cut into windows
  std::optional<std::int64_t> stride;     // from the start of a window to the start of the next; absent: the sidecar's
  OutputForm form = OutputForm::kText;
  std::string out_file;  // empty: standard output

  // Text generation.
  std::optional<std::string> prompt;
  std::string system;
  bool raw = false;  // no chat template
  std::uint32_t tokens_max = 512;
  std::optional<float> temperature;
  std::optional<float> top_p;
  std::optional<std::int32_t> top_k;
  std::optional<std::uint32_t> seed;
  std::vector<std::string> stop;

  // Embeddings.
  bool normalize = true;
  std::optional<std::string> prompt_name;  // absent: the model's default prompt

  // Rerankers and classifiers.
  std::optional<std::string> query;  // absent: texts are classified
};

}  // namespace forebay::cli

// Opens the library's sessions of an encoder, and says what a session over them can do.
// Threads: shared (no state). Owner: none.
#pragma once

#include <functional>
#include <memory>

#include "engines/engine.h"
#include "engines/onnx/encoder_session.h"

namespace forebay::engines {

struct EncoderGraphOptions {
  std::size_t threads = 0;  // 0: every usable core
  Token padding = 0;
  RunBounds bounds;
  std::function<Ort::Session(std::size_t threads)> open;
  std::uint32_t vocabulary_size = 0;  // of the tokenizer, where the description states none
};

// The description has a text part with the output and the pooling. Throws Ort::Exception as `open` does.
Result<std::shared_ptr<EncoderGraph>> make_encoder_graph(const formats::ModelDescription& description, const EncoderGraphOptions& options);

// Settings of a session whose shapes change with every run.
Ort::SessionOptions encoder_session_options(std::size_t threads);

EmbeddingSessionInfo encoder_session_info(const formats::ModelDescription& description, const EmbeddingSessionOptions& options,
                                          const text::Tokenizer& tokenizer);

}  // namespace forebay::engines

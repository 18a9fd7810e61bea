// The example models of text as libllama runs them, loaded once for a test program.
// Threads: shared. Owner: the test program.
#pragma once

#include <filesystem>
#include <vector>

#include "engines/testing/model_files.h"

namespace forebay::engines {

inline LoadedModel& chat_model() {
  static const auto kLoaded = load_model(std::filesystem::path(FOREBAY_EXAMPLE_MODELS) / "chat.gguf").value();
  return *kLoaded;
}
inline LoadedModel& embedding_model() {
  static const auto kLoaded =
      load_model(std::filesystem::path(FOREBAY_EXAMPLE_MODELS) / "embed.gguf", {.threads = 2, .translate_encoders = false}).value();
  return *kLoaded;
}

inline std::vector<Token> many_tokens(std::size_t count) {
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < count; ++i) tokens.push_back(static_cast<Token>(200 + i % 300));
  return tokens;
}

}  // namespace forebay::engines

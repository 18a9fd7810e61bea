// The engines this build has, and which of them runs a model.
// Threads: shared. Owner: cli::serve makes them once and keeps them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engines/engine.h"

namespace forebay::engines {

std::unique_ptr<Engine> make_onnx_engine();
std::unique_ptr<Engine> make_llama_engine();
std::unique_ptr<Engine> make_translating_engine();  // GGUF encoders in ONNX Runtime
std::vector<std::unique_ptr<Engine>> make_engines();

// Names and versions of the libraries that compute: what one of them refuses or takes, the next may not.
std::string library_versions();

// The first that runs it; kNoEngine names the format.
Result<Engine*> engine_for(const formats::ModelDescription& description, std::span<const std::unique_ptr<Engine>> engines);

}  // namespace forebay::engines

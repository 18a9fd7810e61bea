// An ONNX model beside a tokenizer.json is a text model: what the files of sentence-transformers around it say about serving it.
// Threads: shared (no state; reads small files in the model's folder and the one above). Owner: none.
#pragma once

#include <filesystem>

#include "formats/model_description.h"

namespace forebay::formats {

// Sets task, pooling, lengths, prompts and labels when the model takes token ids and a tokenizer.json is there; else changes nothing.
// A side file that cannot be read is a warning, and its defaults are taken.
void describe_encoder(ModelDescription& description, const std::filesystem::path& model_file);

}  // namespace forebay::formats

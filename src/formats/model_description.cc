#include "formats/model_description.h"

namespace forebay::formats {

std::string_view name_of(Format format) {
  switch (format) {
    case Format::kUnknown:
      return "unknown";
    case Format::kGguf:
      return "gguf";
    case Format::kOnnx:
      return "onnx";
    case Format::kPipeline:
      return "pipeline";
  }
  return "unknown";
}

std::string_view name_of(Task task) {
  switch (task) {
    case Task::kTensors:
      return "tensors";
    case Task::kTextGeneration:
      return "text-generation";
    case Task::kEmbedding:
      return "embedding";
    case Task::kReranking:
      return "reranking";
    case Task::kClassification:
      return "classification";
  }
  return "tensors";
}

}  // namespace forebay::formats

// External weights behind the links of a Hugging Face cache: the library follows no link out of the model's folder, so it gets them from memory.
// Threads: confined to the loading thread. Owner: the load.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "engines/onnx/onnx_api.h"
#include "formats/model_description.h"

namespace forebay::engines {

class LinkedWeights {
 public:
  // Maps those external files of the description that are links. The reader has checked where they lead.
  // Errors: those of MappedFile::open().
  static Result<LinkedWeights> of(const std::filesystem::path& model, const formats::ModelDescription& description);
  // Lifetime: the library copies the weights while it opens a session.
  void hand_to(Ort::SessionOptions& options) const;

 private:
  std::vector<std::string> names_;
  std::vector<MappedFile> files_;
};

}  // namespace forebay::engines

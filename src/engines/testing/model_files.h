// Model files for tests: the examples of this checkout, and models written to a folder that goes away.
// Threads: confined to the test. Owner: the test.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "engines/engines.h"
#include "formats/read_model.h"

namespace forebay::engines {

class ModelFolder {
 public:
  ModelFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "forebay-models-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder for models");
    path_ = name;
  }
  ~ModelFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ModelFolder(const ModelFolder&) = delete;
  ModelFolder& operator=(const ModelFolder&) = delete;
  std::filesystem::path write(std::string_view name, std::string_view bytes) const {
    const std::filesystem::path path = path_ / name;
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path;
  }

 private:
  std::filesystem::path path_;
};

// Reads and loads with the engine that runs it; the first error of the way.
inline Result<std::shared_ptr<LoadedModel>> load_model(const std::filesystem::path& path, const LoadOptions& options = {.threads = 2}) {
  static const auto kEngines = make_engines();
  TRY_ASSIGN(const auto description, formats::read_model(path));
  TRY_ASSIGN(Engine * engine, engine_for(description, kEngines));
  return engine->load(path, description, options);
}

inline std::shared_ptr<LoadedModel> load_bytes(std::string_view bytes, std::string_view name = "model.onnx",
                                               const LoadOptions& options = {.threads = 2}) {
  const ModelFolder folder;  // may go: a loaded model holds its mapping, not its path
  auto model = load_model(folder.write(name, bytes), options);
  if (!model) throw std::runtime_error(model.error().to_log_string());
  return *model;
}

}  // namespace forebay::engines

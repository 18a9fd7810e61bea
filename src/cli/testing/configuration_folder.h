// A folder of configuration files for a test, and what loading one of them gives.
// Threads: confined to the test. Owner: the test.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "cli/configuration_layers.h"
#include "cli/errors.h"

namespace forebay::cli {

// Goes with the test.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "forebay-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, std::string_view content) const {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content;
    return file;
  }

 private:
  std::filesystem::path path_;
};

inline ConfigurationSources with_file(const std::filesystem::path& file) {
  ConfigurationSources sources;
  sources.file = file;
  return sources;
}

inline LoadedConfiguration must_load(const ConfigurationSources& sources) {
  auto loaded = load_configuration(sources);
  if (!loaded) throw std::runtime_error(combined(loaded.error()).message());
  return *std::move(loaded);
}

// The only mistake in a file of this content.
inline Error mistake_in(std::string_view name, std::string_view content) {
  const Folder folder;
  auto loaded = load_configuration(with_file(folder.write(std::string(name), content)));
  if (loaded) return Error(kUsage, "it was accepted");
  EXPECT_EQ(loaded.error().size(), 1U) << combined(loaded.error()).message();
  return loaded.error().front();
}

}  // namespace forebay::cli

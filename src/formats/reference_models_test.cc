// Real model files and real damage. The folder is named by FOREBAY_REFERENCE_MODELS; without it these tests do not exist.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "formats/read_model.h"

namespace forebay::formats {
namespace {

struct ReferenceFile {
  std::filesystem::path path;
  std::string name;  // relative to the folder
  bool must_be_refused = false;
};

void PrintTo(const ReferenceFile& file, std::ostream* out) { *out << file.name; }

std::filesystem::path reference_folder() {
  const char* folder = std::getenv("FOREBAY_REFERENCE_MODELS");
  return folder == nullptr ? std::filesystem::path() : std::filesystem::path(folder);
}

// The cells of the index's row for this file; empty when it has none.
std::vector<std::string> index_row(const std::string& name) {
  std::ifstream index(reference_folder() / "INDEX.md");
  for (std::string line; std::getline(index, line);) {
    if (!line.starts_with("| " + name + " |")) continue;
    std::vector<std::string> cells;
    std::size_t at = 1;
    for (auto end = line.find('|', at); end != std::string::npos; end = line.find('|', at)) {
      cells.push_back(line.substr(at, end - at));
      at = end + 1;
    }
    return cells;
  }
  return {};
}

std::vector<ReferenceFile> reference_files() {
  std::vector<ReferenceFile> files;
  if (reference_folder().empty()) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(reference_folder())) {
    const auto extension = entry.path().extension();
    if (!entry.is_regular_file() || (extension != ".gguf" && extension != ".onnx")) continue;
    ReferenceFile file{entry.path(), std::filesystem::relative(entry.path(), reference_folder()).string()};
    const auto row = index_row(file.name);
    // The last column but one says what must happen.
    file.must_be_refused = row.size() > 2 && row[row.size() - 2].find("must be rejected") != std::string::npos;
    // Made to do harm; the one that is left is right for most inputs.
    if (file.name.starts_with("hostile/onnx-") && file.name != "hostile/onnx-integer-division.onnx") file.must_be_refused = true;
    if (file.name == "hostile/gguf-abort-1.gguf" || file.name == "hostile/gguf-abort-2.gguf") file.must_be_refused = true;
    files.push_back(file);
  }
  std::ranges::sort(files, {}, &ReferenceFile::name);
  return files;
}

class ReferenceModels : public ::testing::TestWithParam<ReferenceFile> {};

TEST_P(ReferenceModels, AreDescribedOrRefusedAsTheIndexSays) {
  const auto model = read_model(GetParam().path);
  if (GetParam().must_be_refused) {
    ASSERT_FALSE(model);
    RecordProperty("code", std::string(model.error().code().name));
    return;
  }
  ASSERT_TRUE(model) << model.error().to_string();
  const auto json = to_json(*model);
  const auto again = description_from_json(json);
  ASSERT_TRUE(again) << again.error().to_string() << json;
  EXPECT_EQ(to_json(*again), json);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ReferenceModels);
INSTANTIATE_TEST_SUITE_P(Files, ReferenceModels, ::testing::ValuesIn(reference_files()));

}  // namespace
}  // namespace forebay::formats

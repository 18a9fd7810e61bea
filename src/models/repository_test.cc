#include "models/repository.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/errors.h"
#include "models/errors.h"

namespace forebay::models {
namespace {

namespace fs = std::filesystem;

class Repository : public testing::Test {
 protected:
  Repository() : folder_(fs::path(testing::TempDir()) / ("repository-" + std::to_string(::getpid()))) { fs::create_directories(folder_); }
  ~Repository() override { fs::remove_all(folder_); }

  void write(const std::string& path) {
    fs::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path) << "content";
  }
  // "name/version=path" of every source, sorted as listed.
  std::vector<std::string> listed() {
    std::vector<std::string> lines;
    for (const auto& source : list_repository(folder_, 100).value().sources) {
      lines.push_back(source.name + "/" + source.version + "=" + fs::relative(source.path, folder_).string());
    }
    return lines;
  }

  fs::path folder_;
};

TEST_F(Repository, ListsEveryLayoutPeopleUse) {
  write("flat.onnx");
  write("folder/model.gguf");
  write("versions/1/model.onnx");
  write("versions/2/whatever.onnx");
  EXPECT_EQ(listed(), (std::vector<std::string>{"flat/1=flat.onnx", "folder/1=folder/model.gguf", "versions/1=versions/1/model.onnx",
                                                "versions/2=versions/2/whatever.onnx"}));
}

TEST_F(Repository, LeavesOutWhatIsNoModelAndSaysWhy) {
  write("good.onnx");
  write("README.md");
  write(".hidden.onnx");
  write("copying.onnx.part");
  write("two/a.onnx");
  write("two/b.onnx");
  EXPECT_EQ(listed(), (std::vector<std::string>{"good/1=good.onnx"}));
  const auto ignored = list_repository(folder_, 100).value().ignored;
  EXPECT_EQ(ignored, (std::vector<std::string>{"README.md: not a model file", "copying.onnx.part: not a model file",
                                               "two: several model files and none is named model"}));
}

TEST_F(Repository, PrefersTheFileNamedModel) {
  write("two/model.onnx");
  write("two/a.onnx");
  EXPECT_EQ(listed(), (std::vector<std::string>{"two/1=two/model.onnx"}));
}

TEST_F(Repository, RefusesAnEmptyFolderAMissingOneAndTooManyModels) {
  EXPECT_EQ(list_repository(folder_, 100).error().code(), kRepositoryEmpty);
  EXPECT_EQ(list_repository(folder_ / "nowhere", 100).error().code(), kFileNotFound);
  write("a.onnx");
  write("b.onnx");
  EXPECT_TRUE(list_repository(folder_, 2));
  EXPECT_EQ(list_repository(folder_, 1).error().code(), kTooManyModels);
}

TEST_F(Repository, TakesTheNameFromTheFileOrFromTheArgument) {
  write("digits.onnx");
  write("resnet/model.onnx");
  const auto path = (folder_ / "digits.onnx").string();
  EXPECT_EQ(source_of(path)->name, "digits");
  EXPECT_EQ(source_of("numbers=" + path)->name, "numbers");
  EXPECT_EQ(source_of((folder_ / "resnet/model.onnx").string())->name, "resnet");
}

TEST_F(Repository, ReadsAPathWithAnEqualsSignAsAPath) {
  write("a=b.onnx");
  EXPECT_EQ(source_of((folder_ / "a=b.onnx").string()).error().code(), kBadModelName);
  EXPECT_EQ(source_of("ab=" + (folder_ / "a=b.onnx").string())->path, folder_ / "a=b.onnx");
}

TEST_F(Repository, RefusesNamesThatAreUnsafeInUrlsLabelsAndFiles) {
  for (const char* name : {"", ".", "-x", "/a", "a/", "a//b", "a/../b", "a/.b", ":a", "a b", "\xc3\xa4", "a\n"})
    EXPECT_FALSE(is_model_name(name)) << name;
  for (const char* name : {"org/name", "llama3:8b", "org/sub/name.v1:latest"}) EXPECT_TRUE(is_model_name(name)) << name;
  EXPECT_TRUE(is_model_name(std::string(128, 'a')));
  EXPECT_FALSE(is_model_name(std::string(129, 'a')));
  EXPECT_EQ(source_of("-x=" + folder_.string()).error().code(), kBadModelName);
  EXPECT_EQ(source_of("x=" + (folder_ / "missing.onnx").string()).error().code(), kFileNotFound);
}

}  // namespace
}  // namespace forebay::models

#include "models/repository.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
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

  // "path: reason", with "! " in front of what looks like a model.
  std::vector<std::string> ignored() {
    std::vector<std::string> lines;
    for (const auto& file : list_repository(folder_, 100).value().ignored)
      lines.push_back((file.looks_like_model ? "! " : "") + file.path + ": " + file.reason);
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
  write("two/1/a.onnx");
  write("two/1/b.onnx");
  EXPECT_EQ(listed(), (std::vector<std::string>{"good/1=good.onnx"}));
  EXPECT_EQ(ignored(), (std::vector<std::string>{"README.md: not a model file", "copying.onnx.part: not a model file",
                                                 "! two/1: 2 model files and none is named model: name the one to serve by --model "
                                                 "NAME=FILE"}));
}

TEST_F(Repository, ServesEachFileOfACollection) {
  write("quants/chat.q4.gguf");
  write("quants/chat.q8.gguf");
  write("quants/big-00001-of-00002.gguf");
  write("quants/big-00002-of-00002.gguf");
  write("quants/notes.txt");
  write("tables/wine.onnx");
  write("tables/house.onnx");
  EXPECT_EQ(listed(), (std::vector<std::string>{"big/1=quants/big-00001-of-00002.gguf", "chat.q4/1=quants/chat.q4.gguf",
                                                "chat.q8/1=quants/chat.q8.gguf", "house/1=tables/house.onnx", "wine/1=tables/wine.onnx"}));
  EXPECT_EQ(ignored(), std::vector<std::string>());
}

TEST_F(Repository, ServesTheFirstOfTwoFilesWithOneNameAndNamesTheOther) {
  for (const char* file : {"a.gguf", "a.onnx", "b/model.onnx", "b/1/model.onnx", "c.onnx", "quants/c.gguf", "quants/d.gguf", "e.onnx"})
    write(file);
  write("e.pipeline.json");
  EXPECT_EQ(listed(), (std::vector<std::string>{"a/1=a.gguf", "b/1=b/1/model.onnx", "c/1=c.onnx", "e/1=e.onnx", "d/1=quants/d.gguf"}));
  const auto twin = [](const std::string& file, const std::string& of) {
    return "! " + file + ": '" + of + "' has the same model name: serve this one under another by --model NAME=FILE";
  };
  EXPECT_EQ(ignored(), (std::vector<std::string>{twin("a.onnx", "a.gguf"), twin("b/model.onnx", "b/1/model.onnx"),
                                                 twin("e.pipeline.json", "e.onnx"), twin("quants/c.gguf", "c.onnx")}));
}

TEST_F(Repository, AModelThatIsNamedGoesBeforeOneOfTheFolder) {
  write("a.onnx");
  write("b.onnx");
  write("c.onnx");
  write("elsewhere/x.gguf");
  auto listing = list_repository(folder_, 100).value();
  const std::vector<ModelSource> named = {{.name = "a", .path = folder_ / "elsewhere/x.gguf"}, {.name = "b", .path = folder_ / "b.onnx"}};
  leave_out_named(listing, folder_, named);
  ASSERT_EQ(listing.sources.size(), 2U);
  EXPECT_EQ(listing.sources[0].name, "c");
  ASSERT_EQ(listing.ignored.size(), 1U) << "the same file is no second one";
  EXPECT_EQ(listing.ignored[0].path, "a.onnx");
  EXPECT_TRUE(listing.ignored[0].reason.contains("elsewhere/x.gguf' has the same model name")) << listing.ignored[0].reason;
}

TEST_F(Repository, ListsFilesWithSpacesUmlautsAndColons) {
  write("a b.onnx");
  write("m\xc3\xbcll.gguf");
  write("llama3:8b.gguf");
  write("-x.onnx");
  write("big one/model.onnx");
  EXPECT_EQ(listed(), (std::vector<std::string>{"-x/1=-x.onnx", "a b/1=a b.onnx", "big one/1=big one/model.onnx",
                                                "llama3:8b/1=llama3:8b.gguf", "m\xc3\xbcll/1=m\xc3\xbcll.gguf"}));
}

TEST_F(Repository, GoesOnBesideWhatItCannotReadAndSaysSo) {
  write("good.onnx");
  write("lost+found/model.onnx");
  write("versions/1/model.onnx");
  write("versions/2/notes.txt");
  write("empty/notes.txt");
  write("bad\xff.onnx");
  fs::create_directory(folder_ / "folder.onnx.d");
  fs::create_symlink("nowhere", folder_ / "dangling.gguf");
  ASSERT_EQ(::mkfifo((folder_ / "pipe.onnx").c_str(), 0600), 0);
  fs::permissions(folder_ / "lost+found", fs::perms::none);
  const bool reads_everything = ::access((folder_ / "lost+found").c_str(), R_OK) == 0;  // as root
  auto expected = std::vector<std::string>{"good/1=good.onnx"};
  if (reads_everything) expected.emplace_back("lost+found/1=lost+found/model.onnx");
  expected.emplace_back("versions/1=versions/1/model.onnx");
  EXPECT_EQ(listed(), expected);
  const auto said = ignored();
  EXPECT_TRUE(std::ranges::contains(said, "! dangling.gguf: a link to nothing"));
  EXPECT_TRUE(std::ranges::contains(said, "! pipe.onnx: not a regular file"));
  EXPECT_TRUE(std::ranges::contains(said, "! versions/2: no model file in it"));
  EXPECT_TRUE(std::ranges::contains(said, "empty: no model file in it"));
  EXPECT_TRUE(std::ranges::contains(said, "! bad\xff.onnx: its name cannot be a model name: serve it by --model NAME=FILE"));
  const bool says_it = std::ranges::any_of(said, [](const auto& line) { return line.starts_with("! lost+found: "); });
  EXPECT_TRUE(reads_everything || says_it);
  fs::permissions(folder_ / "lost+found", fs::perms::owner_all);
}

TEST_F(Repository, PrefersTheFileNamedModel) {
  write("two/model.onnx");
  write("two/a.onnx");
  EXPECT_EQ(listed(), (std::vector<std::string>{"two/1=two/model.onnx"}));
  EXPECT_EQ(ignored(),
            (std::vector<std::string>{"! two: 'model.onnx' is its model, and 1 other is in it: name what to serve by --model NAME=FILE"}));
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
  for (const char* path : {"digits.onnx", "resnet/model.onnx", "resnet/3/model.onnx", "resnet/onnx/model.onnx"}) write(path);
  const auto path = [&](const char* file) { return (folder_ / file).string(); };
  EXPECT_EQ(source_of({"", path("digits.onnx")})->name, "digits");
  EXPECT_EQ(source_of({"org/numbers:1", path("digits.onnx")})->name, "org/numbers:1");
  for (const char* file : {"resnet/model.onnx", "resnet/3/model.onnx", "resnet/onnx/model.onnx"})
    EXPECT_EQ(source_of({"", path(file)})->name, "resnet") << file;
}

TEST(NamedFile, EndsTheNameAtTheFirstEqualsSign) {
  const std::vector<std::array<std::string, 3>> cases = {{"a.onnx", "", "a.onnx"},           {"n=a.onnx", "n", "a.onnx"},
                                                         {"n=a=b.onnx", "n", "a=b.onnx"},    {"org/n:7b=a.gguf", "org/n:7b", "a.gguf"},
                                                         {"/x/a=b.onnx", "", "/x/a=b.onnx"}, {"./a=b.onnx", "", "./a=b.onnx"},
                                                         {"../a=b", "", "../a=b"},           {"=a.onnx", "", "a.onnx"}};
  for (const auto& [text, name, path] : cases) {
    EXPECT_EQ(parse_named_file(text).name, name) << text;
    EXPECT_EQ(parse_named_file(text).path, path) << text;
  }
}

TEST(AdapterSetting, HasAModelAnAdapterAndAFile) {
  const auto setting = parse_adapter_setting("org/model/style=/a/b=c.gguf");
  ASSERT_TRUE(setting);
  EXPECT_EQ(setting->model, "org/model");
  EXPECT_EQ(setting->adapter, "style");
  EXPECT_EQ(setting->path, "/a/b=c.gguf");
  for (const char* wrong : {"", "model=file", "model/=file", "/style=file", "model/style=", "model/style"})
    EXPECT_FALSE(parse_adapter_setting(wrong)) << wrong;
}

TEST_F(Repository, TakesPrintableNames) {
  for (const char* name : {"-x", ".x", "a/b", "a b", "\xc3\xa4", "llama3:8b", "Qwen/Qwen3-0.6B"}) EXPECT_TRUE(is_model_name(name)) << name;
  for (const char* name : {"", ".", "..", "/a", "a/", "a//b", "a/../b", "a/.", " a", "a ", "a\n", "a\x7f", "\xff", "\xc2\x85",
                           "\xe2\x80\xa8", "a\xe2\x80\xae"})
    EXPECT_FALSE(is_model_name(name)) << name;
  EXPECT_TRUE(is_model_name(std::string(255, 'a')));
  EXPECT_FALSE(is_model_name(std::string(256, 'a')));
  EXPECT_EQ(source_of({"a\n", folder_.string()}).error().code(), kBadModelName);
  EXPECT_EQ(source_of({"x", (folder_ / "missing.onnx").string()}).error().code(), kFileNotFound);
}

}  // namespace
}  // namespace forebay::models

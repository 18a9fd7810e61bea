#include "cli/model_cache_folder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "base/ids.h"
#include "engines/errors.h"

namespace forebay::cli {
namespace {
namespace fs = std::filesystem;

class ModelCacheFolder : public testing::Test {
 protected:
  ModelCacheFolder() {
    for (const char* name : {"XDG_CACHE_HOME", "HOME"}) {
      const char* value = std::getenv(name);
      before_[name] = value == nullptr ? std::nullopt : std::optional<std::string>(value);
      ::unsetenv(name);
    }
    fs::create_directories(base_);
  }
  ~ModelCacheFolder() override {
    for (const auto& [name, value] : before_) value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
    fs::remove_all(base_);
  }
  const fs::path base_ = fs::temp_directory_path() / make_id("forebay-home");
  std::map<std::string, std::optional<std::string>> before_;
};

TEST_F(ModelCacheFolder, IsBelowTheUsersCacheFolder) {
  ::setenv("HOME", base_.c_str(), 1);
  EXPECT_EQ(open_model_cache({}).value()->path(), base_ / ".cache/forebay/models");
  ::setenv("XDG_CACHE_HOME", "relative/is/ignored", 1);
  EXPECT_EQ(open_model_cache({}).value()->path(), base_ / ".cache/forebay/models");
  ::setenv("XDG_CACHE_HOME", (base_ / "caches").c_str(), 1);
  EXPECT_EQ(open_model_cache({}).value()->path(), base_ / "caches/forebay/models");
}

TEST_F(ModelCacheFolder, IsDoneWithoutWhereThereIsNoneOrItIsOff) {
  EXPECT_EQ(open_model_cache({}).value(), nullptr);
  ::setenv("HOME", base_.c_str(), 1);
  EXPECT_EQ(open_model_cache({.enabled = false, .path = (base_ / "named").string()}).value(), nullptr);
  EXPECT_FALSE(fs::exists(base_ / "named"));
  std::ofstream(base_ / ".cache") << "no folder";
  EXPECT_EQ(open_model_cache({}).value(), nullptr);
}

TEST_F(ModelCacheFolder, ThatIsNamedMustBeOneThatCanBeUsed) {
  EXPECT_EQ(open_model_cache({.path = (base_ / "named").string()}).value()->path(), base_ / "named");
  fs::permissions(base_ / "named", fs::perms::all);
  EXPECT_EQ(open_model_cache({.path = (base_ / "named").string()}).error().code(), engines::kModelCacheRefused);
}

}  // namespace
}  // namespace forebay::cli

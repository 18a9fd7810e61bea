#include "base/private_folder.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/ids.h"

namespace forebay {
namespace {
namespace fs = std::filesystem;

class PrivateFolder : public testing::Test {
 protected:
  ~PrivateFolder() override { fs::remove_all(base_); }
  const fs::path base_ = fs::temp_directory_path() / make_id("forebay-private");
};

TEST_F(PrivateFolder, IsMadeWithItsParentsForItsOwnerAlone) {
  EXPECT_EQ(make_private_folder(base_ / "a" / "b"), std::nullopt);
  EXPECT_EQ(fs::status(base_ / "a" / "b").permissions(), fs::perms::owner_all);
  EXPECT_EQ(make_private_folder(base_ / "a" / "b"), std::nullopt);
}

TEST_F(PrivateFolder, IsRefusedWhereOthersMayWriteOrThereIsAFile) {
  fs::create_directories(base_ / "open");
  fs::permissions(base_ / "open", fs::perms::all);
  EXPECT_TRUE(make_private_folder(base_ / "open")->contains("others than this server's user"));
  std::ofstream(base_ / "file") << "x";
  EXPECT_TRUE(make_private_folder(base_ / "file"));
  EXPECT_TRUE(make_private_folder(base_ / "file" / "below")->contains("cannot be made"));
}

}  // namespace
}  // namespace forebay

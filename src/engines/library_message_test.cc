#include "engines/library_message.h"

#include <gtest/gtest.h>

namespace forebay::engines {
namespace {

TEST(LibraryMessage, KeepsFileNamesAndDropsFolders) {
  EXPECT_EQ(cleaned_library_message("Load model from /srv/models/a.onnx failed:Protobuf parsing failed."),
            "Load model from a.onnx failed:Protobuf parsing failed.");
  EXPECT_EQ(cleaned_library_message("at '/build/x/core/model.cc:12'"), "at 'model.cc:12'");
  EXPECT_EQ(cleaned_library_message("node Add/Relu has 3/4 inputs"), "node Add/Relu has 3/4 inputs");
}

TEST(LibraryMessage, IsOneBoundedLine) {
  EXPECT_EQ(cleaned_library_message("first\n\tsecond  third\n"), "first second third");
  EXPECT_EQ(cleaned_library_message(std::string(300, 'x')).size(), 300U);
  EXPECT_EQ(cleaned_library_message(std::string(301, 'x')), std::string(300, 'x') + "…");
  EXPECT_EQ(cleaned_library_message("a" + std::string(1, '\0') + "b"), "a b");
}

}  // namespace
}  // namespace forebay::engines

#include "text/text_windows.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text/stream_text.h"

namespace forebay::text {
namespace {

std::vector<std::string> windows_of(const std::string& text, WindowCut cut, std::size_t bytes) {
  std::vector<std::string> found;
  std::string together;
  for (TextWindows windows(text, cut, bytes); !windows.done();) {
    found.emplace_back(windows.next());
    together += found.back();
  }
  EXPECT_EQ(together, text);
  return found;
}
using Windows = std::vector<std::string>;

TEST(TextWindows, CutBeforeASpaceBetweenTwoWords) {
  EXPECT_EQ(windows_of("one two three", WindowCut::kBetweenWords, 4), (Windows{"one two", " three"}));
  EXPECT_EQ(windows_of("one  two, three 4", WindowCut::kBetweenWords, 2), (Windows{"one  two, three", " 4"}));
  EXPECT_EQ(windows_of("one two", WindowCut::kNone, 1), (Windows{"one two"}));
  EXPECT_EQ(windows_of("", WindowCut::kAfterSpace, 1), Windows{});
}

TEST(TextWindows, CutAfterAnySpaceWhereWordsStandAlone) {
  EXPECT_EQ(windows_of("a,  b\nccc", WindowCut::kAfterSpace, 2), (Windows{"a, ", " b\n", "ccc"}));
}

TEST(TextWindows, EndWithinAWordThatIsTooLongButNeverWithinACharacter) {
  std::string text;
  while (text.size() < 3 * TextWindows::kLookAheadMax) text += "\u6587";
  const auto found = windows_of(text, WindowCut::kBetweenWords, 100);
  EXPECT_EQ(found.size(), 3U);
  for (const auto& window : found) EXPECT_TRUE(is_valid_utf8(window));
}

}  // namespace
}  // namespace forebay::text

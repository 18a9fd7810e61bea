#include "text/stream_text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "text/errors.h"

namespace forebay::text {
namespace {

// bytes.decode("utf-8", "replace"), by trying every length: slow, and nothing like the implementation.
std::string decode_naively(const std::string& bytes) {
  const auto is_character = [](std::string_view s) {
    std::uint32_t value = 0;
    const auto b = [s](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(s[i])); };
    for (std::size_t i = 1; i < s.size(); ++i) {
      if ((b(i) & 0xC0) != 0x80) return false;
    }
    if (s.size() == 1) return b(0) < 0x80;
    if (s.size() == 2) value = (b(0) & 0x1F) << 6 | (b(1) & 0x3F);
    if (s.size() == 3) value = (b(0) & 0x0F) << 12 | (b(1) & 0x3F) << 6 | (b(2) & 0x3F);
    if (s.size() == 4) value = (b(0) & 0x07) << 18 | (b(1) & 0x3F) << 12 | (b(2) & 0x3F) << 6 | (b(3) & 0x3F);
    if (s.size() == 2) return (b(0) & 0xE0) == 0xC0 && value >= 0x80;
    if (s.size() == 3) return (b(0) & 0xF0) == 0xE0 && value >= 0x800 && (value < 0xD800 || value > 0xDFFF);
    return (b(0) & 0xF8) == 0xF0 && value >= 0x10000 && value <= 0x10FFFF;
  };
  // Some continuation makes it a character.
  const auto can_begin = [&](const std::string& s) {
    for (const int second : {0x80, 0x90, 0x9F, 0xA0, 0xBF}) {
      std::string longer = s;
      if (longer.size() == 1) longer += static_cast<char>(second);
      while (longer.size() < 5) {
        if (is_character(longer) && longer.size() > s.size()) return true;
        longer += '\x80';
      }
    }
    return false;
  };
  std::string text;
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t taken = 0;
    for (std::size_t length = 1; length <= 4 && at + length <= bytes.size(); ++length) {
      if (is_character(std::string_view(bytes).substr(at, length))) taken = length;
    }
    if (taken > 0) {
      text += bytes.substr(at, taken);
      at += taken;
      continue;
    }
    taken = 1;
    while (taken < 3 && at + taken < bytes.size() && can_begin(bytes.substr(at, taken + 1))) ++taken;
    text += "\uFFFD";
    at += taken;
  }
  return text;
}

// Grows the text character by character until some stop string has just ended.
std::pair<std::string, std::optional<std::size_t>> stop_naively(const std::string& text, const std::vector<std::string>& stops) {
  for (std::size_t end = 0; end <= text.size(); ++end) {
    std::optional<std::size_t> met;
    for (std::size_t i = 0; i < stops.size(); ++i) {
      const bool ends = !stops[i].empty() && std::string_view(text).substr(0, end).ends_with(stops[i]);
      if (ends && (!met || stops[i].size() > stops[*met].size())) met = i;
    }
    if (met) return {text.substr(0, end - stops[*met].size()), met};
  }
  return {text, std::nullopt};
}

struct Streamed {
  std::string text;
  std::optional<std::size_t> stopped_by;
};

Streamed stream(const std::vector<std::string>& tokens, const std::vector<std::string>& stops) {
  StreamText streaming({stops});
  Streamed result;
  for (const std::string& token : tokens) {
    const std::string shown = streaming.push(token);
    EXPECT_TRUE(is_valid_utf8(shown));
    result.text += shown;
  }
  result.text += streaming.finish();
  result.stopped_by = streaming.stopped_by();
  return result;
}

TEST(StreamText, HoldsBackHalfACharacter) {
  StreamText streaming({});
  EXPECT_EQ(streaming.push("a\xE2\x82"), "a");
  EXPECT_EQ(streaming.push("\xAC"
                           "b"),
            "€b");
  EXPECT_EQ(streaming.finish(), "");
}

TEST(StreamText, ReplacesWhatCannotBecomeACharacter) {
  StreamText streaming({});
  EXPECT_EQ(streaming.push("\xFF"), "\uFFFD");
  EXPECT_EQ(streaming.push("\xE2\x82"), "");
  EXPECT_EQ(streaming.push("x"), "\uFFFDx");
  EXPECT_EQ(streaming.push("\xF0\x9F"), "");
  EXPECT_EQ(streaming.finish(), "\uFFFD");
}

TEST(StreamText, HoldsBackWhatMayBecomeAStopString) {
  StreamText streaming({{"</end>"}});
  EXPECT_EQ(streaming.push("one </"), "one ");
  EXPECT_EQ(streaming.push("en"), "");
  EXPECT_EQ(streaming.push("try"), "</entry");
  EXPECT_EQ(streaming.push("</end> more"), "");
  EXPECT_EQ(streaming.stopped_by(), 0);
  EXPECT_EQ(streaming.push("more"), "");
  EXPECT_EQ(streaming.finish(), "");
}

TEST(StreamText, ShowsTheStopStringWhenThatIsWanted) {
  StreamText streaming({.texts = {"END"}, .shown = true});
  EXPECT_EQ(streaming.push("a EN"), "a ");
  EXPECT_EQ(streaming.push("D more"), "END");
  EXPECT_EQ(streaming.finish(), "");
}

// Of every token the place where its text begins, however much of the text before it is held back.
TEST(StreamText, KnowsWhereATokensTextBegins) {
  const auto offsets = [](const std::vector<std::string>& tokens, const std::vector<std::string>& stops) {
    StreamText streaming({stops});
    std::vector<std::size_t> found;
    for (const auto& token : tokens) {
      found.push_back(streaming.offset_of(token));
      streaming.push(token);
    }
    return found;
  };
  using Offsets = std::vector<std::size_t>;
  EXPECT_EQ(offsets({"one", " tw", "o", "!"}, {}), (Offsets{0, 3, 6, 7}));
  EXPECT_EQ(offsets({"one", " tw", "o", "!"}, {" two?"}), (Offsets{0, 3, 6, 7})) << "held back until the last token";
  EXPECT_EQ(offsets({"\u00e9", "\xf0\x9f", "\x99\x82", "x"}, {}), (Offsets{0, 1, 1, 2})) << "parts of a character begin where it does";
  EXPECT_EQ(offsets({"\xf0\x9f", "x", "", "y"}, {}), (Offsets{0, 1, 2, 2})) << "half a character becomes a replacement character";
}

TEST(StreamText, GivesHeldTextWhenTheGenerationEndsWithoutTheStopString) {
  StreamText streaming({{"STOP"}});
  EXPECT_EQ(streaming.push("a ST"), "a ");
  EXPECT_EQ(streaming.finish(), "ST");
  EXPECT_FALSE(streaming.stopped_by());
}

TEST(StreamText, ReportsTheStopStringThatEndedFirst) {
  EXPECT_EQ(stream({"xabcd"}, {"abcd", "bc"}).stopped_by, 1);
  EXPECT_EQ(stream({"xabcd"}, {"abcd", "bc"}).text, "xa");
  EXPECT_EQ(stream({"xabc"}, {"bc", "abc"}).stopped_by, 1);
  EXPECT_EQ(stream({"xabc"}, {"bc", "abc"}).text, "x");
}

TEST(StreamText, FindsAStopStringThatItsOwnBeginningHides) { EXPECT_EQ(stream({"aa", "a", "b"}, {"aab"}).text, "a"); }

TEST(StreamText, IgnoresEmptyStopStrings) { EXPECT_EQ(stream({"abc"}, {""}).text, "abc"); }

TEST(StreamText, EqualsDecodingAtOnceHoweverTheBytesAreCut) {
  const auto held = rc::check([] {
    const auto piece =
        rc::gen::elementOf(std::vector<std::string>{"a", "b", "ab", "é", "€", "😀", "\xE2", "\x82", "\xF0\x9F", "\xED\xA0\x80", "\xF4\x90",
                                                    "\xC0\xAF", "\xFF", "\x80", "\xE0\x9F", "\xF1\x80\x80"});
    const auto pieces = *rc::gen::container<std::vector<std::string>>(piece);
    std::string bytes;
    for (const auto& part : pieces) bytes += part;
    const auto stop = rc::gen::elementOf(std::vector<std::string>{"ab", "aab", "ba", "b€", "€", "abab", "😀a", "\uFFFD", "bb", ""});
    const auto stops = *rc::gen::container<std::vector<std::string>>(*rc::gen::inRange<std::size_t>(0, 4), stop);
    std::vector<std::string> tokens;
    for (std::size_t at = 0; at < bytes.size();) {
      const auto length = *rc::gen::inRange<std::size_t>(1, 6);
      tokens.push_back(bytes.substr(at, length));
      at += length;
    }
    const auto [expected, stopped_by] = stop_naively(decode_naively(bytes), stops);
    const Streamed got = stream(tokens, stops);
    RC_ASSERT(got.text == expected);
    RC_ASSERT(got.stopped_by.has_value() == stopped_by.has_value());
    if (stopped_by) RC_ASSERT(stops[*got.stopped_by] == stops[*stopped_by]);
  });
  EXPECT_TRUE(held);
}

TEST(StreamText, ShowsEverythingThatIsCertainAtOnce) {
  StreamText streaming({{"xyz"}});
  EXPECT_EQ(streaming.push("hello"), "hello");
  EXPECT_EQ(streaming.push("x"), "");
  EXPECT_EQ(streaming.push("x"), "x");
}

TEST(IsValidUtf8, AcceptsOnlyWellFormedText) {
  for (const char* good : {"", "a", "é€😀", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF4\x8F\xBF\xBF"}) EXPECT_TRUE(is_valid_utf8(good)) << good;
  for (const char* bad : {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5",
                          "a\xE2\x82", "\xFF"}) {
    EXPECT_FALSE(is_valid_utf8(bad));
  }
}

TEST(TextErrors, KeepToTheirRangeAndOrder) {
  std::uint16_t last = 1999;
  for (const ErrorCode* code : kTextErrors) {
    EXPECT_GT(code->number, last);
    EXPECT_LT(code->number, 2500);
    EXPECT_FALSE(code->meaning.empty());
    EXPECT_FALSE(code->hint.empty());
    last = code->number;
  }
}

}  // namespace
}  // namespace forebay::text

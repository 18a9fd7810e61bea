#include "base/ids.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "base/synchronized.h"

namespace forebay {
namespace {

TEST(Ids, HaveAPrefixAndTwentyFourCharacters) {
  const std::string id = make_id("chatcmpl");
  EXPECT_EQ(id.size(), 8u + 1 + 24);
  EXPECT_TRUE(id.starts_with("chatcmpl-"));
  EXPECT_EQ(id.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz", 9), std::string::npos);
  EXPECT_TRUE(is_harmless_id(id));
}

TEST(Ids, DifferAlsoBetweenThreads) {
  Synchronized<std::set<std::string>> seen;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) {
          auto ids = seen.lock();
          ids->insert(make_id("r"));
        }
      });
    }
  }
  EXPECT_EQ(seen.read([](const auto& ids) { return ids.size(); }), 2'000u);
}

TEST(Ids, FromOutsideAreTakenOnlyWhenTheyAreHarmless) {
  for (const char* id : {"a", "A.b_c:d-9", "...", "-"}) EXPECT_TRUE(is_harmless_id(id)) << id;
  for (const char* id : {"", ".", "..", "a b", "a/b", "a\nb", "a\"", "é", "a%20"}) EXPECT_FALSE(is_harmless_id(id)) << id;
  EXPECT_TRUE(is_harmless_id(std::string(128, 'a')));
  EXPECT_FALSE(is_harmless_id(std::string(129, 'a')));
}

TEST(TraceContext, GivesTheTraceOfAValidHeaderOnly) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  EXPECT_EQ(trace_id_of("00-" + trace + "-00f067aa0ba902b7-01"), trace);
  EXPECT_EQ(trace_id_of("01-" + trace + "-00f067aa0ba902b7-01-more"), trace);
  for (const std::string& wrong :
       std::vector<std::string>{"", "00-" + trace + "-00f067aa0ba902b7-01-more", "01-" + trace + "-00f067aa0ba902b7-01more",
                                "ff-" + trace + "-00f067aa0ba902b7-01", "00-" + std::string(32, '0') + "-00f067aa0ba902b7-01",
                                "00-" + trace + "-0000000000000000-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                "00_" + trace + "-00f067aa0ba902b7-01", "00-" + trace + "-00f067aa0ba902b7-0"}) {
    EXPECT_EQ(trace_id_of(wrong), "") << wrong;
  }
}

}  // namespace
}  // namespace forebay

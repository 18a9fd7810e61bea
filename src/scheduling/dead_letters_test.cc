#include "scheduling/dead_letters.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "engines/errors.h"
#include "scheduling/errors.h"

namespace forebay::scheduling {
namespace {

std::vector<std::string> ids(const DeadLetters& letters) {
  std::vector<std::string> found;
  for (const DeadLetter& letter : letters.newest_first()) found.push_back(letter.request_id);
  return found;
}

TEST(DeadLetters, KeepTheNewestUpToTheirLimitAndCountThemAll) {
  DeadLetters letters(2);
  for (const char* id : {"a", "b"}) letters.add({.request_id = id});
  EXPECT_EQ(ids(letters), (std::vector<std::string>{"b", "a"}));
  letters.add({.request_id = "c"});
  EXPECT_EQ(ids(letters), (std::vector<std::string>{"c", "b"}));
  EXPECT_EQ(letters.count(), 3U);
}

TEST(DeadLetters, CountEvenWhereNoneIsKept) {
  DeadLetters letters(0);
  letters.add({.request_id = "a"});
  EXPECT_TRUE(letters.newest_first().empty());
  EXPECT_EQ(letters.count(), 1U);
}

TEST(DeadLetters, AreOnlyForWhatTheClientDidNotDoItself) {
  EXPECT_TRUE(DeadLetters::belongs(Error(engines::kStepFailed, "")));
  EXPECT_TRUE(DeadLetters::belongs(Error(kDeadlinePassed, "")));
  EXPECT_TRUE(DeadLetters::belongs(Error(kShuttingDown, "")));
  EXPECT_FALSE(DeadLetters::belongs(Error(kCancelledByCaller, "")));
  EXPECT_FALSE(DeadLetters::belongs(Error(kSlowReader, "")));
  EXPECT_FALSE(DeadLetters::belongs(Error(kPromptTooLong, "")));
}

}  // namespace
}  // namespace forebay::scheduling

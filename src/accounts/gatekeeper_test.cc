#include "accounts/gatekeeper.h"

#include <gtest/gtest.h>

#include "accounts/errors.h"

namespace forebay::accounts {
namespace {

Gatekeeper with_keys(std::vector<std::string> keys) { return Gatekeeper::create({.api_keys = std::move(keys)}).value(); }

TEST(Gatekeeper, IsOpenWithoutKeysAndNamesTheClientByItsAddress) {
  const auto principal = with_keys({}).admit({.peer_address = "10.1.2.3"});
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->client, "10.1.2.3");
  EXPECT_FALSE(principal->authenticated);
}

TEST(Gatekeeper, TakesAKeyAsBearerTokenOrAsHeader) {
  const auto gatekeeper = with_keys({"first-key-1", "second-key-2"});
  EXPECT_EQ(gatekeeper.admit({.authorization = "Bearer second-key-2"})->client, "key-2");
  EXPECT_EQ(gatekeeper.admit({.authorization = "bEARER   first-key-1"})->client, "key-1");
  EXPECT_EQ(gatekeeper.admit({.api_key = "first-key-1"})->client, "key-1");
}

TEST(Gatekeeper, OneValidKeyIsEnough) {
  const auto gatekeeper = with_keys({"first-key-1", "second-key-2"});
  EXPECT_EQ(gatekeeper.admit({.authorization = "Bearer first-key-1", .api_key = "something"})->client, "key-1");
  EXPECT_EQ(gatekeeper.admit({.authorization = "Bearer something", .api_key = "second-key-2"})->client, "key-2");
  EXPECT_EQ(gatekeeper.admit({.authorization = "Bearer something", .api_key = "another"}).error().code(), kKeyWrong);
  EXPECT_EQ(gatekeeper.admit({.authorization = "Basic Zm9v", .api_key = "first-key-1"})->client, "key-1");
}

TEST(Gatekeeper, RefusesAMissingKeyAndAnotherScheme) {
  const auto gatekeeper = with_keys({"first-key-1"});
  EXPECT_EQ(gatekeeper.admit({}).error().code(), kKeyMissing);
  EXPECT_EQ(gatekeeper.admit({.authorization = "Basic Zm9vOmJhcg=="}).error().code(), kKeyMissing);
  EXPECT_EQ(gatekeeper.admit({.authorization = "Bearer "}).error().code(), kKeyMissing);
}

TEST(Gatekeeper, RefusesAKeyThatIsAPrefixARepetitionOrHasACharacterMore) {
  const auto gatekeeper = with_keys({"abcdabcd"});
  for (const char* wrong : {"abcdabc", "abcdabcd1", "abcdabcdabcdabcd", "ABCDABCD", "x"}) {
    EXPECT_EQ(gatekeeper.admit({.api_key = wrong}).error().code(), kKeyWrong) << wrong;
  }
}

TEST(Gatekeeper, RefusesKeysThatCannotBeUsed) {
  EXPECT_EQ(Gatekeeper::create({.api_keys = {"short"}}).error().code(), kBadKey);
  EXPECT_EQ(Gatekeeper::create({.api_keys = {"has a space"}}).error().code(), kBadKey);
  EXPECT_EQ(Gatekeeper::create({.api_keys = {std::string(513, 'a')}}).error().code(), kBadKey);
  EXPECT_TRUE(Gatekeeper::create({.api_keys = {std::string(512, 'a')}}));
  EXPECT_TRUE(Gatekeeper::create({.api_keys = std::vector<std::string>(1'000, "long-enough")}));
  EXPECT_EQ(Gatekeeper::create({.api_keys = std::vector<std::string>(1'001, "long-enough")}).error().code(), kBadKey);
}

TEST(Gatekeeper, ClosesAdminRoutesWhileItHasNoKeys) {
  EXPECT_EQ(Gatekeeper::create({})->check_keyed().error().code(), kAdminNeedsKey);
  EXPECT_TRUE(Gatekeeper::create({.api_keys = {"long-enough-key"}})->check_keyed());
}

TEST(Gatekeeper, GivesEveryKeyACacheScopeThatDependsOnNothingElse) {
  const auto scope = [](std::vector<std::string> keys, const char* key) {
    return with_keys(std::move(keys)).admit({.api_key = key})->cache_scope;
  };
  EXPECT_NE(scope({"first-key-1", "second-key-2"}, "first-key-1"), scope({"first-key-1", "second-key-2"}, "second-key-2"));
  EXPECT_EQ(scope({"first-key-1", "second-key-2"}, "second-key-2"), scope({"second-key-2"}, "second-key-2"));
  EXPECT_NE(scope({"first-key-1"}, "first-key-1"), 0U);
  EXPECT_EQ(with_keys({}).admit({.peer_address = "10.1.2.3"})->cache_scope, 0U);
}

}  // namespace
}  // namespace forebay::accounts

#include "accounts/key_authenticator.h"

#include <gtest/gtest.h>

#include "accounts/errors.h"

namespace forebay::accounts {
namespace {

// What the authenticator finds before it returns.
Result<Principal> found(const KeyAuthenticator& authenticator, const Credentials& credentials) {
  Result<Principal> answer = fail(kKeyMissing, "not answered");
  int answers = 0;
  authenticator.authenticate(credentials, [&](Result<Principal> principal) {
    answer = std::move(principal);
    ++answers;
  });
  EXPECT_EQ(answers, 1);
  return answer;
}

KeyAuthenticator with_keys(std::vector<std::string> keys) { return KeyAuthenticator::create({.api_keys = std::move(keys)}).value(); }

TEST(KeyAuthenticator, IsOpenWithoutKeysAndNamesTheClientByItsAddress) {
  const auto principal = found(with_keys({}), {.peer_address = "10.1.2.3"});
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->id, "10.1.2.3");
  EXPECT_EQ(principal->role, Role::kOpen);
}

TEST(KeyAuthenticator, TakesAKeyAsBearerTokenOrAsHeader) {
  const auto authenticator = with_keys({"first-key-1", "second-key-2"});
  EXPECT_EQ(found(authenticator, {.authorization = "Bearer second-key-2"})->id, "key-2");
  EXPECT_EQ(found(authenticator, {.authorization = "bEARER   first-key-1"})->id, "key-1");
  EXPECT_EQ(found(authenticator, {.api_key = "first-key-1"})->id, "key-1");
}

TEST(KeyAuthenticator, OneValidKeyIsEnough) {
  const auto authenticator = with_keys({"first-key-1", "second-key-2"});
  EXPECT_EQ(found(authenticator, {.authorization = "Bearer first-key-1", .api_key = "something"})->id, "key-1");
  EXPECT_EQ(found(authenticator, {.authorization = "Bearer something", .api_key = "second-key-2"})->id, "key-2");
  EXPECT_EQ(found(authenticator, {.authorization = "Bearer something", .api_key = "another"}).error().code(), kKeyWrong);
  EXPECT_EQ(found(authenticator, {.authorization = "Basic Zm9v", .api_key = "first-key-1"})->id, "key-1");
}

TEST(KeyAuthenticator, RefusesAMissingKeyAndAnotherScheme) {
  const auto authenticator = with_keys({"first-key-1"});
  EXPECT_EQ(found(authenticator, {}).error().code(), kKeyMissing);
  EXPECT_EQ(found(authenticator, {.authorization = "Basic Zm9vOmJhcg=="}).error().code(), kKeyMissing);
  EXPECT_EQ(found(authenticator, {.authorization = "Bearer "}).error().code(), kKeyMissing);
}

TEST(KeyAuthenticator, RefusesAKeyThatIsAPrefixARepetitionOrHasACharacterMore) {
  const auto authenticator = with_keys({"abcdabcd"});
  for (const char* wrong : {"abcdabc", "abcdabcd1", "abcdabcdabcdabcd", "ABCDABCD", "x"}) {
    EXPECT_EQ(found(authenticator, {.api_key = wrong}).error().code(), kKeyWrong) << wrong;
  }
}

TEST(KeyAuthenticator, RefusesKeysThatCannotBeUsed) {
  EXPECT_EQ(KeyAuthenticator::create({.api_keys = {"short"}}).error().code(), kBadKey);
  EXPECT_EQ(KeyAuthenticator::create({.api_keys = {"has a space"}}).error().code(), kBadKey);
  EXPECT_EQ(KeyAuthenticator::create({.api_keys = {std::string(513, 'a')}}).error().code(), kBadKey);
  EXPECT_TRUE(KeyAuthenticator::create({.api_keys = {std::string(512, 'a')}}));
  EXPECT_TRUE(KeyAuthenticator::create({.api_keys = std::vector<std::string>(1'000, "long-enough")}));
  EXPECT_EQ(KeyAuthenticator::create({.api_keys = std::vector<std::string>(1'001, "long-enough")}).error().code(), kBadKey);
  EXPECT_TRUE(KeyAuthenticator::create({.admin_keys = std::vector<std::string>(1'000, "long-enough")}));
  EXPECT_EQ(KeyAuthenticator::create({.admin_keys = std::vector<std::string>(1'001, "long-enough")}).error().code(), kBadKey);
  EXPECT_EQ(KeyAuthenticator::create({.admin_keys = {"short"}}).error().code(), kBadKey);
}

TEST(KeyAuthenticator, GivesAnAdminKeyItsRole) {
  const auto authenticator = KeyAuthenticator::create({.api_keys = {"first-key-1"}, .admin_keys = {"admin-key-1", "admin-key-2"}}).value();
  EXPECT_EQ(found(authenticator, {.api_key = "first-key-1"})->role, Role::kUser);
  const auto admin = found(authenticator, {.authorization = "Bearer admin-key-2"});
  EXPECT_EQ(admin->role, Role::kAdmin);
  EXPECT_EQ(admin->id, "admin-2");
}

TEST(KeyAuthenticator, PutsAnAdminKeyBeforeAnOrdinaryOneInEitherHeader) {
  const auto authenticator = KeyAuthenticator::create({.api_keys = {"first-key-1"}, .admin_keys = {"admin-key-1"}}).value();
  EXPECT_EQ(found(authenticator, {.authorization = "Bearer first-key-1", .api_key = "admin-key-1"})->id, "admin-1");
  EXPECT_EQ(found(authenticator, {.authorization = "Bearer admin-key-1", .api_key = "first-key-1"})->id, "admin-1");
}

TEST(KeyAuthenticator, NeedsAKeyOfEveryCallerWhenItHasAdminKeysOnly) {
  const auto authenticator = KeyAuthenticator::create({.admin_keys = {"admin-key-1"}}).value();
  EXPECT_FALSE(authenticator.open());
  EXPECT_EQ(found(authenticator, {.peer_address = "127.0.0.1"}).error().code(), kKeyMissing);
}

TEST(KeyAuthenticator, RefusesAKeyThatIsOfBothKindsWithoutRepeatingIt) {
  const auto refused = KeyAuthenticator::create({.api_keys = {"first-key-1", "second-key-2"}, .admin_keys = {"second-key-2"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), kBadKey);
  EXPECT_EQ(refused.error().message().find("second-key-2"), std::string::npos);
}

TEST(KeyAuthenticator, GivesEveryKeyACacheScopeThatDependsOnNothingElse) {
  const auto scope = [](std::vector<std::string> keys, const char* key) {
    return found(with_keys(std::move(keys)), {.api_key = key})->cache_scope;
  };
  EXPECT_NE(scope({"first-key-1", "second-key-2"}, "first-key-1"), scope({"first-key-1", "second-key-2"}, "second-key-2"));
  EXPECT_EQ(scope({"first-key-1", "second-key-2"}, "second-key-2"), scope({"second-key-2"}, "second-key-2"));
  EXPECT_NE(scope({"first-key-1"}, "first-key-1"), 0U);
  EXPECT_EQ(found(with_keys({}), {.peer_address = "10.1.2.3"})->cache_scope, 0U);
}

}  // namespace
}  // namespace forebay::accounts

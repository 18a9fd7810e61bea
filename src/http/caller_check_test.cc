#include "http/caller_check.h"

#include <gtest/gtest.h>

#include "http/errors.h"

namespace forebay::http {
namespace {

TEST(CallerCheck, AnOpenServerAnswersForAddressesAndLoopbackNamesOnly) {
  const CallerCheck check({.listen_host = "127.0.0.1"});
  for (const char* host : {"localhost", "localhost:8080", "LOCALHOST.", "app.localhost:1", "127.0.0.1", "127.8.9.1:80", "[::1]:8080",
                           "10.1.2.3", "[fe80::1]", ""})
    EXPECT_TRUE(check.check_host(host)) << host;
  for (const char* host :
       {"evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "1.2.3", "mylocalhost"}) {
    const auto refused = check.check_host(host);
    ASSERT_FALSE(refused) << host;
    EXPECT_EQ(refused.error().code(), kHostNotAllowed);
  }
}

TEST(CallerCheck, AListOfHostsIsTheWholeList) {
  const CallerCheck check({.allowed_hosts = {"Models.Example"}, .listen_host = "0.0.0.0", .has_keys = true});
  EXPECT_TRUE(check.check_host("models.example:443"));
  EXPECT_TRUE(check.check_host("localhost"));
  EXPECT_FALSE(check.check_host("10.1.2.3"));
  EXPECT_FALSE(check.check_host("evil.example"));
  EXPECT_TRUE(CallerCheck({.allowed_hosts = {"*"}}).check_host("evil.example"));
}

TEST(CallerCheck, AServerWithKeysAnswersForAnyHost) { EXPECT_TRUE(CallerCheck({.has_keys = true}).check_host("models.example")); }

TEST(CallerCheck, OnlyOwnPagesAndConfiguredOriginsMayCall) {
  const CallerCheck check({.cors_origins = {"https://app.example"}});
  EXPECT_TRUE(check.check_origin("", "localhost:8080"));
  EXPECT_TRUE(check.check_origin("http://localhost:8080", "localhost:8080"));
  EXPECT_TRUE(check.check_origin("https://app.example", "localhost:8080"));
  EXPECT_TRUE(check.has_cors("https://app.example"));
  for (const char* origin : {"http://localhost:8081", "http://localhost", "http://evil.example", "null", "http://app.example",
                             "https://app.example/", "file://"}) {
    const auto refused = check.check_origin(origin, "localhost:8080");
    ASSERT_FALSE(refused) << origin;
    EXPECT_EQ(refused.error().code(), kOriginNotAllowed);
    EXPECT_FALSE(check.has_cors(origin)) << origin;
  }
  EXPECT_TRUE(CallerCheck({.cors_origins = {"*"}}).check_origin("http://evil.example", "localhost"));
}

}  // namespace
}  // namespace forebay::http

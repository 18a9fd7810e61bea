#include "http/wire/authority.h"

#include <gtest/gtest.h>

namespace forebay::http::wire {
namespace {

TEST(ReadAuthority, GivesHostAndPort) {
  EXPECT_EQ(read_authority("Example.COM:8080"), (Authority{"example.com", "8080"}));
  EXPECT_EQ(read_authority("a_b-c.example."), (Authority{"a_b-c.example", ""}));
  EXPECT_EQ(read_authority("[::1]:80"), (Authority{"::1", "80"}));
  EXPECT_EQ(read_authority("127.0.0.1:"), (Authority{"127.0.0.1", ""}));
  for (const char* bad :
       {"", ":80", "a b", "a/b", "user@host", "a:b", "a:123456", "[::1", "[localhost]", "[::1]80", "a,b", "a?", "\xc3\xa4"})
    EXPECT_FALSE(read_authority(bad)) << bad;
}

TEST(ReadOrigin, IsASchemeWithAnAuthority) {
  EXPECT_EQ(read_origin("https://app.example:8443"), (Authority{"app.example", "8443"}));
  for (const char* bad : {"null", "", "app.example", "ftp://app.example", "http://", "http://a/", "http://a/b"})
    EXPECT_FALSE(read_origin(bad)) << bad;
}

TEST(IsLoopback, KnowsNamesAndAddresses) {
  for (const char* host : {"localhost", "a.localhost", "127.0.0.1", "127.200.1.1", "::1"}) EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host : {"local", "localhost.example", "10.0.0.1", "::2", "128.0.0.1"}) EXPECT_FALSE(is_loopback(host)) << host;
}

RequestHead head_of(std::string_view method, std::string_view target, int minor, std::vector<std::string> hosts) {
  RequestHead head;
  head.set_request_line(method, target, minor);
  for (const auto& host : hosts) head.add_field("Host", host);
  return head;
}

TEST(SettleTarget, TakesPathsAndAbsoluteUrls) {
  auto plain = head_of("GET", "/a?b", 1, {"here:1"});
  ASSERT_TRUE(settle_target(plain));
  EXPECT_EQ(plain.host(), "here:1");
  auto absolute = head_of("GET", "HTTP://there:2/a?b", 1, {"here:1"});
  ASSERT_TRUE(settle_target(absolute));
  EXPECT_EQ(absolute.host(), "there:2");
  EXPECT_EQ(absolute.path(), "/a");
  EXPECT_EQ(absolute.query(), "b");
  auto bare = head_of("GET", "http://there?b", 1, {"here"});
  ASSERT_TRUE(settle_target(bare));
  EXPECT_EQ(bare.target(), "/?b");
  auto star = head_of("OPTIONS", "*", 1, {"here"});
  EXPECT_TRUE(settle_target(star));
  auto old = head_of("GET", "/", 0, {});
  EXPECT_TRUE(settle_target(old));
}

TEST(SettleTarget, RefusesOtherTargetsAndHosts) {
  for (auto& head : {head_of("GET", "a", 1, {"here"}), head_of("GET", "*", 1, {"here"}), head_of("GET", "http:///a", 1, {"here"}),
                     head_of("GET", "/", 1, {}), head_of("GET", "/", 1, {"a", "a"}), head_of("GET", "/", 1, {""}),
                     head_of("GET", "/", 1, {"a b"}), head_of("GET", "/", 0, {"a/b"})}) {
    auto copy = head;
    EXPECT_FALSE(settle_target(copy)) << head.target();
  }
}

}  // namespace
}  // namespace forebay::http::wire

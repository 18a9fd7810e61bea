#include "http/routes.h"

#include <gtest/gtest.h>

#include <set>

namespace forebay::http {
namespace {

using accounts::Action;

TEST(Routes, FindsEveryRouteOfTheTableByItsOwnPattern) {
  for (const auto& route : routes()) {
    std::string path(route.pattern);
    for (auto at = path.find("{}"); at != std::string::npos; at = path.find("{}")) path.replace(at, 2, "x1");
    const auto match = find_route(route.method, path);
    ASSERT_NE(match.route, nullptr) << path;
    EXPECT_EQ(match.route->pattern, route.pattern);
    EXPECT_NE(match.allow.find(route.method), std::string::npos);
  }
}

TEST(Routes, OnlyHealthNeedsNoKey) {
  const std::set<std::string_view> health{"/healthz", "/health", "/livez", "/readyz", "/ready", "/v2/health/live", "/v2/health/ready"};
  for (const auto& route : routes()) EXPECT_EQ(route.action == Action::kHealth, health.contains(route.pattern)) << route.pattern;
}

TEST(Routes, TheOperatorsAreThoseOfAdministrationAndStatistics) {
  for (const auto& route : routes()) {
    EXPECT_EQ(route.action == Action::kAdminister, route.pattern.starts_with("/admin/")) << route.pattern;
    EXPECT_EQ(route.action == Action::kReadStats, route.pattern == "/metrics" || route.pattern == "/server/stats") << route.pattern;
  }
}

TEST(Routes, OnlyReadingHasNoBodyAndOnlyWorkAndChangesTakeOne) {
  for (const auto& route : routes()) {
    const bool works = route.action == Action::kInfer;
    EXPECT_TRUE(!works || route.body != Body::kNone) << route.pattern;
    EXPECT_TRUE(works || route.action == Action::kAdminister || route.method == "GET") << route.pattern;
  }
}

TEST(Routes, TellsAWrongMethodFromAWrongPath) {
  EXPECT_EQ(find_route("GET", "/predict").route, nullptr);
  EXPECT_EQ(find_route("GET", "/predict").allow, "POST, OPTIONS");
  EXPECT_EQ(find_route("POST", "/healthz").allow, "GET, HEAD, OPTIONS");
  EXPECT_EQ(find_route("GET", "/nowhere").allow, "");
  EXPECT_EQ(find_route("GET", "").allow, "");
  EXPECT_EQ(find_route("GET", "/").allow, "");
  EXPECT_EQ(find_route("GET", "/v2/models//ready").allow, "");
  EXPECT_EQ(find_route("GET", "/a/b/c/d/e/f/g/h/i/j").allow, "");
}

TEST(Routes, TakesOneSlashAtTheEnd) {
  EXPECT_NE(find_route("GET", "/v1/models/").route, nullptr);
  EXPECT_EQ(find_route("GET", "/v1/models/").route->name, "openai_models");
  EXPECT_EQ(find_route("GET", "/v1/models//").route, nullptr);
}

TEST(Routes, DecodesParameters) {
  EXPECT_EQ(find_route("GET", "/v1/models/a%2Fb").parameters.at(0), "a/b");
  EXPECT_EQ(find_route("GET", "/v2/models/m/versions/7").parameters, (std::vector<std::string>{"m", "7"}));
  EXPECT_STREQ(find_route("GET", "/v1/mod%65ls").route->name.data(), "openai_models");
}

TEST(Routes, RefusesABrokenEscapeInsteadOfReadingItAsNothing) {
  for (const char* path : {"/v1/models/%", "/v1/models/%00", "/v2/models/%zz/infer", "/admin/models/%/cache/clear", "/%/a"}) {
    const auto match = find_route("POST", path);
    EXPECT_TRUE(match.malformed) << path;
    EXPECT_EQ(match.route, nullptr) << path;
  }
}

TEST(Routes, TakeAModelsNameOfTwoParts) {
  EXPECT_EQ(find_route("GET", "/v1/models/org%2Fname").parameters, (std::vector<std::string>{"org/name"}));
  EXPECT_EQ(find_route("GET", "/v1/models/org/name").parameters, (std::vector<std::string>{"org", "name"}));
  EXPECT_EQ(find_route("POST", "/openai/deployments/org%2Fname/chat/completions").parameters, (std::vector<std::string>{"org/name"}));
}

TEST(Routes, KnowTheDialectOfAPathThatDoesNotExist) {
  EXPECT_EQ(dialect_of("/v1/nowhere"), Dialect::kOpenAi);
  EXPECT_EQ(dialect_of("/v2/nowhere"), Dialect::kOip);
  EXPECT_EQ(dialect_of("/v1x"), Dialect::kPlain);
  EXPECT_EQ(dialect_of("/v1/%zz"), Dialect::kOpenAi);
  EXPECT_EQ(dialect_of("/v1?model=x"), Dialect::kOpenAi);
  EXPECT_EQ(dialect_of(""), Dialect::kPlain);
}

TEST(Routes, KnowTheDialectOfARouteWhateverTheMethod) {
  for (const auto& route : routes()) {
    EXPECT_EQ(dialect_of(route.pattern), route.dialect) << route.pattern;
    EXPECT_EQ(find_route("TRACE", route.pattern).dialect, route.dialect) << route.pattern;
  }
  EXPECT_EQ(find_route("GET", "/%63hat/completions").dialect, Dialect::kOpenAi);
}

}  // namespace
}  // namespace forebay::http

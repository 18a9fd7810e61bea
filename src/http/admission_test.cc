#include "http/admission.h"

#include <gtest/gtest.h>

#include "http/errors.h"

namespace forebay::http {
namespace {

wire::RequestHead head_of(std::string_view method, std::string_view target,
                          std::initializer_list<std::pair<std::string_view, std::string_view>> fields = {}) {
  wire::RequestHead head;
  head.set_request_line(method, target, 1);
  head.set_host("localhost");
  for (const auto& [name, value] : fields) head.add_field(name, value);
  return head;
}

const ErrorCode* refusal(const Result<>& checked) { return checked ? nullptr : &checked.error().code(); }

const ErrorCode* refused_route(const wire::RequestHead& head) { return refusal(check_route(head, find_route(head.method(), head.path()))); }

TEST(Admission, TellsAnUnknownUrlFromAMethodThatItDoesNotTake) {
  EXPECT_EQ(refused_route(head_of("GET", "/v1/models")), nullptr);
  EXPECT_EQ(*refused_route(head_of("GET", "/nowhere")), kRouteNotFound);
  EXPECT_EQ(*refused_route(head_of("GET", "/predict")), kMethodNotAllowed);
  EXPECT_EQ(*refused_route(head_of("BREW", "/nowhere")), kMethodNotAllowed);
  EXPECT_EQ(*refused_route(head_of("GET", "/v1/models/%zz")), kBadEscape);
}

const Route& route(std::string_view method, std::string_view path) { return *find_route(method, path).route; }

TEST(Admission, ChecksHostAndOriginOfEveryRouteButHealth) {
  const CallerCheck callers({.listen_host = "127.0.0.1"});
  auto head = head_of("GET", "/v1/models");
  head.set_host("evil.example");
  EXPECT_EQ(*refusal(check_caller(head, route("GET", "/v1/models"), callers)), kHostNotAllowed);
  EXPECT_EQ(*refusal(check_caller(head, route("GET", "/admin/dead-letters"), callers)), kHostNotAllowed);
  EXPECT_EQ(refusal(check_caller(head, route("GET", "/livez"), callers)), nullptr);
  const auto page = head_of("POST", "/predict", {{"origin", "http://evil.example"}});
  EXPECT_EQ(*refusal(check_caller(page, route("POST", "/predict"), callers)), kOriginNotAllowed);
  EXPECT_EQ(refusal(check_caller(page, route("GET", "/readyz"), callers)), nullptr);
}

TEST(Admission, ReadsTheCredentialsOfBothHeadersAndAzuresWhenThereIsNoOwn) {
  const auto both = head_of("GET", "/", {{"authorization", "Bearer one"}, {"x-api-key", "two"}, {"api-key", "three"}});
  const auto credentials = credentials_of(both, "10.1.2.3");
  EXPECT_EQ(credentials.authorization, "Bearer one");
  EXPECT_EQ(credentials.api_key, "two");
  EXPECT_EQ(credentials.peer_address, "10.1.2.3");
  const auto azure = head_of("GET", "/", {{"api-key", "three"}});
  EXPECT_EQ(credentials_of(azure, "").api_key, "three");
}

const ErrorCode* refused_body(const Route& on, std::initializer_list<std::pair<std::string_view, std::string_view>> fields,
                              std::uint64_t length = 10) {
  auto head = head_of(on.method, on.pattern, fields);
  head.set_framing(false, length, true);
  return refusal(check_body(head, on, read_media_type(head.field("content-type")), {.body_bytes_max = 100}));
}

TEST(Admission, RefusesABodyOneByteAboveTheLimitOnEveryRoute) {
  for (const auto* path : {"/predict", "/v1/embeddings"}) {
    EXPECT_EQ(refused_body(route("POST", path), {}, 100), nullptr) << path;
    EXPECT_EQ(*refused_body(route("POST", path), {}, 101), kBodyTooLarge) << path;
  }
  EXPECT_EQ(*refused_body(route("GET", "/v1/models"), {}, 101), kBodyTooLarge);
}

TEST(Admission, TakesJsonWhereARouteWantsItAndAnyTypeWhereItTakesBytes) {
  const Route& json = route("POST", "/v1/embeddings");
  for (const auto* type : {"", "application/json", "application/json; charset=utf-8", "application/json; charset=UTF8"})
    EXPECT_EQ(refused_body(json, {{"content-type", type}}), nullptr) << type;
  for (const auto* type : {"text/plain", "image/png", "application/json; charset=latin1"})
    EXPECT_EQ(*refused_body(json, {{"content-type", type}}), kContentType) << type;
  EXPECT_EQ(refused_body(route("POST", "/predict"), {{"content-type", "image/png"}}), nullptr);
}

TEST(Admission, RefusesCompressionThatIsNotKnownOrDoneTwice) {
  const Route& json = route("POST", "/v1/embeddings");
  EXPECT_EQ(refused_body(json, {{"content-encoding", "gzip"}}), nullptr);
  EXPECT_EQ(*refused_body(json, {{"content-encoding", "br"}}), kContentEncoding);
  EXPECT_EQ(*refused_body(json, {{"content-encoding", "gzip"}, {"content-encoding", "gzip"}}), kContentEncoding);
}

}  // namespace
}  // namespace forebay::http

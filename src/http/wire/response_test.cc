#include "http/wire/response.h"

#include <gtest/gtest.h>

namespace forebay::http::wire {
namespace {

constexpr std::chrono::sys_seconds kThen{std::chrono::seconds(784'111'777)};

std::string head_of(const Response& response, Framing framing, int minor, bool keep_alive) {
  std::string text;
  append_head(text, response, framing, minor, keep_alive, kThen);
  return text;
}

TEST(AppendHead, WritesStatusDateFieldsAndFraming) {
  EXPECT_EQ(head_of({.status = 404, .fields = {{"A", "b"}}, .body = "xyz"}, Framing::kLength, 1, true),
            "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nA: b\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(head_of({}, Framing::kChunked, 1, false),
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(head_of({.status = 204, .fields = {}, .body = {}}, Framing::kNoBody, 0, true),
            "HTTP/1.1 204 No Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(reason_of(499), "Client Closed Request");
}

TEST(AppendHead, NoValueEndsItsField) {
  const auto head = head_of({.status = 200, .fields = {{"A", "b\r\nC: d\x01\te"}}, .body = {}}, Framing::kNoBody, 1, true);
  EXPECT_NE(head.find("A: bC: d\te\r\n"), std::string::npos) << head;
}

}  // namespace
}  // namespace forebay::http::wire

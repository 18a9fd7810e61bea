#include "http/wire/request_parser.h"

#include <gtest/gtest.h>

#include <random>

#include "http/errors.h"

namespace forebay::http::wire {
namespace {

struct Message {
  std::shared_ptr<const RequestHead> head;
  std::string body;
};
struct Reading {
  std::vector<Message> messages;
  std::optional<Error> error;
};

// Gives the bytes in pieces, as a socket would.
Reading read_all(std::string_view bytes, const std::vector<std::size_t>& cuts = {}) {
  RequestParser parser({});
  Reading reading;
  std::string pending;
  std::optional<Message> open;
  std::size_t at = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i == cuts.size() ? bytes.size() : cuts[i];
    pending += bytes.substr(at, end - at);
    at = end;
    while (true) {
      auto found = parser.read(pending);
      if (!found) {
        reading.error = found.error();
        return reading;
      }
      const std::size_t consumed = parser.consumed();
      if (*found == RequestParser::Found::kHead) open = Message{.head = parser.head(), .body = {}};
      if (*found == RequestParser::Found::kBody) open->body += parser.body();
      if (*found == RequestParser::Found::kEnd) {
        reading.messages.push_back(*std::exchange(open, std::nullopt));
        parser.next();
      }
      pending.erase(0, consumed);
      if (*found == RequestParser::Found::kNothing) break;
    }
  }
  return reading;
}

TEST(RequestParser, ReadsRequestsOneAfterAnother) {
  const auto reading = read_all(
      "\r\nGET /a?b=1 HTTP/1.1\r\nHost: here\r\nX-Name:  two words \t\r\n\r\n"
      "POST /c HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhello"
      "POST /d HTTP/1.1\r\nhost: here\r\ntransfer-encoding: Chunked\r\nTrailer: T\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nT: x\r\n\r\n"
      "GET /e HTTP/1.0\r\n\r\n");
  ASSERT_FALSE(reading.error) << reading.error->message();
  ASSERT_EQ(reading.messages.size(), 4U);
  const auto& [get, post, chunked, old] = std::tie(reading.messages[0], reading.messages[1], reading.messages[2], reading.messages[3]);
  EXPECT_EQ(get.head->method(), "GET");
  EXPECT_EQ(get.head->path(), "/a");
  EXPECT_EQ(get.head->query(), "b=1");
  EXPECT_EQ(get.head->field("x-name"), "two words");
  EXPECT_TRUE(get.head->keep_alive());
  EXPECT_FALSE(get.head->has_body());
  EXPECT_EQ(post.body, "hello");
  EXPECT_EQ(post.head->content_length(), 5U);
  EXPECT_EQ(chunked.body, "hello world");
  EXPECT_TRUE(chunked.head->chunked());
  EXPECT_EQ(chunked.head->field("t"), "") << "a trailer is no header";
  EXPECT_EQ(old.head->minor_version(), 0);
  EXPECT_FALSE(old.head->keep_alive());
}

TEST(RequestParser, ReadsTheSameHoweverTheBytesAreCut) {
  const std::string bytes =
      "POST /c HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n10;x\r\n0123456789abcdef\r\n0\r\n\r\n"
      "POST /d HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::size_t> cuts;
    for (std::size_t i = 0; i <= bytes.size(); ++i) {
      if (round == 0 || random() % 4 == 0) cuts.push_back(i);
    }
    const auto reading = read_all(bytes, cuts);
    ASSERT_FALSE(reading.error) << reading.error->message();
    ASSERT_EQ(reading.messages.size(), 2U);
    EXPECT_EQ(reading.messages[0].body, "hello0123456789abcdef");
    EXPECT_EQ(reading.messages[1].body, "abc");
    EXPECT_FALSE(reading.messages[1].head->keep_alive());
  }
}

struct Refused {
  const char* bytes;
  const ErrorCode& code;
};

TEST(RequestParser, RefusesWhatTwoProgramsCouldReadDifferently) {
  const std::string after = "GET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n";
  const Refused refused[] = {
      {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", kAmbiguousLength},
      {"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", kAmbiguousLength},
      {"Content-Length: 2, 2\r\n", kAmbiguousLength},
      {"Content-Length: 2\r\nContent-Length: 2\r\n", kAmbiguousLength},
      {"Content-Length: 2\r\nContent-Length: 3\r\n", kAmbiguousLength},
      {"Content-Length: 1x\r\n", kAmbiguousLength},
      {"Content-Length: +2\r\n", kAmbiguousLength},
      {"Content-Length: -2\r\n", kAmbiguousLength},
      {"Content-Length: 0x2\r\n", kAmbiguousLength},
      {"Content-Length:\r\n", kAmbiguousLength},
      {"Content-Length: 18446744073709551616\r\n", kAmbiguousLength},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", kAmbiguousLength},
      {"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", kContentEncoding},
      {"Transfer-Encoding: gzip, chunked\r\n", kContentEncoding},
      {"Transfer-Encoding: chunked, chunked\r\n", kContentEncoding},
      {"Transfer-Encoding: xchunked\r\n", kContentEncoding},
      {"Transfer-Encoding : chunked\r\n", kBadRequest},
      {"Content-Length : 2\r\n", kBadRequest},
      {" Content-Length: 2\r\n", kBadRequest},
      {"X: a\r\n b\r\n", kBadRequest},
      {"X:\r\n b\r\n", kBadRequest},
      {"X: a\n", kBadRequest},
      {"X: a\rb\r\n", kBadRequest},
      {"X: a\x01\r\n", kBadRequest},
      {"X\r\n", kBadRequest},
      {": a\r\n", kBadRequest},
      {"Host: there\r\n", kBadRequest},
      {"Expect: miracles\r\n", kBadRequest},
  };
  for (const auto& [field, code] : refused) {
    const auto reading = read_all("POST /predict HTTP/1.1\r\nHost: here\r\n" + std::string(field) + "\r\n0\r\n\r\n" + after);
    ASSERT_TRUE(reading.error) << field;
    EXPECT_EQ(reading.error->code(), code) << field << reading.error->message();
    EXPECT_TRUE(reading.messages.empty()) << field;
  }
}

TEST(RequestParser, RefusesChunksThatAreNotExact) {
  for (const char* body :
       {"0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n", "5zz\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",
        "10000000000000000\r\nhello\r\n0\r\n\r\n", "5;\r\nhello\r\n0\r\n\r\n", "0\r\nbad trailer\r\n\r\n"}) {
    const auto reading = read_all("POST /p HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body) +
                                  "GET /s HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(reading.error) << body;
    EXPECT_TRUE(reading.messages.empty()) << body;
  }
}

TEST(RequestParser, RefusesWhatIsNoRequest) {
  for (const char* bytes :
       {"\x16\x03\x01\x02", "GET / SMTP/1.0\r\n\r\n", "GET /\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n", "GET /\x01 HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", "{}"}) {
    const auto reading = read_all(bytes);
    ASSERT_TRUE(reading.error) << bytes;
    EXPECT_EQ(reading.error->code(), kBadRequest) << bytes;
  }
}

TEST(RequestParser, HoldsTheLimitOfAHead) {
  const std::string start = "GET / HTTP/1.1\r\nHost: here\r\nX: ";
  const auto request = [&](std::size_t bytes) { return start + std::string(bytes - start.size() - 4, 'a') + "\r\n\r\n"; };
  RequestParser fits({.head_bytes_max = 1024});
  EXPECT_EQ(fits.read(request(1024)), RequestParser::Found::kHead);
  RequestParser too_small({.head_bytes_max = 1023});
  const auto refused = too_small.read(request(1024));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), kHeaderTooLarge);
}

TEST(RequestParser, RefusesChunksThatAreLargerTogetherThanABodyMayBe) {
  const std::string head = "POST /p HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto read = [&](const std::string& body) {
    RequestParser parser({.body_bytes_max = 8});
    std::string pending = head + body;
    while (true) {
      auto found = parser.read(pending);
      if (!found) return std::string(found.error().code().name);
      pending.erase(0, parser.consumed());
      if (*found == RequestParser::Found::kNothing || *found == RequestParser::Found::kEnd) return std::string("read");
    }
  };
  EXPECT_EQ(read("4\r\nabcd\r\n4\r\nabcd\r\n0\r\n\r\n"), "read");
  EXPECT_EQ(read("4\r\nabcd\r\n5\r\n"), "body_too_large");
  EXPECT_EQ(read("ffffffffffffffff\r\n"), "body_too_large");
}

TEST(RequestParser, KnowsThatABodyIsAskedFor) {
  for (const char* value : {"100-continue", "100-Continue"}) {
    const auto reading = read_all("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: " + std::string(value) + "\r\n\r\nx");
    ASSERT_EQ(reading.messages.size(), 1U);
    EXPECT_TRUE(reading.messages[0].head->expects_continue());
  }
  EXPECT_FALSE(read_all("POST /p HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx").messages.at(0).head->expects_continue());
}

TEST(RequestParser, TellsTheTargetHoweverMuchOfTheHeadIsThere) {
  const struct {
    std::string_view bytes, target;
  } cases[] = {
      {"GET /v1/models?a=b HTTP/1.1\r\nHost: h\r\n", "/v1/models?a=b"},
      {"GET /v1/models HTTP/1.1\r\nHo", "/v1/models"},
      {"GET /v1/models HTTP/1.1\r\n", "/v1/models"},
      {"GET /v1/models HTTP/1.1\r\nHost: a b\r\n\r\n", "/v1/models"},
      {"\r\n\r\nPOST /v2 HTTP/9\r\n", "/v2"},
      {"GET /v1/mo", "/v1/mo"},
      {"GET http://host:1/v1/models HTTP/1.1\r\n", "/v1/models"},
      {"GET http://host", ""},
      {"GET", ""},
      {"GET ", ""},
      {"", ""},
      {"GET\r\n /v1", ""},
  };
  for (const auto& one : cases) {
    RequestParser parser({});
    const auto read = parser.read(one.bytes);
    EXPECT_EQ(parser.target(one.bytes.substr(read ? parser.consumed() : 0)), one.target) << one.bytes;
  }
}

}  // namespace
}  // namespace forebay::http::wire

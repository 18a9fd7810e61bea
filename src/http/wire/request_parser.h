// Reads the requests of one connection from bytes, one after another, with Beast's parser and stricter rules of our own: what two programs
// could read differently (request smuggling, RFC 9112 section 11.2) is refused.
// Threads: confined to the connection's loop. Owner: Connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "http/wire/request_head.h"

namespace forebay::http::wire {

class RequestParser {
 public:
  struct Limits {
    std::uint32_t head_bytes_max = 64 << 10;
    std::uint64_t body_bytes_max = UINT64_MAX;  // of chunked bodies, by the sizes that chunks state
  };
  explicit RequestParser(const Limits& limits);
  ~RequestParser();

  enum class Found : std::uint8_t {
    kNothing,  // more bytes are needed; what was consumed is done with
    kHead,     // head() is complete
    kBody,     // body() holds a piece of the body, a view into the bytes given
    kEnd       // the message is complete
  };
  // Reads up to the next finding. The first `consumed()` bytes are done with; the others must be given again, with more behind them.
  // Errors: kBadRequest, kAmbiguousLength, kContentEncoding, kHeaderTooLarge, kBodyTooLarge. After an error nothing can be read any more.
  Result<Found> read(std::string_view bytes);
  std::size_t consumed() const;
  const std::shared_ptr<const RequestHead>& head() const;
  std::string_view body() const;
  // What the request line names, for an error about a head that is not valid or not complete. An absolute target has lost its scheme and
  // authority. `unread`: the bytes that were given and not consumed. Empty if no target is there.
  std::string_view target(std::string_view unread) const;
  // True between the first byte of a request and its end.
  bool inside() const;
  // Begins with the next request. Requires: kEnd was found.
  void next();

 private:
  class Message;
  const Limits limits_;
  std::unique_ptr<Message> message_;
};

}  // namespace forebay::http::wire

// Server-sent events (html.spec.whatwg.org, section 9.2): one answer in pieces, bounded by what the client has not read yet.
// Threads: confined to the request's loop. Owner: Exchange.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "http/http_options.h"

namespace forebay::http {

// How the bytes leave: by a connection in the server, into a string in tests.
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  virtual bool write(const std::string& bytes) = 0;  // false: the client has gone
  virtual std::uint64_t unsent() const = 0;          // bytes handed over and not yet taken by the socket
  virtual void close() = 0;
};

class EventStream {
 public:
  EventStream(std::unique_ptr<StreamWriter> writer, const HttpOptions& options, Instant now, std::function<void()> too_slow)
      : writer_(std::move(writer)), options_(options), last_write_(now), too_slow_(std::move(too_slow)) {}

  // One event with this data (no line breaks in it). False when nobody reads any more. A reader further behind than
  // stream_unsent_bytes_max is dropped: `too_slow` is called once.
  bool send(std::string_view json, Instant now);
  bool done(Instant now) { return send("[DONE]", now); }
  bool comment(Instant now);
  // A comment when nothing was sent for keep_alive_interval; never when that is 0.
  void tick(Instant now);
  void close();
  bool open() const { return writer_ != nullptr; }

 private:
  bool write(const std::string& bytes, Instant now);
  std::unique_ptr<StreamWriter> writer_;
  const HttpOptions& options_;
  Instant last_write_;
  std::function<void()> too_slow_;
};

}  // namespace forebay::http

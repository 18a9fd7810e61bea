// The bytes of one connection, plain or through TLS. Operations return at once and report to `events` later.
// Threads: confined to the loop. Owner: Connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace forebay::http::wire {

// kPlainOnTls: the client does not speak TLS where TLS is wanted; the transport goes on without it.
enum class Opened : std::uint8_t { kUsable, kFailed, kPlainOnTls };

class Transport {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    virtual void opened(Opened how) = 0;
    virtual void read_done(std::size_t bytes) = 0;   // 0: the peer sends nothing more, or the connection is broken
    virtual void write_done(std::size_t bytes) = 0;  // 0: the connection is broken
    virtual void broken() = 0;                       // asked for by watch()
  };

  virtual ~Transport() = default;
  virtual void open(std::shared_ptr<Events> events) = 0;  // may report within the call
  // At most one read and one write at a time. The bytes must stay until the operation has ended.
  virtual void read(std::span<char> into, std::shared_ptr<Events> events) = 0;
  virtual void write(std::span<const std::string_view> pieces, std::shared_ptr<Events> events) = 0;
  // Reports a reset of the connection, for a peer that has ended its side.
  virtual void watch(std::shared_ptr<Events> events) = 0;
  // The peer gets the end of the stream, after the bytes written.
  virtual void end_sending(std::shared_ptr<Events> events) = 0;
  virtual void close() = 0;
  virtual const std::string& peer_address() const = 0;
  virtual bool can_be_half_closed() const = 0;
};

}  // namespace forebay::http::wire

// One client's connection: reads requests one after another, hands each to a receiver, and writes its response. A request that was sent
// ahead (pipelining) waits in a bounded buffer until the response before it is on its way.
// Threads: confined to its loop. Owner: Server's table of connections; operations on the transport share it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/result.h"
#include "http/wire/request_head.h"
#include "http/wire/request_parser.h"
#include "http/wire/response.h"
#include "http/wire/transport.h"

namespace forebay::http::wire {

class Connection;
class EventLoop;

// Gets one request. After it has responded, only client_gone() and tick() may still be called.
class Receiver {
 public:
  virtual ~Receiver() = default;
  // A piece of the body. The receiver may respond, or pause the body; no further piece is given after a response.
  virtual void body_piece(std::string_view bytes) = 0;
  virtual void body_complete() = 0;
  // The rest of the message is not valid HTTP: the receiver answers with this error.
  virtual void body_broken(const Error& error) = 0;
  // kClientGone: nobody reads a response. kShutdown: the server ends, a response may still be given.
  virtual void client_gone(CancelReason reason) = 0;
  virtual void tick(Instant now) = 0;
};

// The layer above all connections. Shared by the loops.
class Application {
 public:
  virtual ~Application() = default;
  // The head is complete. The receiver may have responded already: its body is read and dropped then, or the connection closed.
  virtual std::shared_ptr<Receiver> begin(const std::shared_ptr<Connection>& from, const std::shared_ptr<const RequestHead>& head) = 0;
  // The bytes are no request, or no whole one. `target` is what its request line names; empty if that is not known.
  virtual Response refuse(const Error& error, std::string_view target) = 0;
  virtual void closed(const Connection& connection) = 0;
};

struct ConnectionLimits {
  std::uint32_t head_bytes_max = 64 << 10;
  std::uint64_t body_bytes_max = UINT64_MAX;  // of chunked bodies; the receiver is told the length of others with their head
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds body_idle_timeout{30'000};  // without a byte of a body that is awaited
};

class Connection final : public Transport::Events, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::unique_ptr<Transport> transport, std::shared_ptr<EventLoop> loop, const ConnectionLimits& limits,
             Application& application, const Clock& clock);

  void open();
  // Instead of open(): answers with this error and closes.
  void refuse(const Error& error);
  // --- the response to the current request; nothing happens once the connection is closed
  void respond(Response response);
  void begin_stream(Response head);
  void write_piece(std::string_view bytes);
  void end_stream();
  bool is_open() const { return !closed_; }
  void drop();                                            // at once, whatever is unsent
  std::uint64_t unsent_bytes() const { return unsent_; }  // not yet taken by the system
  void close_after_response() { keep_alive_ = false; }
  // While paused no further piece of the body is read from the client, and a body that is expected is not asked for. A response ends it.
  void pause_body() { paused_ = true; }
  void resume_body();

  // --- for the owner
  void tick(Instant now);
  // The server ends: the current request is told so, an idle connection is closed.
  void shut_down();
  const std::string& peer() const { return transport_->peer_address(); }
  const std::shared_ptr<EventLoop>& loop() const { return loop_; }

  // --- Transport::Events
  void opened(Opened how) override;
  void read_done(std::size_t bytes) override;
  void write_done(std::size_t bytes) override;
  void broken() override { gone(); }

 private:
  // kHead: between requests, or inside a head. kBody: the body is under way. kRunning: the whole request is here, the response is not
  // complete. kClosing: what still comes is dropped.
  enum class Phase : std::uint8_t { kHead, kBody, kRunning, kClosing };
  void read_more();
  void go_on();
  void process();
  bool process_one();
  void head_complete();
  void message_complete();
  void response_complete();
  void peer_ended_sending();
  void nothing_follows();
  void refuse_request(const Error& error);
  void all_sent();
  void begin_next();
  void begin_closing();
  void gone();
  void send(std::string bytes);
  void flush();
  std::string_view unread() const { return {buffer_.data() + begin_, end_ - begin_}; }
  bool may_keep_alive() const;
  std::chrono::sys_seconds wall_now() const;

  std::unique_ptr<Transport> transport_;
  std::shared_ptr<EventLoop> loop_;
  const ConnectionLimits limits_;
  Application& application_;
  const Clock& clock_;

  RequestParser parser_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::shared_ptr<const RequestHead> head_;
  std::shared_ptr<Receiver> receiver_;
  std::uint64_t body_bytes_ = 0;  // received
  Phase phase_ = Phase::kHead;
  Framing framing_ = Framing::kLength;
  std::deque<std::string> out_;
  std::size_t out_offset_ = 0;  // bytes of the first string that are written
  std::uint64_t unsent_ = 0;
  Instant phase_since_, progress_, body_progress_;  // of writing, of reading a body
  Instant probe_at_;
  bool reading_ = false;
  bool writing_ = false;
  bool processing_ = false;
  bool paused_ = false;
  bool continue_due_ = false;  // when the body goes on
  bool plain_on_tls_ = false;
  bool peer_ended_ = false;
  bool keep_alive_ = true;  // after the current response
  bool responding_ = false;
  bool responded_ = false;
  bool shutting_down_ = false;
  bool closed_ = false;
};

}  // namespace forebay::http::wire

#include "http/wire/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "http/errors.h"
#include "http/wire/event_loop.h"

namespace forebay::http::wire {

namespace {

constexpr std::size_t kBufferBytes = 8 << 10;
constexpr std::size_t kLargeBufferBytes = 64 << 10;   // while a larger body comes
constexpr std::size_t kAheadBytesMax = 64 << 10;      // requests sent ahead; more stays with the client
constexpr std::uint64_t kUnsentAheadMax = 256 << 10;  // the next request begins when less than this is unsent
constexpr int kRequestsInARow = 16;                   // before other connections get their turn
constexpr std::size_t kPiecesMax = 16;                // of one write
// A client that is still sending needs time to read the response before the connection is reset.
constexpr auto kGoodbye = std::chrono::seconds(2);
// A client that has ended its side either waits for the response or has gone. Only bytes tell: a gone client's system answers them with a
// reset. The first ones are sent after a while, because most responses come sooner.
constexpr auto kFirstProbe = std::chrono::milliseconds(20);
constexpr auto kNextProbes = std::chrono::seconds(5);
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

Connection::Connection(std::unique_ptr<Transport> transport, std::shared_ptr<EventLoop> loop, const ConnectionLimits& limits,
                       Application& application, const Clock& clock)
    : transport_(std::move(transport)),
      loop_(std::move(loop)),
      limits_(limits),
      application_(application),
      clock_(clock),
      parser_({.head_bytes_max = limits.head_bytes_max, .body_bytes_max = limits.body_bytes_max}),
      buffer_(kBufferBytes),
      phase_since_(clock.now()),
      progress_(phase_since_) {}

void Connection::open() { transport_->open(shared_from_this()); }

void Connection::refuse(const Error& error) {
  if (!transport_->can_be_half_closed()) return drop();  // TLS has not begun
  shutting_down_ = true;
  respond(application_.refuse(error, {}));
}

void Connection::opened(Opened how) {
  if (closed_) return;
  if (how == Opened::kFailed) return gone();
  plain_on_tls_ = how == Opened::kPlainOnTls;
  read_more();
}

// --- reading

void Connection::read_more() {
  if (reading_ || closed_ || peer_ended_) return;
  if (phase_ == Phase::kClosing) begin_ = end_ = 0;
  if (phase_ == Phase::kBody && paused_) return;
  if (phase_ == Phase::kRunning && end_ - begin_ >= kAheadBytesMax) return;
  const bool large = phase_ == Phase::kBody && head_ != nullptr && (head_->chunked() || head_->content_length().value_or(0) > kBufferBytes);
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (large && buffer_.size() < kLargeBufferBytes) buffer_.resize(kLargeBufferBytes);
  if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
  reading_ = true;
  transport_->read(std::span(buffer_).subspan(end_), shared_from_this());
}

void Connection::read_done(std::size_t bytes) {
  reading_ = false;
  if (closed_) return;
  if (bytes == 0) return peer_ended_sending();
  const bool between = phase_ == Phase::kHead && end_ == begin_ && !parser_.inside();
  end_ += bytes;
  if (between) phase_since_ = clock_.now();
  if (phase_ == Phase::kBody) body_progress_ = clock_.now();
  go_on();
}

void Connection::go_on() {
  process();
  read_more();
}

// Reads requests until one of them waits for its response, or more bytes are needed. A response given within it continues here.
void Connection::process() {
  if (std::exchange(processing_, true)) return;
  bool deferred = false;
  for (int requests = 0; !deferred;) {
    if (closed_ || phase_ == Phase::kRunning || phase_ == Phase::kClosing || unsent_ >= kUnsentAheadMax) break;
    if (phase_ == Phase::kBody && paused_) break;
    if (!process_one()) break;
    if (phase_ == Phase::kHead && ++requests == kRequestsInARow) {
      deferred = true;
      loop_->defer([self = shared_from_this()] { self->go_on(); });
    }
  }
  processing_ = false;
  if (peer_ended_ && !deferred) nothing_follows();
}

// False: more bytes are needed.
bool Connection::process_one() {
  if (plain_on_tls_) {
    if (!unread().empty()) refuse_request(Error(kTlsWanted, "this port speaks TLS: use https://"));
    return false;
  }
  auto found = parser_.read(unread());
  if (!found) {
    refuse_request(found.error());
    return false;
  }
  begin_ += parser_.consumed();
  switch (*found) {
    case RequestParser::Found::kNothing:
      return false;
    case RequestParser::Found::kHead:
      head_complete();
      return true;
    case RequestParser::Found::kBody:
      body_bytes_ += parser_.body().size();
      if (const auto receiver = receiver_) receiver->body_piece(parser_.body());
      return true;
    case RequestParser::Found::kEnd:
      message_complete();
      return true;
  }
  return false;
}

// The rest of the message is not read.
void Connection::refuse_request(const Error& error) {
  keep_alive_ = false;
  if (const auto receiver = receiver_) {
    receiver->body_broken(error);
  } else if (!responded_) {
    respond(application_.refuse(error, parser_.target(unread())));
  }
  if (!closed_) begin_closing();
}

void Connection::head_complete() {
  head_ = parser_.head();
  phase_ = Phase::kBody;
  phase_since_ = body_progress_ = clock_.now();
  keep_alive_ = head_->keep_alive();
  paused_ = continue_due_ = false;
  body_bytes_ = 0;
  const bool body_is_here = unread().size() > 0 || !head_->has_body();
  auto receiver = application_.begin(shared_from_this(), head_);
  if (closed_ || responding_ || phase_ != Phase::kBody) return;
  receiver_ = std::move(receiver);
  if (!head_->expects_continue() || body_is_here) return;
  continue_due_ = paused_;
  if (!paused_) send(std::string(kContinue));
}

void Connection::message_complete() {
  parser_.next();
  phase_ = Phase::kRunning;
  if (responded_) return begin_next();
  if (const auto receiver = receiver_) receiver->body_complete();
}

void Connection::resume_body() {
  if (!std::exchange(paused_, false)) return;
  body_progress_ = clock_.now();
  if (std::exchange(continue_due_, false) && !responding_ && !closed_) send(std::string(kContinue));
  loop_->defer([self = shared_from_this()] { self->go_on(); });
}

// A peer that has ended its side may still read. Requests that it sent before are answered.
void Connection::peer_ended_sending() {
  peer_ended_ = true;
  if (!transport_->can_be_half_closed()) return gone();
  probe_at_ = clock_.now() + kFirstProbe;
  transport_->watch(shared_from_this());
  if (phase_ != Phase::kRunning) nothing_follows();
}

// What is here is no whole request, and the peer sends nothing more.
void Connection::nothing_follows() {
  if (closed_ || phase_ == Phase::kRunning || unsent_ >= kUnsentAheadMax) return;
  if (phase_ == Phase::kBody && !responded_) {
    if (paused_) return;
    const auto length = head_->content_length();
    const auto what = length ? fmt::format("the body ends after {} of {} bytes", body_bytes_, *length) : "the chunked body ends early";
    return refuse_request(Error(kBadRequest, what).with_hint("send the whole body before ending the connection"));
  }
  if (phase_ == Phase::kHead && (parser_.inside() || unread().find_first_not_of("\r\n") != std::string_view::npos))
    return refuse_request(
        Error(kBadRequest, "the request's head ends early").with_hint("send the whole head, with an empty line at its end"));
  if (unsent_ == 0) return drop();
  begin_closing();
}

// --- responding

// A refused body that is here already is dropped. Otherwise the connection closes: the body may come late or never.
bool Connection::may_keep_alive() const {
  if (!keep_alive_ || shutting_down_) return false;
  if (phase_ == Phase::kRunning || head_ == nullptr || !head_->has_body()) return true;
  return body_bytes_ == 0 && head_->content_length().value_or(UINT64_MAX) <= unread().size();
}

std::chrono::sys_seconds Connection::wall_now() const { return std::chrono::floor<std::chrono::seconds>(clock_.wall()); }

void Connection::respond(Response response) {
  if (closed_ || responding_ || phase_ == Phase::kClosing) return;
  responding_ = true;
  keep_alive_ = may_keep_alive();
  const bool no_body = response.status == 204 || response.status == 304;
  std::string head;
  const bool head_only = head_ != nullptr && head_->method() == "HEAD";
  const bool one_piece = !head_only && response.body.size() <= kBufferBytes;
  head.reserve(512 + (one_piece ? response.body.size() : 0));
  append_head(head, response, no_body ? Framing::kNoBody : Framing::kLength, head_ == nullptr ? 1 : head_->minor_version(), keep_alive_,
              wall_now());
  if (one_piece) head += response.body;
  send(std::move(head));
  if (!one_piece && !head_only) send(std::move(response.body));
  response_complete();
}

void Connection::begin_stream(Response head) {
  if (closed_ || responding_ || phase_ == Phase::kClosing) return;
  responding_ = true;
  const bool old = head_->minor_version() == 0;
  framing_ = old ? Framing::kUntilClose : Framing::kChunked;
  keep_alive_ = may_keep_alive() && !old;
  std::string bytes;
  append_head(bytes, head, framing_, head_->minor_version(), keep_alive_, wall_now());
  send(std::move(bytes));
}

void Connection::write_piece(std::string_view bytes) {
  if (closed_ || !responding_ || responded_ || bytes.empty()) return;
  send(framing_ == Framing::kChunked ? fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes) : std::string(bytes));
}

void Connection::end_stream() {
  if (closed_ || !responding_ || responded_) return;
  if (framing_ == Framing::kChunked) send("0\r\n\r\n");
  response_complete();
}

void Connection::response_complete() {
  responded_ = true;
  receiver_.reset();
  if (phase_ == Phase::kRunning) return begin_next();
  if (!keep_alive_) return begin_closing();
  resume_body();  // what is here of it is dropped
}

void Connection::begin_next() {
  receiver_.reset();
  head_.reset();
  responding_ = responded_ = false;
  if (!keep_alive_) return begin_closing();
  phase_ = Phase::kHead;
  phase_since_ = clock_.now();
  if (buffer_.size() > kBufferBytes && end_ - begin_ <= kBufferBytes / 2 && !reading_) {
    std::vector<char> small(kBufferBytes);
    std::memcpy(small.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    buffer_.swap(small);
  }
  if (processing_) return;
  go_on();
}

void Connection::send(std::string bytes) {
  if (bytes.empty()) return;
  if (unsent_ == 0) progress_ = clock_.now();
  unsent_ += bytes.size();
  out_.push_back(std::move(bytes));
  if (!writing_) flush();
}

void Connection::flush() {
  std::string_view pieces[kPiecesMax];
  const std::size_t count = std::min(out_.size(), kPiecesMax);
  for (std::size_t i = 0; i < count; ++i) pieces[i] = out_[i];
  pieces[0].remove_prefix(out_offset_);
  writing_ = true;
  transport_->write(std::span(pieces, count), shared_from_this());
}

void Connection::write_done(std::size_t bytes) {
  writing_ = false;
  if (closed_) return;
  if (bytes == 0) return gone();
  progress_ = clock_.now();
  unsent_ -= bytes;
  bytes += out_offset_;
  while (!out_.empty() && bytes >= out_.front().size()) {
    bytes -= out_.front().size();
    out_.pop_front();
  }
  out_offset_ = bytes;
  if (!out_.empty()) return flush();
  if (phase_ == Phase::kClosing) return all_sent();
  go_on();
}

// --- ending

// Writes what is unsent, then ends the sending side and drops what comes until the peer closes.
void Connection::begin_closing() {
  if (closed_ || phase_ == Phase::kClosing) return;
  phase_ = Phase::kClosing;
  phase_since_ = clock_.now();
  receiver_.reset();
  if (unsent_ == 0) return all_sent();
  read_more();
}

void Connection::all_sent() {
  transport_->end_sending(shared_from_this());
  if (peer_ended_ || shutting_down_) return drop();
  read_more();
}

void Connection::gone() {
  if (closed_) return;
  const auto receiver = std::exchange(receiver_, nullptr);
  drop();
  if (receiver != nullptr) receiver->client_gone(CancelReason::kClientGone);
}

void Connection::drop() {
  if (std::exchange(closed_, true)) return;
  const auto self = shared_from_this();  // the table lets go below
  receiver_.reset();
  transport_->close();
  application_.closed(*this);
}

void Connection::shut_down() {
  if (closed_) return;
  shutting_down_ = true;
  keep_alive_ = false;
  if (const auto receiver = receiver_) receiver->client_gone(CancelReason::kShutdown);
  if (closed_ || phase_ == Phase::kClosing) return;
  if (unsent_ == 0) return drop();
  begin_closing();
}

void Connection::tick(Instant now) {
  if (closed_) return;
  const auto waited = now - phase_since_;
  if (unsent_ > 0 && now - progress_ > limits_.idle_timeout) return gone();
  if (phase_ == Phase::kClosing) {
    if (unsent_ == 0 && (peer_ended_ || waited > kGoodbye)) drop();
    return;
  }
  if (phase_ == Phase::kBody && !responding_ && !paused_ && now - body_progress_ > limits_.body_idle_timeout) {
    return refuse_request(Error(kBodyStalled, fmt::format("no byte of the body came for {} ms", limits_.body_idle_timeout.count())));
  }
  const bool waits_for_peer = phase_ == Phase::kHead || (phase_ == Phase::kBody && responded_);
  if (waits_for_peer && unsent_ == 0 && waited > limits_.idle_timeout) return drop();
  if (peer_ended_ && !responding_ && head_ != nullptr && head_->minor_version() > 0 && now >= probe_at_) {
    probe_at_ = now + kNextProbes;
    send(std::string(kContinue));
  }
  if (const auto receiver = receiver_) receiver->tick(now);
}

}  // namespace forebay::http::wire

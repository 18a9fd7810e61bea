#include "http/connections.h"

#include <drogon/HttpResponse.h>
#include <fmt/format.h>
#include <trantor/net/EventLoop.h>
#include <trantor/net/TcpConnection.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/ids.h"
#include "base/log.h"
#include "http/errors.h"

namespace forebay::http {

namespace {

constexpr auto kTick = std::chrono::milliseconds(50);
// An answer to a client that is still sending needs time to arrive before the connection is reset.
constexpr auto kGoodbye = std::chrono::seconds(2);
// What chunked framing may add to a body before it is taken for a flood.
constexpr std::uint64_t framing_bytes(std::uint64_t body_bytes) { return body_bytes / 4 + (64 << 10); }

// TcpConnection lets its receive callback be replaced, but not read. A derived class may name the protected member.
struct Receiver : trantor::TcpConnection {
  static trantor::RecvMessageCallback of(const trantor::TcpConnection& wire) { return wire.*(&Receiver::recvMsgCallback_); }
};

bool is_known_method(std::string_view word) {
  constexpr std::string_view kKnown[] = {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"};
  return std::ranges::find(kKnown, word) != std::end(kKnown);
}

// The value of a header line of that name (lower case) in the head.
std::string header_in(std::string_view head, std::string_view name) {
  for (auto at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at)) {
    at += 2;
    const std::string_view line = head.substr(at, head.find("\r\n", at) - at);
    const auto colon = line.find(':');
    if (colon != name.size()) continue;
    std::string lower(line);
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!lower.starts_with(name)) continue;
    const auto from = lower.find_first_not_of(" \t", colon + 1);
    return from == std::string::npos ? "" : lower.substr(from, lower.find_last_not_of(" \t") + 1 - from);
  }
  return {};
}

// What the library refuses with an empty body.
std::optional<Error> unknown_demand(std::string_view head) {
  if (const auto value = header_in(head, "expect"); !value.empty() && value != "100-continue")
    return Error(kBadRequest, fmt::format("'Expect: {}' is not known here", value.substr(0, 40)))
        .with_hint("leave Expect out, or send 100-continue");
  if (const auto value = header_in(head, "transfer-encoding"); !value.empty() && value != "chunked")
    return Error(kContentEncoding, fmt::format("'Transfer-Encoding: {}' is not taken", value.substr(0, 40)))
        .with_hint("send it chunked, or with Content-Length");
  return std::nullopt;
}

}  // namespace

Connection::Connection(ServerParts& parts, const std::shared_ptr<trantor::TcpConnection>& wire, std::shared_ptr<LoopMail> mail)
    : parts_(parts),
      wire_(wire),
      loop_(wire->getLoop()),
      mail_(std::move(mail)),
      peer_(wire->peerAddr().toIp()),
      phase_since_(parts.context.clock->now()) {}

bool Connection::take(trantor::MsgBuffer& bytes) {
  const auto wire = wire_.lock();
  if (phase_ == Phase::kIgnoring || wire == nullptr) {
    bytes.retrieveAll();
    return false;
  }
  if (phase_ == Phase::kBetween) {
    const bool first = phase_bytes_from_ == 0 && wire->bytesReceived() == bytes.readableBytes();
    phase_ = Phase::kHead;
    phase_bytes_from_ = wire->bytesReceived() - bytes.readableBytes();
    phase_since_ = parts_.context.clock->now();
    // Later messages may begin in the middle of what the parser has already seen (pipelining).
    if (first) check_first_line(bytes);
  }
  if (phase_ != Phase::kHead || wire->bytesReceived() - phase_bytes_from_ <= parts_.options.header_bytes_max)
    return phase_ != Phase::kIgnoring;
  const std::string_view text(bytes.peek(), bytes.readableBytes());
  const auto head_end = text.find("\r\n\r\n");
  const auto after_head = head_end == std::string_view::npos ? 0 : text.size() - head_end - 4;
  if (wire->bytesReceived() - phase_bytes_from_ - after_head <= parts_.options.header_bytes_max) return true;
  bytes.retrieveAll();
  refuse_bytes(Error(kHeaderTooLarge, fmt::format("the headers are larger than {} bytes", parts_.options.header_bytes_max)));
  return false;
}

// The library answers what it cannot parse without a body; this catches it before, where it is plain to see.
void Connection::check_first_line(trantor::MsgBuffer& bytes) {
  const std::string_view text(bytes.peek(), bytes.readableBytes());
  const auto space = text.find(' ');
  const std::string_view method = text.substr(0, space);
  const bool is_word = std::ranges::all_of(method, [](char c) { return c >= 'A' && c <= 'Z'; });
  const auto line_end = text.find("\r\n");
  const std::string_view line = text.substr(0, line_end);
  const bool odd_version = line_end != std::string_view::npos && !line.ends_with(" HTTP/1.1") && !line.ends_with(" HTTP/1.0");
  if (!is_word || method.size() > 20 || odd_version) {
    bytes.retrieveAll();
    refuse_bytes(Error(kBadRequest, "the bytes are not an HTTP/1.1 request"));
  } else if (space != std::string_view::npos && !is_known_method(method)) {
    bytes.retrieveAll();
    refuse_bytes(Error(kMethodNotAllowed, fmt::format("the method {} is not known here", method)));
  } else if (const auto wrong = unknown_demand(text.substr(0, text.find("\r\n\r\n")))) {
    bytes.retrieveAll();
    refuse_bytes(*wrong);
  }
}

void Connection::head_complete(bool body_follows) {
  const auto wire = wire_.lock();
  if (wire == nullptr) return;
  phase_ = body_follows ? Phase::kBody : Phase::kBetween;
  phase_bytes_from_ = wire->bytesReceived();
  phase_since_ = parts_.context.clock->now();
}

void Connection::message_complete() {
  if (phase_ == Phase::kIgnoring) return;
  phase_ = Phase::kBetween;
  phase_since_ = parts_.context.clock->now();
}

void Connection::after_parser() {
  const auto wire = wire_.lock();
  if (wire == nullptr) return;
  if (phase_ == Phase::kIgnoring) {
    wire->shutdown();
    return;
  }
  const auto body_max = parts_.options.body_bytes_max;
  if (phase_ == Phase::kBody && wire->bytesReceived() - phase_bytes_from_ > body_max + framing_bytes(body_max)) {
    return refuse_bytes(Error(kBodyTooLarge, fmt::format("the body is larger than {} bytes", body_max)));
  }
  // With a Content-Length this was asked for at the head, and costs nothing.
  if (phase_ != Phase::kBody || active_.empty() || active_.back()->begun()) return;
  if (auto room = active_.back()->expect_body(std::min(wire->bytesReceived() - phase_bytes_from_, body_max)); !room)
    refuse_bytes(room.error());
}

void Connection::remove(const Exchange* exchange) {
  std::erase_if(active_, [exchange](const ExchangePtr& one) { return one.get() == exchange; });
  if (phase_ == Phase::kBetween) phase_since_ = parts_.context.clock->now();
}

bool Connection::streams() const {
  return std::ranges::any_of(active_, [](const ExchangePtr& one) { return one->stream() != nullptr; });
}

void Connection::ignore_the_rest() {
  phase_ = Phase::kIgnoring;
  phase_since_ = parts_.context.clock->now();
}

void Connection::refuse_bytes(const Error& error) {
  const auto wire = wire_.lock();
  if (wire == nullptr) return;
  const std::string id = make_id("req");
  const Reply reply = error_reply(error, Dialect::kPlain, id);
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\nx-request-id: {}\r\n",
                  reply.status, drogon::statusCodeToString(reply.status), reply.body.size(), id);
  for (const auto& [name, value] : reply.headers) head += fmt::format("{}: {}\r\n", name, value);
  wire->send(head + "\r\n" + reply.body);
  parts_.context.serving_metrics->count_request("none", reply.status, 0);
  parts_.count(error);
  cancel(CancelReason::kClientGone);
  ignore_the_rest();
  wire->shutdown();
}

void Connection::drop() {
  if (const auto wire = wire_.lock()) wire->forceClose();
}

void Connection::gone() { cancel(CancelReason::kClientGone); }

void Connection::cancel(CancelReason reason) {
  const auto active = std::exchange(active_, {});
  for (const auto& exchange : active) exchange->client_gone(reason);
}

void Connection::tick(Instant now) {
  const auto waited = now - phase_since_;
  if (phase_ == Phase::kIgnoring && waited > kGoodbye) return drop();
  if ((phase_ == Phase::kHead || (phase_ == Phase::kBetween && active_.empty())) && waited > parts_.options.idle_timeout) return drop();
  const auto active = active_;
  for (const auto& exchange : active) exchange->tick(now);
}

std::uint64_t Connection::bytes_sent() const {
  const auto wire = wire_.lock();
  return wire == nullptr ? 0 : wire->bytesSent();
}

void Connections::begin(const std::vector<trantor::EventLoop*>& loops) {
  for (auto* loop : loops) parts_of_loops_[loop].mail = std::make_shared<LoopMail>(loop);
  for (auto* loop : loops) loop->runEvery(std::chrono::duration<double>(kTick), [this, loop] { tick(loop); });
}

std::vector<std::shared_ptr<Connection>> Connections::Part::all() const {
  std::vector<std::shared_ptr<Connection>> every;
  every.reserve(connections.size());
  for (const auto& [wire, connection] : connections) every.push_back(connection);
  return every;
}

void Connections::changed(const std::shared_ptr<trantor::TcpConnection>& wire) {
  auto& part = parts_of_loops_.at(wire->getLoop());
  if (!wire->connected()) {
    const auto found = part.connections.find(wire.get());
    if (found == part.connections.end()) return;
    const auto connection = found->second;
    part.connections.erase(found);
    connection->gone();
    return;
  }
  wire->setTcpNoDelay(true);
  auto connection = std::make_shared<Connection>(parts_, wire, part.mail);
  part.connections[wire.get()] = connection;
  wire->setRecvMsgCallback([connection, parse = Receiver::of(*wire)](const trantor::TcpConnectionPtr& from, trantor::MsgBuffer* bytes) {
    if (!connection->take(*bytes)) return;
    parse(from, bytes);
    connection->after_parser();
  });
}

std::shared_ptr<Connection> Connections::of(const std::shared_ptr<trantor::TcpConnection>& wire) const {
  if (wire == nullptr) return nullptr;
  const auto& connections = parts_of_loops_.at(wire->getLoop()).connections;
  const auto found = connections.find(wire.get());
  return found == connections.end() ? nullptr : found->second;
}

void Connections::close() {
  for (const auto& [loop, part] : parts_of_loops_) part.mail->close();
}

void Connections::cancel_all(CancelReason reason) {
  for (auto& [loop, part] : parts_of_loops_) {
    loop->queueInLoop([&part, reason] {
      for (const auto& connection : part.all()) connection->cancel(reason);
    });
  }
}

void Connections::tick(trantor::EventLoop* loop) {
  const Instant now = parts_.context.clock->now();
  for (const auto& connection : parts_of_loops_.at(loop).all()) connection->tick(now);
}

}  // namespace forebay::http

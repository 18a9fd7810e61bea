// What Drogon does not keep for us, per connection: which requests are running on it, how many bytes the current message has brought, and
// when to give up. A client that vanishes cancels its requests within a millisecond; headers without end, idle and overdue connections are
// closed. Threads: a Connection is confined to its loop; Connections is shared, each loop touches only its own part. Owner: Server.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/exchange.h"
#include "http/loop_mail.h"

namespace trantor {
class EventLoop;
class MsgBuffer;
class TcpConnection;
}  // namespace trantor

namespace forebay::http {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(ServerParts& parts, const std::shared_ptr<trantor::TcpConnection>& wire, std::shared_ptr<LoopMail> mail);

  // --- messages, in this order for each
  // False: the bytes are not for the HTTP parser any more. Looks at the start of a message only.
  bool take(trantor::MsgBuffer& bytes);
  void head_complete(bool body_follows);
  void message_complete();
  // After the parser has seen the bytes: enforces the limits of head and body.
  void after_parser();

  // --- exchanges
  void add(const ExchangePtr& exchange) { active_.push_back(exchange); }
  void remove(const Exchange* exchange);
  std::size_t active() const { return active_.size(); }
  bool streams() const;

  // --- endings
  // What still comes is thrown away, and the connection closed when the answer has had time to arrive.
  void ignore_the_rest();
  // Answers without the HTTP library, for what it cannot answer.
  void refuse_bytes(const Error& error);
  void drop();
  void gone();
  void cancel(CancelReason reason);
  void tick(Instant now);

  std::uint64_t bytes_sent() const;
  trantor::EventLoop* loop() const { return loop_; }
  const std::shared_ptr<LoopMail>& mail() const { return mail_; }
  const std::string& peer() const { return peer_; }

 private:
  enum class Phase : std::uint8_t { kBetween, kHead, kBody, kIgnoring };
  void check_first_line(trantor::MsgBuffer& bytes);

  ServerParts& parts_;
  std::weak_ptr<trantor::TcpConnection> wire_;
  trantor::EventLoop* loop_;
  std::shared_ptr<LoopMail> mail_;
  std::string peer_;
  Phase phase_ = Phase::kBetween;
  std::uint64_t phase_bytes_from_ = 0;  // received when the phase began
  Instant phase_since_;
  std::vector<ExchangePtr> active_;
};

class Connections {
 public:
  explicit Connections(ServerParts& parts) : parts_(parts) {}
  // Once, before the first connection.
  void begin(const std::vector<trantor::EventLoop*>& loops);
  // Drogon's connection callback: opened or closed.
  void changed(const std::shared_ptr<trantor::TcpConnection>& wire);
  std::shared_ptr<Connection> of(const std::shared_ptr<trantor::TcpConnection>& wire) const;
  // From any thread: every running request is cancelled.
  void cancel_all(CancelReason reason);
  // From any thread, when the loops are about to end: nothing is queued on them any more.
  void close();

 private:
  struct Part {
    std::shared_ptr<LoopMail> mail;
    std::unordered_map<const trantor::TcpConnection*, std::shared_ptr<Connection>> connections;
    std::vector<std::shared_ptr<Connection>> all() const;  // what is done with them may remove them
  };
  void tick(trantor::EventLoop* loop);
  ServerParts& parts_;
  std::unordered_map<trantor::EventLoop*, Part> parts_of_loops_;  // the keys are fixed before the first connection
};

}  // namespace forebay::http

// One request and its answer: what came, who asks, until when, and the ways to answer. Every exchange is answered exactly once: whoever
// comes second (a result after the timeout, a timeout after the result) changes nothing.
// Threads: reading is shared; answer(), refuse(), on_loop() and on_pool() may be called on any thread; streams are confined to the loop.
// Owner: its Connection until it has ended; handlers and completions share it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "accounts/gatekeeper.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/gate.h"
#include "base/synchronized.h"
#include "http/error_writer.h"
#include "http/request_body.h"
#include "http/routes.h"
#include "http/server_parts.h"
#include "http/sse.h"
#include "http/urgency.h"
#include "models/catalog.h"
#include "scheduling/request.h"

namespace drogon {
class HttpRequest;
class HttpResponse;
}  // namespace drogon
namespace forebay::http {

class Connection;
class LoopMail;

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  using Request = std::shared_ptr<drogon::HttpRequest>;
  using Respond = std::function<void(const std::shared_ptr<drogon::HttpResponse>&)>;

  Exchange(std::shared_ptr<ServerParts> parts, const std::shared_ptr<Connection>& connection, const Request& request);
  ~Exchange();

  // --- what came
  const RouteMatch& match() const { return match_; }
  Dialect dialect() const { return dialect_; }
  const std::string& parameter(std::size_t index) const { return match_.parameters.at(index); }
  std::string query(const std::string& name) const;
  std::string_view header(const std::string& lower_case_name) const;
  std::string_view content_type() const;  // lower case, without parameters
  std::string_view body() const;
  const Request& request() const { return request_; }                         // for what the library parses: forms
  std::shared_ptr<const void> body_keeper() const { return body_.keeper(); }  // while it lives, body() stays
  void drop_body() { body_.drop(); }                                          // nobody looks at body() any more
  const std::string& id() const { return id_; }
  const accounts::Principal& principal() const { return principal_; }
  const CancelToken& cancel() const { return cancel_; }
  Instant began() const { return began_; }
  Instant deadline() const { return deadline_.load(); }
  ServerParts& parts() const { return *parts_; }
  // What the request says about itself, before ticket() is asked for. With `partial`, what is finished at the deadline is the answer: it
  // gets a moment to arrive. kMemoryPressure: no time for what is not urgent.
  Result<> set_urgency(const Urgency& urgency, bool partial = false);
  // For the scheduler: the request's id, client, priority, deadline and cancel token.
  scheduling::Ticket ticket() const;

  // --- answering
  void answer(Reply reply);
  void answer_json(std::string body) { answer({.body = std::move(body)}); }
  void refuse(const Error& error);
  bool answered() const { return answered_.load(std::memory_order_acquire); }
  // Starts an event stream: `ready` gets it on the loop thread once the headers are sent. Nothing when already answered.
  void start_stream(std::function<void(EventStream&)> ready);
  EventStream* stream() { return stream_.get(); }
  // The stream is over, or has failed: an error event, and nothing after it. On the loop.
  void end_stream();
  void fail_stream(const Error& error);
  bool ended() const { return ended_; }

  // Kept until the exchange has ended: what computes the answer. Completions that a runner holds must not keep its model alive
  // themselves: the last of them would destroy the runner on the runner's own thread.
  // `counted`: the model that the request's time counts for.
  void keep(std::shared_ptr<void> work, telemetry::ModelMetrics* counted = nullptr);
  // On the loop: runs `then` there, once, when nothing was sent for keep_alive_interval.
  void when_silent(std::function<void()> then) { silent_ = std::move(then); }

  // --- threads
  // The loop, for what is posted there.
  LoopMail& mail() const { return *mail_; }
  // Runs on the request's loop thread, at once when called there; dropped once the server has stopped.
  void on_loop(std::move_only_function<void()> work);
  // Runs on the request pool; refuses the request when the pool is full. Nothing may escape `work`.
  void on_pool(std::move_only_function<void()> work);

  // --- for Connection and Server, on the loop thread
  // Everything that can be refused before the body has come: URL, method, key, limits, lengths.
  Result<> admit(const Request& request);
  Reply options_reply(const Request& request) const;  // CORS preflight, or what the URL allows
  Result<> expect_body(std::uint64_t bytes) { return body_.expect(bytes); }
  void begin(const Request& request, Respond respond);  // the body is there
  bool begun() const { return begun_; }
  void tick(Instant now);  // timeouts and keep-alive comments
  void client_gone(CancelReason reason);
  std::shared_ptr<drogon::HttpResponse> response_of(Reply reply);
  void end();  // counts it, leaves the gate; idempotent

 private:
  void read_head(const drogon::HttpRequest& request);
  void send(Reply reply);
  void add_headers(drogon::HttpResponse& response) const;

  std::shared_ptr<ServerParts> parts_;
  std::weak_ptr<Connection> connection_;
  std::shared_ptr<LoopMail> mail_;
  Request request_;
  RequestBody body_;
  Respond respond_;
  RouteMatch match_;
  Dialect dialect_ = Dialect::kPlain;
  std::string id_;
  std::string trace_id_;  // of the request's traceparent, for the log
  std::string origin_;
  std::string peer_;
  std::string content_type_;
  std::string charset_;
  accounts::Principal principal_;
  CancelToken cancel_;
  Instant began_;
  std::atomic<Instant> deadline_;
  std::atomic<Instant> cutoff_;  // when it is answered with kDeadlinePassed whatever happens
  scheduling::Priority priority_ = scheduling::Priority::kNormal;
  bool old_http_ = false;
  bool begun_ = false;
  bool counted_ = false;
  Gate::Pass pass_;
  std::unique_ptr<EventStream> stream_;
  std::function<void()> silent_;
  struct Kept {
    std::shared_ptr<void> work;
    telemetry::ModelMetrics* counted = nullptr;
    bool ended = false;
  };
  Synchronized<Kept> kept_;
  std::atomic<bool> answered_{false};
  int status_ = 0;
  bool ended_ = false;
};

}  // namespace forebay::http

// One request and its response: what came, the caller, the deadline, and the ways to respond. Every exchange is answered exactly once: the
// second of two answers (a result after the timeout, a timeout after the result) changes nothing.
// Threads: reading is shared; answer(), refuse(), on_loop() and on_pool() may be called on any thread; streams are confined to the loop.
// Owner: its connection until it has responded; handlers and completions share it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "accounts/principal.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/gate.h"
#include "base/synchronized.h"
#include "http/content_coding.h"
#include "http/error_writer.h"
#include "http/inline_runs.h"
#include "http/media_type.h"
#include "http/request_body.h"
#include "http/routes.h"
#include "http/server_parts.h"
#include "http/sse.h"
#include "http/urgency.h"
#include "http/url.h"
#include "http/wire/connection.h"
#include "scheduling/request.h"

namespace forebay::http {

class Exchange : public wire::Receiver, public std::enable_shared_from_this<Exchange> {
 public:
  using Head = std::shared_ptr<const wire::RequestHead>;
  Exchange(std::shared_ptr<ServerParts> parts, const std::shared_ptr<wire::Connection>& connection, std::shared_ptr<InlineRuns> inline_runs,
           Head head);
  ~Exchange() override;

  // --- what came
  const RouteMatch& match() const { return match_; }
  Dialect dialect() const { return match_.dialect; }
  const std::string& parameter(std::size_t index) const { return match_.parameters.at(index); }
  std::string query(std::string_view name) const { return query_.value(name); }
  std::string_view header(std::string_view lower_case_name) const { return head_->field(lower_case_name); }
  std::string_view content_type() const { return media_.type; }  // lower case, without parameters
  bool is_json() const { return media_.is_json(); }
  std::string_view body() const { return body_.view(); }
  std::shared_ptr<const void> body_keeper() const { return body_.keeper(); }  // while it lives, body() stays
  void drop_body() { body_.drop(); }                                          // body() is not needed any more
  const std::string& id() const { return id_; }
  const accounts::Principal& principal() const { return principal_; }
  const CancelToken& cancel() const { return cancel_; }
  Instant deadline() const { return deadline_.load(); }
  ServerParts& parts() const { return *parts_; }
  // Requires: before ticket(). A timeout counts from the end of the body. `partial`: a finished part may be late. kMemoryPressure.
  Result<> set_urgency(const Urgency& urgency, bool partial = false);
  // For the scheduler: the request's id, client, priority, deadline and cancel token.
  scheduling::Ticket ticket() const;
  // --- answering
  void answer(Reply reply);
  void answer_json(std::string body) { answer({.body = std::move(body)}); }
  // The error of a body that is not JSON is told with what was sent instead.
  void refuse(const Error& found);
  bool answered() const { return answered_.load(std::memory_order_acquire); }
  // Starts an event stream: `ready` gets it on the loop thread once the headers are sent. Nothing when already answered.
  void start_stream(const std::function<void(EventStream&)>& ready);
  EventStream* stream() { return stream_.get(); }
  // The stream is over, or has failed: an error event, and nothing after it. On the loop.
  void end_stream();
  void fail_stream(const Error& error);
  bool ended() const { return ended_; }

  // Keeps `work` alive until the exchange has ended. A completion that a runner holds must not own a lease: while it waits, the model could
  // not end. The request updates the latency metric of `counted`.
  void keep(std::shared_ptr<void> work, telemetry::ModelMetrics* counted = nullptr);
  void keep(const models::Lease& model, telemetry::ModelMetrics* counted = nullptr) { keep(model.keeper(), counted); }
  // On the loop: runs `then` there, once, when nothing was sent for keep_alive_interval.
  void when_silent(std::function<void()> then) { silent_ = std::move(then); }
  // --- threads
  InlineRuns& inline_runs() const { return *inline_runs_; }
  // Runs on the request's loop thread, at once when called there; dropped once the server has stopped.
  void on_loop(std::move_only_function<void()> work);
  // Runs on the request pool; refuses the request when the pool is full. Nothing may escape `work`.
  void on_pool(std::move_only_function<void()> work);
  // --- for Server, on the loop thread
  // Admits the request, or answers it at once. Pauses its body while the authenticator waits.
  void begin();

  // --- wire::Receiver, on the loop thread
  void body_piece(std::string_view bytes) override;
  void body_complete() override;
  void body_broken(const Error& error) override { refuse(error); }
  void client_gone(CancelReason reason) override;
  void tick(Instant now) override;  // timeouts and keep-alive comments

 private:
  Result<> check_head();
  void authenticated(Result<accounts::Principal> found);
  Result<> admit(Result<accounts::Principal> found);
  Result<> grow_body(std::uint64_t bytes);
  void decode_body();
  void run_handler();
  Reply options_reply() const;
  void send(Reply reply);
  wire::Response response_of(Reply reply);
  void add_fields(wire::Response& response) const;
  void end();  // counts it, leaves the gate; idempotent
  void log_end(double seconds) const;

  std::shared_ptr<ServerParts> parts_;
  std::weak_ptr<wire::Connection> connection_;
  std::shared_ptr<wire::EventLoop> loop_;
  std::shared_ptr<InlineRuns> inline_runs_;
  Head head_;
  RequestBody body_;
  Query query_;
  MediaType media_;
  ContentCoding coding_ = ContentCoding::kNone;
  RouteMatch match_;
  std::string id_;
  std::string trace_id_;  // of the request's traceparent, for the log
  std::string_view origin_;
  std::string peer_;
  accounts::Principal principal_;
  CancelToken cancel_;
  Instant began_;                 // the head was here
  std::atomic<Instant> arrived_;  // the whole request was here: the time of an upload is not the time of the answer
  std::atomic<Instant> deadline_;
  std::atomic<Instant> cutoff_;  // when it is answered with kDeadlinePassed whatever happens
  scheduling::Priority priority_ = scheduling::Priority::kNormal;
  bool admitted_ = false;
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
  std::uint64_t body_bytes_ = 0;  // received
  int status_ = 0;
  bool ended_ = false;
};

}  // namespace forebay::http

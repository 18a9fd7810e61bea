#include "http/exchange.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "base/ids.h"
#include "base/log.h"
#include "http/admission.h"
#include "http/errors.h"
#include "http/sent_body.h"
#include "http/wire/event_loop.h"

namespace forebay::http {

namespace {

// How long the finished part of an answer may take to arrive after the deadline: a step of the engine is far shorter.
constexpr auto kPartialGrace = std::chrono::seconds(2);

class ConnectionWriter final : public StreamWriter {
 public:
  explicit ConnectionWriter(std::shared_ptr<wire::Connection> connection) : connection_(std::move(connection)) {}
  bool write(const std::string& bytes) override {
    connection_->write_piece(bytes);
    return connection_->is_open();
  }
  std::uint64_t unsent() const override { return connection_->unsent_bytes(); }
  void close() override { connection_->end_stream(); }

 private:
  std::shared_ptr<wire::Connection> connection_;
};

// A preflight asks for the header names that the page wants to send: they are echoed, if they are names.
bool are_header_names(std::string_view text) {
  constexpr std::size_t kNamesBytesMax = 4'096;
  return !text.empty() && text.size() <= kNamesBytesMax && std::ranges::all_of(text, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == ',' || c == ' ';
  });
}

}  // namespace

Exchange::Exchange(std::shared_ptr<ServerParts> parts, const std::shared_ptr<wire::Connection>& connection,
                   std::shared_ptr<InlineRuns> inline_runs, Head head)
    : parts_(std::move(parts)),
      connection_(connection),
      loop_(connection->loop()),
      inline_runs_(std::move(inline_runs)),
      head_(std::move(head)),
      body_(parts_->bodies),
      media_(read_media_type(head_->field("content-type"))),
      origin_(head_->field("origin")),
      peer_(connection->peer()),
      began_(parts_->context.clock->now()),
      arrived_(began_),
      deadline_(began_ + parts_->options.request_timeout),
      cutoff_(deadline_.load()) {
  const std::string wanted_id(head_->field("x-request-id"));
  id_ = is_harmless_id(wanted_id) ? wanted_id : make_id("req");
  trace_id_ = trace_id_of(std::string(head_->field("traceparent")));
  match_ = find_route(head_->method() == "HEAD" ? "GET" : head_->method(), head_->path());
}

Exchange::~Exchange() {
  if (counted_) --parts_->in_flight;
}

// --- the request

void Exchange::begin() {
  if (head_->method() == "OPTIONS") return answer(options_reply());
  if (auto checked = check_head(); !checked) return refuse(checked.error());
  if (match_.route->action == accounts::Action::kHealth) return authenticated(accounts::Principal{});
  auto done = [self = shared_from_this()](Result<accounts::Principal> found) {
    self->on_loop([self, found = std::move(found)]() mutable { self->authenticated(std::move(found)); });
  };
  parts_->context.authenticator->authenticate(credentials_of(*head_, peer_), std::move(done));
  if (admitted_ || answered()) return;
  if (const auto connection = connection_.lock()) connection->pause_body();
}

Result<> Exchange::check_head() {
  TRY(check_route(*head_, match_));
  TRY_ASSIGN(query_, Query::read(head_->query()));
  return check_caller(*head_, *match_.route, parts_->callers);
}

void Exchange::authenticated(Result<accounts::Principal> found) {
  if (answered()) return;  // too late
  if (auto admitted = admit(std::move(found)); !admitted) return refuse(admitted.error());
  admitted_ = true;
  if (const auto connection = connection_.lock()) connection->resume_body();
}

Result<> Exchange::admit(Result<accounts::Principal> found) {
  TRY_ASSIGN(principal_, std::move(found));
  const Route& route = *match_.route;
  TRY(accounts::allowed(principal_, route.action));
  if (route.action != accounts::Action::kHealth) {
    const bool is_admin = route.action == accounts::Action::kAdminister;
    if (parts_->draining.load()) return fail(Error(kShuttingDown, "the server is draining").with_retry_after(std::chrono::seconds(5)));
    TRY_ASSIGN(pass_, parts_->gate.enter());
    // Looking at the server is always allowed.
    if (route.body != Body::kNone && !is_admin) TRY(check_pressure(parts_->context.pressure, scheduling::Priority::kHigh));
    counted_ = true;
    const std::uint32_t in_flight = ++parts_->in_flight;
    parts_->context.serving_metrics->in_flight.set(in_flight);
    if (in_flight > parts_->options.concurrent_requests_max && !is_admin) {
      return fail(Error(kTooBusy, fmt::format("{} requests are in flight", parts_->options.concurrent_requests_max))
                      .with_retry_after(std::chrono::seconds(1)));
    }
  }
  TRY(check_body(*head_, route, media_, parts_->options));
  TRY_ASSIGN(coding_, coding_of(head_->field("content-encoding")));
  return grow_body(head_->content_length().value_or(0));
}

Reply Exchange::options_reply() const {
  if (match_.malformed) return error_reply(Error(kBadEscape, "the URL's path has a broken escape"), dialect(), id_);
  if (match_.allow.empty() && head_->target() != "*")
    return error_reply(Error(kRouteNotFound, "there is nothing at this URL"), dialect(), id_);
  Reply reply{.status = 204, .content_type = "", .body = {}};
  if (!match_.allow.empty()) reply.headers.emplace_back("Allow", match_.allow);
  if (head_->field("access-control-request-method").empty() || !parts_->callers.has_cors(origin_)) return reply;
  reply.headers.emplace_back("Access-Control-Allow-Methods", match_.allow);
  if (const auto names = head_->field("access-control-request-headers"); are_header_names(names))
    reply.headers.emplace_back("Access-Control-Allow-Headers", std::string(names));
  reply.headers.emplace_back("Access-Control-Max-Age", "86400");
  return reply;
}

Result<> Exchange::grow_body(std::uint64_t bytes) {
  const std::uint64_t most = std::min(parts_->options.body_bytes_max, parts_->options.bodies_bytes_max);
  if (bytes > most) return fail(kBodyTooLarge, fmt::format("the body is larger than the {} bytes that are allowed", most));
  return body_.expect(bytes);
}

void Exchange::body_piece(std::string_view bytes) {
  if (answered()) return;
  body_bytes_ += bytes.size();
  if (auto room = grow_body(body_bytes_); !room) return refuse(room.error());
  body_.append(bytes);
}

void Exchange::body_complete() {
  if (answered()) return;
  arrived_ = parts_->context.clock->now();
  cutoff_ = deadline_ = arrived_.load() + parts_->options.request_timeout;
  if (coding_ == ContentCoding::kNone || body().empty()) return run_handler();
  on_pool([self = shared_from_this()] { self->decode_body(); });
}

// On the request pool: a small body may become a large one.
void Exchange::decode_body() {
  auto decoded = decoded_body(body(), coding_, [this](std::uint64_t bytes) -> Result<> {
    if (cancel_.cancelled()) return fail(cancel_.error());
    return grow_body(bytes);
  });
  if (!decoded) return refuse(decoded.error());
  body_.replace(*std::move(decoded));
  on_loop([self = shared_from_this()] {
    if (!self->answered()) self->run_handler();
  });
}

void Exchange::run_handler() {
  try {
    match_.route->handler(shared_from_this());
  } catch (const std::exception& failure) {  // Out of memory, at most: our own code does not throw.
    refuse(Error(kInternalError, "the request could not be handled").with_context(failure.what()));
  }
}

scheduling::Ticket Exchange::ticket() const {
  return {.request_id = id_,
          .client = principal_.id,
          .cache_scope = principal_.cache_scope,
          .priority = priority_,
          .deadline = deadline(),
          .cancel = cancel_};
}

Result<> Exchange::set_urgency(const Urgency& urgency, bool partial) {
  priority_ = urgency.priority;
  if (urgency.timeout) deadline_ = std::min(deadline(), arrived_.load() + *urgency.timeout);
  cutoff_ = partial ? deadline() + kPartialGrace : deadline();
  return check_pressure(parts_->context.pressure, priority_);
}

// --- the response

void Exchange::answer(Reply reply) {
  if (answered_.exchange(true)) return;
  on_loop([self = shared_from_this(), reply = std::move(reply)]() mutable { self->send(std::move(reply)); });
}

void Exchange::refuse(const Error& found) {
  if (answered()) return;
  const Error error = is_about_body(found) ? with_what_was_sent(found, body(), header("content-type")) : found;
  if (error.kind() == ErrorKind::kInternal || error.kind() == ErrorKind::kDataLoss) {
    log::error(
        error.to_log_string(),
        {{"request_id", id_}, {"trace_id", trace_id_}, {"route", match_.route == nullptr ? "none" : std::string(match_.route->name)}});
  } else {
    log::debug(error.to_log_string(), {{"request_id", id_}});
  }
  parts_->count(error);
  answer(error_reply(error, dialect(), id_));
}

void Exchange::send(Reply reply) {
  if (ended_) return;
  auto response = response_of(std::move(reply));
  const auto connection = connection_.lock();
  end();
  if (connection == nullptr) return;
  if (parts_->draining.load()) connection->close_after_response();
  connection->respond(std::move(response));
}

wire::Response Exchange::response_of(Reply reply) {
  status_ = reply.status;
  wire::Response response{.status = reply.status, .fields = {}, .body = std::move(reply.body)};
  if (!reply.content_type.empty()) response.fields.emplace_back("Content-Type", std::move(reply.content_type));
  if (!match_.allow.empty() && reply.status == 405) response.fields.emplace_back("Allow", match_.allow);
  for (auto& field : reply.headers) response.fields.push_back(std::move(field));
  add_fields(response);
  return response;
}

void Exchange::add_fields(wire::Response& response) const {
  response.fields.emplace_back("X-Request-Id", id_);
  response.fields.emplace_back("X-Content-Type-Options", "nosniff");
  const auto& callers = parts_->callers;
  if (!callers.has_cors(origin_)) return;
  response.fields.emplace_back("Access-Control-Allow-Origin", callers.any_origin() ? "*" : std::string(origin_));
  response.fields.emplace_back("Access-Control-Expose-Headers",
                               "X-Request-Id, Retry-After, Server-Timing, Inference-Header-Content-Length");
  if (!callers.any_origin()) response.fields.emplace_back("Vary", "Origin");
}

void Exchange::start_stream(const std::function<void(EventStream&)>& ready) {
  const auto connection = connection_.lock();
  if (connection == nullptr || ended_ || answered_.exchange(true)) return;
  const std::weak_ptr<Exchange> weak = weak_from_this();
  stream_ =
      std::make_unique<EventStream>(std::make_unique<ConnectionWriter>(connection), parts_->options, parts_->context.clock->now(), [weak] {
        const auto slow = weak.lock();
        if (slow == nullptr) return;
        slow->parts_->context.serving_metrics->count_error(kSlowReader.id());
        log::info("a reader too slow for its stream was dropped", {{"request_id", slow->id_}});
        slow->client_gone(CancelReason::kSlowReader);
        if (const auto connection_now = slow->connection_.lock()) connection_now->drop();
      });
  status_ = 200;
  wire::Response head;
  head.fields.emplace_back("Content-Type", "text/event-stream");
  head.fields.emplace_back("Cache-Control", "no-cache");
  head.fields.emplace_back("X-Accel-Buffering", "no");  // nginx: do not collect the events
  add_fields(head);
  if (parts_->draining.load()) connection->close_after_response();
  connection->begin_stream(head);
  ready(*stream_);
}

void Exchange::fail_stream(const Error& error) {
  if (stream_ == nullptr) return;
  parts_->count(error);
  JsonWriter json;
  write_error(json, error, dialect(), id_);
  stream_->send(json.take(), parts_->context.clock->now());
  end_stream();
}

void Exchange::end_stream() { end(); }

void Exchange::keep(std::shared_ptr<void> work, telemetry::ModelMetrics* counted) {
  auto kept = kept_.lock();
  kept->counted = counted;
  if (!kept->ended) std::swap(kept->work, work);
}

// --- threads and time

void Exchange::on_loop(std::move_only_function<void()> work) {
  if (loop_->is_here()) return work();
  loop_->post(std::move(work));
}

void Exchange::on_pool(std::move_only_function<void()> work) {
  auto posted = parts_->context.request_pool->post(std::move(work));
  if (!posted) refuse(Error(posted.error()).with_retry_after(std::chrono::seconds(1)));
}

void Exchange::tick(Instant now) {
  if (ended_) return;
  const auto silence = parts_->options.keep_alive_interval;
  if (stream_ != nullptr) stream_->tick(now);
  if (silent_ && !answered() && silence.count() > 0 && now - arrived_.load() >= silence) std::exchange(silent_, nullptr)();
  if (now < cutoff_.load() || ended_) return;
  const Error late(kDeadlinePassed, fmt::format("the request took longer than {} ms",
                                                std::chrono::ceil<std::chrono::milliseconds>(deadline() - arrived_.load()).count()));
  cancel_.cancel(CancelReason::kDeadline);
  if (stream_ != nullptr) return fail_stream(late);
  refuse(late);
}

void Exchange::client_gone(CancelReason reason) {
  if (ended_) return;
  cancel_.cancel(reason);
  if (stream_ != nullptr && reason == CancelReason::kShutdown) return fail_stream(cancel_.error());
  if (reason == CancelReason::kShutdown) return refuse(cancel_.error());
  answered_.store(true);
  status_ = 499;
  end();
}

void Exchange::end() {
  if (std::exchange(ended_, true)) return;
  std::shared_ptr<void> work;
  const std::chrono::duration<double> took = parts_->context.clock->now() - began_;
  parts_->context.serving_metrics->count_request(match_.route == nullptr ? "none" : std::string(match_.route->name), status_, took.count());
  log_end(took.count());
  if (std::exchange(counted_, false)) parts_->context.serving_metrics->in_flight.set(--parts_->in_flight);
  pass_ = {};
  {
    auto kept = kept_.lock();
    kept->ended = true;
    std::swap(work, kept->work);
    if (kept->counted != nullptr && status_ == 200) kept->counted->request_seconds.observe(took.count());
  }
  silent_ = nullptr;
  if (stream_ != nullptr) stream_->close();
}

// Probes come every few seconds, for ever: they are logged at debug.
void Exchange::log_end(double seconds) const {
  const bool probe = match_.route != nullptr && match_.route->action == accounts::Action::kHealth;
  const auto level = probe ? log::Level::kDebug : log::Level::kInfo;
  if (log::level() > level) return;
  const std::string line =
      fmt::format("{} {} {} in {:.1f} ms", head_->method().substr(0, 20), head_->path().substr(0, 200), status_, seconds * 1000);
  const std::string& client = principal_.id.empty() ? peer_ : principal_.id;
  if (trace_id_.empty())
    log::write(level, line, {{"request_id", id_}, {"client", client}, {"body_bytes", std::to_string(body_bytes_)}});
  else
    log::write(level, line,
               {{"request_id", id_}, {"trace_id", trace_id_}, {"client", client}, {"body_bytes", std::to_string(body_bytes_)}});
}

}  // namespace forebay::http

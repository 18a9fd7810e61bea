#include "http/exchange.h"

#include <drogon/HttpRequest.h>
#include <drogon/HttpResponse.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/errors.h"
#include "base/ids.h"
#include "base/log.h"
#include "http/connections.h"
#include "http/errors.h"
#include "http/loop_mail.h"

namespace forebay::http {

namespace {

// How long the finished part of an answer may take to arrive after the deadline: a step of the engine is far shorter.
constexpr auto kPartialGrace = std::chrono::seconds(2);

// What ResponseStream puts around a piece: its length in hexadecimal and two line ends.
std::size_t framed(std::size_t bytes) { return bytes + fmt::formatted_size("{:x}", bytes) + 4; }

class DrogonWriter final : public StreamWriter {
 public:
  DrogonWriter(drogon::ResponseStreamPtr stream, std::shared_ptr<Connection> connection)
      : stream_(std::move(stream)), connection_(std::move(connection)), sent_before_(connection_->bytes_sent()) {}
  bool write(const std::string& bytes) override {
    handed_over_ += framed(bytes.size());
    return stream_->send(bytes);
  }
  std::uint64_t unsent() const override {
    const std::uint64_t sent = connection_->bytes_sent() - sent_before_;
    return handed_over_ > sent ? handed_over_ - sent : 0;
  }
  void close() override { stream_->close(); }

 private:
  drogon::ResponseStreamPtr stream_;
  std::shared_ptr<Connection> connection_;
  std::uint64_t sent_before_;
  std::uint64_t handed_over_ = 0;
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// "application/json; charset=UTF-8" -> the type and its charset, lower case.
struct MediaType {
  std::string type;
  std::string charset;
};
MediaType media_type(std::string_view header) {
  const auto semicolon = header.find(';');
  MediaType media{lower(trimmed(header.substr(0, semicolon))), {}};
  const std::string rest = semicolon == std::string_view::npos ? "" : lower(header.substr(semicolon));
  if (const auto at = rest.find("charset="); at != std::string::npos) {
    media.charset = rest.substr(at + 8, rest.find(';', at) - at - 8);
    std::erase(media.charset, '"');
    media.charset = trimmed(media.charset);
  }
  return media;
}

// By names that are made once: HttpRequest::getHeader makes one for every call.
const std::string& header_of(const drogon::HttpRequest& request, const std::string& lower_case_name) {
  static const std::string kNone;
  const auto found = request.headers().find(lower_case_name);
  return found == request.headers().end() ? kNone : found->second;
}
const std::string kAuthorization = "authorization";
const std::string kApiKey = "x-api-key";
const std::string kContentEncodingName = "content-encoding";
const std::string kContentLength = "content-length";
const std::string kContentTypeName = "content-type";
const std::string kOrigin = "origin";
const std::string kRequestId = "x-request-id";
const std::string kTraceParent = "traceparent";
const std::string kTransferEncoding = "transfer-encoding";

Result<std::uint64_t> content_length(const drogon::HttpRequest& request) {
  const std::string& length = header_of(request, kContentLength);
  if (length.empty()) return 0;
  std::uint64_t bytes = 0;
  const auto read = std::from_chars(length.data(), length.data() + length.size(), bytes);
  if (read.ec != std::errc() || read.ptr != length.data() + length.size()) return fail(kAmbiguousLength, "Content-Length is not a number");
  if (!header_of(request, kTransferEncoding).empty()) return fail(kAmbiguousLength, "both Content-Length and Transfer-Encoding are there");
  return bytes;
}

}  // namespace

Exchange::Exchange(std::shared_ptr<ServerParts> parts, const std::shared_ptr<Connection>& connection, const Request& request)
    : parts_(std::move(parts)),
      connection_(connection),
      mail_(connection->mail()),
      body_(parts_->bodies),
      peer_(connection->peer()),
      began_(parts_->context.clock->now()),
      deadline_(began_ + parts_->options.request_timeout),
      cutoff_(deadline_.load()) {
  read_head(*request);
}

Exchange::~Exchange() {
  if (counted_) --parts_->in_flight;
}

void Exchange::read_head(const drogon::HttpRequest& request) {
  const std::string& wanted_id = header_of(request, kRequestId);
  id_ = is_harmless_id(wanted_id) ? wanted_id : make_id("req");
  trace_id_ = trace_id_of(header_of(request, kTraceParent));
  origin_ = header_of(request, kOrigin);
  auto media = media_type(header_of(request, kContentTypeName));
  content_type_ = std::move(media.type);
  charset_ = std::move(media.charset);
  old_http_ = request.version() == drogon::Version::kHttp10;
  const std::string& path = request.getOriginalPath();
  dialect_ = dialect_of(path);
  match_ = find_route(request.isHead() ? "GET" : request.methodString(), path);
  if (match_.route != nullptr) dialect_ = match_.route->dialect;
}

Result<> Exchange::admit(const Request& request) {
  TRY_ASSIGN(const auto length, content_length(*request));
  const Route* route = match_.route;
  if (route == nullptr && match_.allow.empty())
    return fail(kRouteNotFound, fmt::format("there is nothing at {}", request->getOriginalPath().substr(0, 200)));
  if (route == nullptr)
    return fail(Error(kMethodNotAllowed, fmt::format("this URL takes {}", match_.allow)).with_hint(fmt::format("use {}", match_.allow)));
  principal_ = {.client = peer_, .authenticated = false};
  if (route->access != Access::kPublic) {
    const bool is_admin = route->access == Access::kAdmin;
    if (is_admin) TRY(parts_->context.gatekeeper->check_keyed());
    TRY_ASSIGN(principal_,
               parts_->context.gatekeeper->admit(
                   {.authorization = header_of(*request, kAuthorization), .api_key = header_of(*request, kApiKey), .peer_address = peer_}));
    if (parts_->draining.load()) return fail(Error(kShuttingDown, "the server is draining").with_retry_after(std::chrono::seconds(5)));
    TRY_ASSIGN(pass_, parts_->gate.enter());
    // Looking at the server is always allowed.
    if (route->body != Body::kNone && !is_admin) TRY(check_pressure(parts_->context.pressure, scheduling::Priority::kHigh));
    counted_ = true;
    const std::uint32_t in_flight = ++parts_->in_flight;
    parts_->context.serving_metrics->in_flight.set(in_flight);
    if (in_flight > parts_->options.concurrent_requests_max && !is_admin) {
      return fail(Error(kTooBusy, fmt::format("{} requests are in flight", parts_->options.concurrent_requests_max))
                      .with_retry_after(std::chrono::seconds(1)));
    }
  }
  if (length > parts_->options.body_bytes_max) {
    return fail(kBodyTooLarge, fmt::format("the body has {} bytes, and {} are allowed", length, parts_->options.body_bytes_max));
  }
  TRY(expect_body(length));
  if (route->body == Body::kNone) return {};
  const std::string encoding = lower(header_of(*request, kContentEncodingName));
  if (!encoding.empty() && encoding != "identity")
    return fail(kContentEncoding, fmt::format("Content-Encoding {} is not taken", encoding.substr(0, 40)));
  if (!charset_.empty() && charset_ != "utf-8" && charset_ != "utf8") {
    return fail(kContentType, fmt::format("charset {} is not taken, only utf-8", charset_.substr(0, 40)));
  }
  if (route->body == Body::kJson && !content_type_.empty() && content_type_ != "application/json" && !content_type_.ends_with("+json")) {
    return fail(kContentType, fmt::format("Content-Type {} is not taken here", content_type_.substr(0, 80)));
  }
  return {};
}

Reply Exchange::options_reply(const Request& request) const {
  if (match_.allow.empty()) return error_reply(Error(kRouteNotFound, "there is nothing at this URL"), dialect_, id_);
  Reply reply{.status = 204, .content_type = "", .body = {}};
  reply.headers.emplace_back("Allow", match_.allow);
  if (origin_.empty() || request->getHeader("access-control-request-method").empty()) return reply;
  reply.headers.emplace_back("Access-Control-Allow-Methods", match_.allow);
  reply.headers.emplace_back(
      "Access-Control-Allow-Headers",
      "Authorization, Content-Type, X-API-Key, X-Request-Id, Inference-Header-Content-Length, OpenAI-Organization, OpenAI-Project");
  reply.headers.emplace_back("Access-Control-Max-Age", "86400");
  return reply;
}

void Exchange::begin(const Request& request, Respond respond) {
  request_ = request;
  body_.arrived(request);
  respond_ = std::move(respond);
  begun_ = true;
  if (body().size() > parts_->options.body_bytes_max) {
    return refuse(
        Error(kBodyTooLarge, fmt::format("the body has {} bytes, and {} are allowed", body().size(), parts_->options.body_bytes_max)));
  }
  try {
    match_.route->handler(shared_from_this());
  } catch (const std::exception& failure) {  // Out of memory, at most: our own code does not throw.
    refuse(Error(kInternalError, "the request could not be handled").with_context(failure.what()));
  }
}

std::string Exchange::query(const std::string& name) const { return request_->getParameter(name); }
std::string_view Exchange::header(const std::string& lower_case_name) const { return request_->getHeader(lower_case_name); }
std::string_view Exchange::content_type() const { return content_type_; }
std::string_view Exchange::body() const { return request_->body(); }

scheduling::Ticket Exchange::ticket() const {
  return {.request_id = id_,
          .client = principal_.client,
          .cache_scope = principal_.cache_scope,
          .priority = priority_,
          .deadline = deadline(),
          .cancel = cancel_};
}

Result<> Exchange::set_urgency(const Urgency& urgency, bool partial) {
  priority_ = urgency.priority;
  if (urgency.timeout) deadline_ = std::min(deadline(), began_ + *urgency.timeout);
  cutoff_ = partial ? deadline() + kPartialGrace : deadline();
  return check_pressure(parts_->context.pressure, priority_);
}

void Exchange::answer(Reply reply) {
  if (answered_.exchange(true)) return;
  on_loop([self = shared_from_this(), reply = std::move(reply)]() mutable { self->send(std::move(reply)); });
}

void Exchange::refuse(const Error& error) {
  if (answered()) return;
  if (error.kind() == ErrorKind::kInternal || error.kind() == ErrorKind::kDataLoss) {
    log::error(
        error.to_log_string(),
        {{"request_id", id_}, {"trace_id", trace_id_}, {"route", match_.route == nullptr ? "none" : std::string(match_.route->name)}});
  } else {
    log::debug(error.to_log_string(), {{"request_id", id_}});
  }
  parts_->count(error);
  answer(error_reply(error, dialect_, id_));
}

void Exchange::send(Reply reply) {
  if (ended_) return;
  auto response = response_of(std::move(reply));
  if (const auto respond = std::exchange(respond_, nullptr)) respond(response);
  end();
}

std::shared_ptr<drogon::HttpResponse> Exchange::response_of(Reply reply) {
  auto response = drogon::HttpResponse::newHttpResponse();
  status_ = reply.status;
  if (const auto word = drogon::statusCodeToString(reply.status); reply.status == 499 || word.empty())
    response->setCustomStatusCode(reply.status, "Client Closed Request");
  else
    response->setStatusCode(static_cast<drogon::HttpStatusCode>(reply.status));
  if (!reply.content_type.empty()) response->setContentTypeString(reply.content_type);
  if (!match_.allow.empty() && reply.status == 405) response->addHeader("Allow", match_.allow);
  for (auto& [name, value] : reply.headers) response->addHeader(name, std::move(value));
  add_headers(*response);
  response->setBody(std::move(reply.body));
  return response;
}

void Exchange::add_headers(drogon::HttpResponse& response) const {
  response.addHeader("X-Request-Id", id_);
  response.addHeader("X-Content-Type-Options", "nosniff");
  const auto& origins = parts_->options.cors_origins;
  if (origin_.empty() || origins.empty()) return;
  const bool any = std::ranges::find(origins, "*") != origins.end();
  if (!any && std::ranges::find(origins, origin_) == origins.end()) return;
  response.addHeader("Access-Control-Allow-Origin", any ? "*" : origin_);
  response.addHeader("Access-Control-Expose-Headers", "X-Request-Id, Retry-After, Server-Timing, Inference-Header-Content-Length");
  if (!any) response.addHeader("Vary", "Origin");
}

void Exchange::start_stream(std::function<void(EventStream&)> ready) {
  const auto connection = connection_.lock();
  if (connection == nullptr || ended_) return;
  if (old_http_ || connection->active() > 1) return refuse(Error(kStreamNeedsHttp11, "this connection cannot carry a stream"));
  if (answered_.exchange(true)) return;
  const std::weak_ptr<Exchange> weak = weak_from_this();
  auto response = drogon::HttpResponse::newAsyncStreamResponse(
      [weak, ready = std::move(ready)](drogon::ResponseStreamPtr stream) {
        const auto self = weak.lock();
        const auto wire = self == nullptr ? nullptr : self->connection_.lock();
        if (wire == nullptr || self->ended_) return;
        self->stream_ = std::make_unique<EventStream>(
            std::make_unique<DrogonWriter>(std::move(stream), wire), self->parts_->options, self->parts_->context.clock->now(), [weak] {
              const auto slow = weak.lock();
              if (slow == nullptr) return;
              slow->parts_->context.serving_metrics->count_error(kSlowReader.id());
              log::info("a reader too slow for its stream was dropped", {{"request_id", slow->id_}});
              slow->cancel_.cancel(CancelReason::kSlowReader);
              if (const auto connection_now = slow->connection_.lock()) connection_now->drop();
            });
        ready(*self->stream_);
      },
      true);
  status_ = 200;
  response->setContentTypeString("text/event-stream");
  response->addHeader("Cache-Control", "no-cache");
  response->addHeader("X-Accel-Buffering", "no");  // nginx: do not collect the events
  add_headers(*response);
  if (const auto respond = std::exchange(respond_, nullptr)) respond(response);
}

void Exchange::fail_stream(const Error& error) {
  if (stream_ == nullptr) return;
  parts_->count(error);
  JsonWriter json;
  write_error(json, error, dialect_, id_);
  stream_->send(json.take(), parts_->context.clock->now());
  end_stream();
}

void Exchange::end_stream() { end(); }

void Exchange::on_loop(std::move_only_function<void()> work) {
  if (mail_->is_here()) return work();
  mail_->post(std::move(work));
}

void Exchange::on_pool(std::move_only_function<void()> work) {
  auto posted = parts_->context.request_pool->post(std::move(work));
  if (!posted) refuse(Error(posted.error()).with_retry_after(std::chrono::seconds(1)));
}

void Exchange::keep(std::shared_ptr<void> work, telemetry::ModelMetrics* counted) {
  auto kept = kept_.lock();
  kept->counted = counted;
  if (!kept->ended) std::swap(kept->work, work);
}

void Exchange::tick(Instant now) {
  if (ended_) return;
  const auto silence = parts_->options.keep_alive_interval;
  if (stream_ != nullptr) stream_->tick(now);
  if (silent_ && !answered() && silence.count() > 0 && now - began_ >= silence) std::exchange(silent_, nullptr)();
  if (now < cutoff_.load() || ended_) return;
  const Error late(kDeadlinePassed, fmt::format("the request took longer than {} ms",
                                                std::chrono::ceil<std::chrono::milliseconds>(deadline() - began_).count()));
  cancel_.cancel(CancelReason::kDeadline);
  if (stream_ != nullptr) return fail_stream(late);
  if (begun()) return refuse(late);
  if (const auto connection = connection_.lock()) connection->refuse_bytes(late);
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
  const auto self = shared_from_this();  // the connection lets go below
  std::shared_ptr<void> work;
  const std::chrono::duration<double> took = parts_->context.clock->now() - began_;
  parts_->context.serving_metrics->count_request(match_.route == nullptr ? "none" : std::string(match_.route->name), status_, took.count());
  if (log::level() == log::Level::kDebug)
    log::debug("request", {{"request_id", id_},
                           {"trace_id", trace_id_},
                           {"route", match_.route == nullptr ? "none" : std::string(match_.route->name)},
                           {"status", std::to_string(status_)}});
  if (std::exchange(counted_, false)) parts_->context.serving_metrics->in_flight.set(--parts_->in_flight);
  pass_ = {};
  {
    auto kept = kept_.lock();
    kept->ended = true;
    std::swap(work, kept->work);
    if (kept->counted != nullptr && status_ == 200) kept->counted->request_seconds.observe(took.count());
  }
  silent_ = nullptr;
  respond_ = nullptr;  // it holds the connection, which must not end on another thread
  if (stream_ != nullptr) stream_->close();
  if (const auto connection = connection_.lock()) connection->remove(this);
}

}  // namespace forebay::http

#include "http/server.h"

#include <condition_variable>
#include <ranges>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/executor.h"
#include "base/ids.h"
#include "base/log.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/server_parts.h"
#include "http/wire/certificate.h"
#include "http/wire/connection.h"
#include "http/wire/event_loop.h"
#include "http/wire/listener.h"

namespace forebay::http {

namespace {

constexpr auto kTick = std::chrono::milliseconds(50);
constexpr int kTicksBetweenCertificateChecks = 100;
// Responses that say that the server ends may take this long to be written.
constexpr auto kGoodbye = std::chrono::seconds(2);

HttpOptions with_defaults(HttpOptions options) {
  if (options.host == "localhost") options.host = "127.0.0.1";
  constexpr std::size_t kUsualLoopsMax = 16;
  if (options.loop_threads == 0) options.loop_threads = static_cast<std::uint32_t>(std::min(usable_cores(), kUsualLoopsMax));
  if (options.bodies_bytes_max == 0) {
    constexpr std::uint64_t kUsualMost = std::uint64_t{1} << 30;
    options.bodies_bytes_max = std::max(options.body_bytes_max, std::min(usable_memory_bytes() / 8, kUsualMost));
  }
  return options;
}

// What one loop owns. Confined to it.
struct LoopParts {
  std::shared_ptr<wire::EventLoop> loop;
  std::shared_ptr<InlineRuns> inline_runs;
  std::unordered_map<const wire::Connection*, std::shared_ptr<wire::Connection>> connections;
  Instant close_at;  // while stopping
  bool stopping = false;
  int ticks = 0;

  // A copy, because connections leave the table while they are called.
  std::vector<std::shared_ptr<wire::Connection>> all() const { return {std::from_range, std::views::values(connections)}; }
};

}  // namespace

struct Server::State final : wire::Application {
  State(const HttpOptions& options, const ServerContext& context) : parts(std::make_shared<ServerParts>(options, context)) {
    parts->started = parts->context.clock->now();
    for (std::uint32_t i = 0; i < options.loop_threads; ++i) {
      auto& one = *loops.emplace_back(std::make_unique<LoopParts>());
      one.loop = std::make_shared<wire::EventLoop>();
      one.inline_runs = std::make_shared<InlineRuns>(one.loop);
      by_loop[one.loop.get()] = &one;
    }
  }

  // --- wire::Application, on the loop of the connection
  std::shared_ptr<wire::Receiver> begin(const std::shared_ptr<wire::Connection>& connection,
                                        const std::shared_ptr<const wire::RequestHead>& head) override;
  wire::Response refuse(const Error& error, std::string_view target) override;
  void closed(const wire::Connection& connection) override;

  void accepted(std::unique_ptr<wire::Transport> transport, LoopParts& loop);
  void tick(LoopParts& loop);
  void stop_loop(LoopParts& loop);
  void stop();

  std::shared_ptr<ServerParts> parts;  // exchanges may outlive the server: their results are still being computed
  std::vector<std::unique_ptr<LoopParts>> loops;
  std::unordered_map<const wire::EventLoop*, LoopParts*> by_loop;
  std::shared_ptr<wire::Certificate> certificate;
  std::unique_ptr<wire::Listener> listener;
  std::atomic<std::uint32_t> open{0};
  Synchronized<bool> stopped{false};
  std::condition_variable stop_asked;
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::create(const HttpOptions& options, const ServerContext& context) {
  auto state = std::make_unique<State>(with_defaults(options), context);
  const auto& own = state->parts->options;
  if (!own.tls_certificate.empty() || !own.tls_key.empty()) {
    TRY_ASSIGN(state->certificate, wire::Certificate::load(own.tls_certificate, own.tls_key));
  }
  wire::Listener::Loops loops;
  for (const auto& one : state->loops) loops.push_back(one->loop);
  TRY_ASSIGN(state->listener, wire::Listener::create(own.host, own.port, loops, state->certificate));
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

std::shared_ptr<wire::Receiver> Server::State::begin(const std::shared_ptr<wire::Connection>& connection,
                                                     const std::shared_ptr<const wire::RequestHead>& head) {
  ++parts->requests;
  auto exchange = std::make_shared<Exchange>(parts, connection, by_loop.at(connection->loop().get())->inline_runs, head);
  exchange->begin();
  return exchange;
}

wire::Response Server::State::refuse(const Error& error, std::string_view target) {
  const std::string id = make_id("req");
  Reply reply = error_reply(error, dialect_of(target), id);
  parts->context.serving_metrics->count_request("none", reply.status, 0);
  parts->count(error);
  log::info("bytes that are no request were refused", {{"reason", error.message()}, {"request_id", id}});
  wire::Response response{.status = reply.status, .fields = std::move(reply.headers), .body = std::move(reply.body)};
  response.fields.emplace_back("Content-Type", reply.content_type);
  response.fields.emplace_back("X-Request-Id", id);
  return response;
}

void Server::State::closed(const wire::Connection& connection) {
  if (by_loop.at(connection.loop().get())->connections.erase(&connection) > 0) --open;
}

void Server::State::accepted(std::unique_ptr<wire::Transport> transport, LoopParts& loop) {
  if (loop.stopping) return;
  const wire::ConnectionLimits limits{.head_bytes_max = parts->options.header_bytes_max,
                                      .body_bytes_max = parts->options.body_bytes_max,
                                      .idle_timeout = parts->options.idle_timeout,
                                      .body_idle_timeout = parts->options.body_idle_timeout};
  const auto connection = std::make_shared<wire::Connection>(std::move(transport), loop.loop, limits, *this, *parts->context.clock);
  loop.connections.emplace(connection.get(), connection);
  if (++open > parts->options.connections_max) {
    connection->refuse(Error(kTooManyConnections, "too many connections are open").with_retry_after(std::chrono::seconds(1)));
    return;
  }
  connection->open();
}

void Server::State::tick(LoopParts& loop) {
  const Instant now = parts->context.clock->now();
  for (const auto& connection : loop.all()) {
    if (loop.stopping && now >= loop.close_at)
      connection->drop();
    else
      connection->tick(now);
  }
  if (loop.stopping && loop.connections.empty()) loop.loop->finish();
  const bool first = &loop == loops.front().get();
  if (first && certificate != nullptr && ++loop.ticks % kTicksBetweenCertificateChecks == 0) certificate->reload_if_changed();
}

void Server::State::stop_loop(LoopParts& loop) {
  loop.stopping = true;
  loop.close_at = parts->context.clock->now() + kGoodbye;
  if (&loop == loops.front().get()) listener->close();
  for (const auto& connection : loop.all()) connection->shut_down();
  if (loop.connections.empty()) loop.loop->finish();
}

Result<> Server::run(const std::function<void(std::uint16_t)>& listening) {
  auto& state = *state_;
  state.listener->start(
      [&state](std::unique_ptr<wire::Transport> transport, std::size_t loop) { state.accepted(std::move(transport), *state.loops[loop]); });
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < state.loops.size(); ++i) {
    threads.emplace_back([&state, i] {
      name_this_thread("loop");
      auto& own = *state.loops[i];
      own.loop->run(kTick, [&state, &own] { state.tick(own); });
    });
  }
  if (listening) listening(state.listener->port());
  {
    auto stopped = state.stopped.lock();
    stopped.wait(state.stop_asked, [](bool now) { return now; });
  }
  for (const auto& one : state.loops) one->loop->post([&state, &own = *one] { state.stop_loop(own); });
  threads.clear();  // joins
  for (const auto& one : state.loops) one->loop->close();
  return {};
}

void Server::drain(std::chrono::milliseconds longest) {
  state_->parts->draining = true;
  if (!state_->parts->gate.close_and_wait_until(state_->parts->context.clock->now() + longest)) {
    log::warning("requests are still running at the end of the drain", {{"requests", std::to_string(state_->parts->gate.inside())}});
  }
}

void Server::stop() {
  state_->parts->draining = true;
  auto stopped = state_->stopped.lock();
  *stopped = true;
  state_->stop_asked.notify_all();
}

}  // namespace forebay::http

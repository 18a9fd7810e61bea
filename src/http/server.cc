#include "http/server.h"

#include <arpa/inet.h>
#include <drogon/HttpAppFramework.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <trantor/net/EventLoop.h>
#include <trantor/utils/Logger.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "base/executor.h"
#include "base/log.h"
#include "http/connections.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/server_parts.h"

namespace forebay::http {

namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

Result<Address> address_of(const std::string& host, std::uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.length = sizeof(sockaddr_in);
  } else if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.length = sizeof(sockaddr_in6);
  } else {
    return fail(kBadAddress, fmt::format("'{}' is not an IP address", host.substr(0, 100)));
  }
  return address;
}

// Drogon ends the process when it cannot listen, and takes port 0 for one port a thread: so listen first, and let go.
Result<std::uint16_t> usable_port(const std::string& host, std::uint16_t port) {
  TRY_ASSIGN(auto address, address_of(host, port));
  const int listener = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return fail(kBadAddress, fmt::format("no socket for {}", host));
  const int yes = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const bool listens = ::bind(listener, reinterpret_cast<sockaddr*>(&address.storage), address.length) == 0 && ::listen(listener, 1) == 0;
  const int reason = errno;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address.storage), &address.length);
  ::close(listener);
  if (listens) {
    return ntohs(address.storage.ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port
                                                      : reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port);
  }
  if (reason == EADDRINUSE) return fail(kPortInUse, fmt::format("{}:{} is in use", host, port));
  if (reason == EACCES) return fail(kPortNotAllowed, fmt::format("port {} needs more rights", port));
  return fail(kBadAddress, fmt::format("cannot listen on {}", host));
}

// Drogon makes 256 folders for uploads wherever it is told to; bodies stay in memory, so they may go again at once.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::error_code ignored;
    // In memory where that is possible: 256 folders are made and removed for nothing.
    for (const auto& folder : {std::filesystem::path("/dev/shm"), std::filesystem::temp_directory_path(ignored)}) {
      std::string pattern = (folder / "forebay-XXXXXX").string();
      if (::mkdtemp(pattern.data()) == nullptr) continue;
      path_ = pattern;
      return;
    }
  }
  ~ScratchFolder() { remove(); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }
  void remove() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

 private:
  std::string path_ = "/nonexistent";  // when there is no folder to write to, there is none for uploads either
};

constexpr const char* kExchange = "exchange";

}  // namespace

struct Server::State {
  State(const HttpOptions& options, const ServerContext& context)
      : parts(std::make_shared<ServerParts>(options, context)), connections(*parts) {
    parts->started = parts->context.clock->now();
  }

  void configure();
  void listening(const std::function<void(std::uint16_t)>& then);
  drogon::HttpResponsePtr at_head(const drogon::HttpRequestPtr& request);
  void at_body(const drogon::HttpRequestPtr& request, std::function<void(const drogon::HttpResponsePtr&)> respond);

  std::shared_ptr<ServerParts> parts;  // exchanges may outlive the server: their results are still being computed
  Connections connections;
  ScratchFolder scratch;
  std::uint16_t port = 0;
  std::atomic<std::size_t> loops_to_wait_for{0};
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::create(const HttpOptions& options, const ServerContext& context) {
  HttpOptions own = options;
  if (own.host == "localhost") own.host = "127.0.0.1";
  constexpr std::size_t kUsualLoopsMax = 16;
  if (own.loop_threads == 0) own.loop_threads = static_cast<std::uint32_t>(std::min(usable_cores(), kUsualLoopsMax));
  if (own.bodies_bytes_max == 0) {
    constexpr std::uint64_t kUsualMost = std::uint64_t{1} << 30;
    own.bodies_bytes_max = std::max(own.body_bytes_max, std::min(usable_memory_bytes() / 8, kUsualMost));
  }
  auto state = std::make_unique<State>(own, context);
  TRY_ASSIGN(state->port, usable_port(own.host, own.port));
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

// What the library would do by itself and must not: sign with its name, handle signals, parse JSON, write files, route by regular
// expressions (they recurse over the path), time out.
void Server::State::configure() {
  trantor::Logger::setOutputFunction(
      [](const char* text, std::uint64_t length) {
        std::string_view line(text, length);
        while (!line.empty() && line.back() == '\n') line.remove_suffix(1);
        log::debug(line, {{"from", "drogon"}});
      },
      [] {});
  auto& app = drogon::app();
  app.setLogLevel(trantor::Logger::kWarn)
      .setThreadNum(parts->options.loop_threads)
      .addListener(parts->options.host, port)
      .setMaxConnectionNum(parts->options.connections_max)
      .setIdleConnectionTimeout(0)
      .disableSigtermHandling()
      .enableServerHeader(false)
      .enableGzip(false)
      .enableBrotli(false)
      .setUploadPath(scratch.path())
      .setClientMaxBodySize(SIZE_MAX / 4)  // admit() and Connection hold the limit, and can say so
      .setClientMaxMemoryBodySize(SIZE_MAX / 4)
      .setPipeliningRequestsNumber(64)
      .enableRequestStream();  // heads are seen before their bodies
  app.setConnectionCallback([this](const trantor::TcpConnectionPtr& wire) { connections.changed(wire); });
  app.registerSyncAdvice([this](const drogon::HttpRequestPtr& request) { return at_head(request); });
  app.registerHandler("/",
                      [this](const drogon::HttpRequestPtr& request, std::function<void(const drogon::HttpResponsePtr&)>&& respond) {
                        at_body(request, std::move(respond));
                      },
                      {drogon::Get, drogon::Post, drogon::Put, drogon::Delete, drogon::Patch});
}

// The head is there, the body may still be under way. An answer returned here is sent; nothing lets the request pass.
drogon::HttpResponsePtr Server::State::at_head(const drogon::HttpRequestPtr& request) {
  const auto connection = connections.of(request->getConnectionPtr().lock());
  if (connection == nullptr) return drogon::HttpResponse::newHttpResponse();
  if (connection->streams()) {  // A pipelined answer would land in the middle of the stream.
    connection->drop();
    return drogon::HttpResponse::newHttpResponse();
  }
  ++parts->requests;
  const auto exchange = std::make_shared<Exchange>(parts, connection, request);
  const std::string& length = request->getHeader("content-length");
  const bool whole =
      request->getHeader("transfer-encoding").empty() && (length.empty() || length == std::to_string(request->body().size()));
  connection->head_complete(!whole);
  drogon::HttpResponsePtr response;
  if (request->method() == drogon::Options) {
    response = exchange->response_of(exchange->options_reply(request));
  } else if (auto admitted = exchange->admit(request); !admitted) {
    parts->count(admitted.error());
    response = exchange->response_of(error_reply(admitted.error(), exchange->dialect(), exchange->id()));
  } else {
    connection->add(exchange);
    request->attributes()->insert(kExchange, std::weak_ptr<Exchange>(exchange));
    request->setPath(std::string("/"));
    return nullptr;
  }
  exchange->end();
  if (whole) {
    connection->message_complete();
  } else {
    response->addHeader("connection", "close");
    connection->ignore_the_rest();
  }
  return response;
}

void Server::State::at_body(const drogon::HttpRequestPtr& request, std::function<void(const drogon::HttpResponsePtr&)> respond) {
  const auto exchange = request->attributes()->get<std::weak_ptr<Exchange>>(kExchange).lock();
  const auto connection = connections.of(request->getConnectionPtr().lock());
  if (exchange == nullptr || connection == nullptr || exchange->ended()) return;
  connection->message_complete();
  exchange->begin(request, std::move(respond));
}

// Every loop has its listener; the port answers for sure once each has opened it.
void Server::State::listening(const std::function<void(std::uint16_t)>& then) {
  auto& app = drogon::app();
  loops_to_wait_for = app.getThreadNum();
  for (std::size_t i = 0; i < app.getThreadNum(); ++i) {
    app.getIOLoop(i)->queueInLoop([this, then] {
      if (--loops_to_wait_for > 0) return;
      scratch.remove();
      if (then) then(port);
    });
  }
}

Result<> Server::run(const std::function<void(std::uint16_t)>& listening) {
  state_->configure();
  auto& app = drogon::app();
  app.registerBeginningAdvice([this, listening] {
    auto& started = drogon::app();
    std::vector<trantor::EventLoop*> loops;
    for (std::size_t i = 0; i < started.getThreadNum(); ++i) loops.push_back(started.getIOLoop(i));
    auto stopped = state_->parts->stopped.lock();
    state_->connections.begin(loops);
    if (*stopped) return started.quit();  // before there was anything to quit
    started.getLoop()->queueInLoop([this, listening] { state_->listening(listening); });
  });
  app.run();
  state_->connections.close();
  auto stopped = state_->parts->stopped.lock();
  *stopped = true;
  return {};
}

void Server::drain(std::chrono::milliseconds longest) {
  state_->parts->draining = true;
  if (!state_->parts->gate.close_and_wait_until(state_->parts->context.clock->now() + longest)) {
    log::warning("requests are still running at the end of the drain", {{"requests", std::to_string(state_->parts->gate.inside())}});
  }
}

// The loops end with run(): nothing may be said to them later, by whoever stops for a second time.
void Server::stop() {
  state_->parts->draining = true;
  {
    auto stopped = state_->parts->stopped.lock();
    if (std::exchange(*stopped, true)) return;
    state_->connections.cancel_all(CancelReason::kShutdown);
  }
  state_->connections.close();
  drogon::app().quit();
}

}  // namespace forebay::http

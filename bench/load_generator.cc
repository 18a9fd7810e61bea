#include "load_generator.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "base/clock.h"
#include "base/errors.h"
#include "response_parser.h"

namespace forebay::load {

namespace {
double milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

Percentiles percentiles_of(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::ranges::sort(samples);
  const auto at = [&](double share) { return samples[static_cast<std::size_t>(share * static_cast<double>(samples.size() - 1))]; };
  double sum = 0;
  for (const double sample : samples) sum += sample;
  return {at(0.5), at(0.9), at(0.99), samples.back(), sum / static_cast<double>(samples.size()), samples.size()};
}

struct Connection {
  int socket = -1;
  ResponseParser parser;
  std::string unsent;
  Instant sent_at;
  Instant last_event_at;
  std::uint64_t events_seen = 0;
  std::size_t request = 0;  // which text is under way
  bool busy = false;
  bool heard = false;   // something of its answer has come
  bool reused = false;  // an answer came on this connection before
};

class Load {
 public:
  explicit Load(const LoadOptions& options) : options_(options) {}
  ~Load() {
    for (auto& connection : connections_) close(*connection);
    if (epoll_ >= 0) ::close(epoll_);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  Result<LoadReport> run();

 private:
  Result<> connect(Connection& connection);
  void close(Connection& connection);
  void start_request(Connection& connection);
  void send_request(Connection& connection);
  bool send_again(Connection& connection);
  void flush(Connection& connection);
  void receive(Connection& connection);
  void note_events(Connection& connection, Instant now);
  void finish(Connection& connection, bool failed);
  void drop_late(Instant now);
  bool may_start() const;
  std::string request_text(const std::string& body) const;

  const LoadOptions& options_;
  SystemClock clock_;
  int epoll_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::string> requests_;
  std::uint64_t started_ = 0;
  std::uint64_t in_flight_ = 0;
  Instant begin_;
  LoadReport report_;
  std::vector<double> latencies_;
  std::map<int, std::vector<double>> latencies_by_status_;
  std::vector<double> first_events_;
  std::vector<double> gaps_;
};

std::string Load::request_text(const std::string& body) const {
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}:{}\r\n", options_.bodies.empty() ? "GET" : "POST", options_.path,
                                 options_.host, options_.port);
  for (const auto& header : options_.headers) text += header + "\r\n";
  if (!options_.bodies.empty()) text += fmt::format("Content-Length: {}\r\n", body.size());
  return text + "\r\n" + body;
}

Result<> Load::connect(Connection& connection) {
  connection.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options_.port);
  const std::string host = options_.host == "localhost" ? "127.0.0.1" : options_.host;
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return fail(kInternalError, "not an IPv4 address: " + host);
  if (::connect(connection.socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(kInternalError, fmt::format("cannot connect to {}:{}: {}", host, options_.port, std::generic_category().message(errno)));
  }
  const int on = 1;
  ::setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.ptr = &connection}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event);
  return {};
}

void Load::close(Connection& connection) {
  if (connection.socket >= 0) ::close(connection.socket);
  connection.socket = -1;
  connection.reused = false;
}

bool Load::may_start() const {
  if (options_.requests != 0 && started_ >= options_.requests) return false;
  return options_.duration.count() == 0 || clock_.now() - begin_ < options_.duration;
}

void Load::start_request(Connection& connection) {
  if (connection.socket < 0 && !connect(connection)) {
    ++report_.failed;
    return;
  }
  connection.busy = true;
  connection.request = started_ % requests_.size();
  ++started_;
  ++in_flight_;
  connection.sent_at = clock_.now();
  send_request(connection);
}

void Load::send_request(Connection& connection) {
  connection.parser.reset();
  connection.events_seen = 0;
  connection.heard = false;
  connection.unsent = requests_[connection.request];
  flush(connection);
}

// A server may close a kept connection just when the next request comes; every client sends it once more then (RFC 9112, 9.3.1).
bool Load::send_again(Connection& connection) {
  if (!connection.reused || connection.heard) return false;
  close(connection);
  if (!connect(connection)) return false;
  send_request(connection);
  return true;
}

void Load::flush(Connection& connection) {
  while (!connection.unsent.empty()) {
    const ssize_t sent = ::send(connection.socket, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (!send_again(connection)) finish(connection, true);
      return;
    }
    connection.unsent.erase(0, static_cast<std::size_t>(sent));
  }
}

void Load::note_events(Connection& connection, Instant now) {
  if (connection.parser.events() == connection.events_seen) return;
  if (connection.events_seen == 0)
    first_events_.push_back(milliseconds(now - connection.sent_at));
  else
    gaps_.push_back(milliseconds(now - connection.last_event_at));
  connection.events_seen = connection.parser.events();
  connection.last_event_at = now;
}

void Load::receive(Connection& connection) {
  char buffer[64 << 10];
  const ssize_t received = ::recv(connection.socket, buffer, sizeof buffer, 0);
  if (received <= 0) {
    if (!connection.busy)
      close(connection);
    else if (!send_again(connection))
      finish(connection, true);
    return;
  }
  connection.heard = true;
  report_.bytes_received += static_cast<std::uint64_t>(received);
  connection.parser.feed({buffer, static_cast<std::size_t>(received)});
  note_events(connection, clock_.now());
  if (connection.parser.done() || connection.parser.broken()) finish(connection, connection.parser.broken());
}

void Load::finish(Connection& connection, bool failed) {
  --in_flight_;
  connection.busy = false;
  if (failed) {
    ++report_.failed;
    close(connection);
  } else {
    ++report_.requests;
    ++report_.by_status[connection.parser.status()];
    report_.generated_tokens += connection.parser.completion_tokens();
    latencies_.push_back(milliseconds(clock_.now() - connection.sent_at));
    latencies_by_status_[connection.parser.status()].push_back(latencies_.back());
    connection.reused = true;
    if (!connection.parser.keeps_alive()) close(connection);
  }
  if (may_start()) start_request(connection);
}

void Load::drop_late(Instant now) {
  for (auto& connection : connections_) {
    if (connection->busy && now - connection->sent_at > options_.answer_timeout) finish(*connection, true);
  }
}

Result<LoadReport> Load::run() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  for (const auto& body : options_.bodies) requests_.push_back(request_text(body));
  if (requests_.empty()) requests_.push_back(request_text(""));
  for (std::uint32_t i = 0; i < options_.concurrency; ++i) {
    connections_.push_back(std::make_unique<Connection>());
    TRY(connect(*connections_.back()));
  }
  begin_ = clock_.now();
  for (auto& connection : connections_) {
    if (may_start()) start_request(*connection);
  }
  while (in_flight_ > 0) {
    epoll_event ready[64];
    const int count = ::epoll_wait(epoll_, ready, 64, 200);
    for (int i = 0; i < count; ++i) receive(*static_cast<Connection*>(ready[i].data.ptr));
    if (count == 0) drop_late(clock_.now());
  }
  report_.seconds = std::chrono::duration<double>(clock_.now() - begin_).count();
  report_.requests_per_second = static_cast<double>(report_.requests) / report_.seconds;
  report_.generated_tokens_per_second = static_cast<double>(report_.generated_tokens) / report_.seconds;
  report_.latency = percentiles_of(std::move(latencies_));
  for (auto& [status, latencies] : latencies_by_status_) report_.latency_by_status[status] = percentiles_of(std::move(latencies));
  report_.first_event = percentiles_of(std::move(first_events_));
  report_.gap = percentiles_of(std::move(gaps_));
  return report_;
}

std::string json_of(const Percentiles& p) {
  return fmt::format(R"({{"p50":{:.4f},"p90":{:.4f},"p99":{:.4f},"max":{:.4f},"mean":{:.4f},"count":{}}})", p.p50, p.p90, p.p99, p.max,
                     p.mean, p.count);
}
}  // namespace

Result<LoadReport> run_load(const LoadOptions& options) {
  if (options.requests == 0 && options.duration.count() == 0)
    return fail(kInternalError, "a load needs a number of requests or a duration");
  return Load(options).run();
}

std::string to_json(const LoadReport& report) {
  std::string statuses;
  for (const auto& [status, count] : report.by_status) statuses += fmt::format("{}\"{}\":{}", statuses.empty() ? "" : ",", status, count);
  std::string latencies;
  for (const auto& [status, latency] : report.latency_by_status)
    latencies += fmt::format("{}\"{}\":{}", latencies.empty() ? "" : ",", status, json_of(latency));
  return fmt::format(
      R"({{"requests":{},"failed":{},"by_status":{{{}}},"seconds":{:.4f},"requests_per_second":{:.2f},"latency_ms":{},"latency_ms_by_status":{{{}}},"first_event_ms":{},"gap_ms":{},"generated_tokens":{},"generated_tokens_per_second":{:.2f},"bytes_received":{}}})",
      report.requests, report.failed, statuses, report.seconds, report.requests_per_second, json_of(report.latency), latencies,
      json_of(report.first_event), json_of(report.gap), report.generated_tokens, report.generated_tokens_per_second, report.bytes_received);
}

}  // namespace forebay::load

#include "http/wire/listener.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "base/log.h"
#include "http/errors.h"
#include "http/wire/certificate.h"
#include "http/wire/event_loop.h"
#include "http/wire/socket_transport.h"

namespace forebay::http::wire {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Code = boost::system::error_code;

namespace {
constexpr int kBacklog = 1'024;
constexpr auto kPauseWithoutDescriptors = std::chrono::milliseconds(100);
}  // namespace

struct Listener::State : std::enable_shared_from_this<State> {
  State(Loops of, std::shared_ptr<Certificate> with)
      : loops(std::move(of)), certificate(std::move(with)), acceptor(loops.front()->context()), pause(loops.front()->context()) {}

  void accept();
  void accepted_one(const Code& code, Tcp::socket socket, std::size_t loop);

  Loops loops;
  std::shared_ptr<Certificate> certificate;
  Tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::size_t next = 0;
  std::uint16_t port = 0;
  Accepted accepted;
};

Listener::Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}
Listener::~Listener() = default;
std::uint16_t Listener::port() const { return state_->port; }

Result<std::unique_ptr<Listener>> Listener::create(const std::string& host, std::uint16_t port, const Loops& loops,
                                                   std::shared_ptr<Certificate> certificate) {
  Code code;
  const auto address = asio::ip::make_address(host, code);
  if (code) return fail(kBadAddress, fmt::format("'{}' is not an IP address", host.substr(0, 100)));
  auto state = std::make_shared<State>(loops, std::move(certificate));
  const Tcp::endpoint endpoint(address, port);
  state->acceptor.open(endpoint.protocol(), code);
  if (code) return fail(kBadAddress, fmt::format("no socket for {}", host));
  state->acceptor.set_option(Tcp::acceptor::reuse_address(true), code);
  if (address.is_v6()) state->acceptor.set_option(asio::ip::v6_only(false), code);
  state->acceptor.bind(endpoint, code);
  if (!code) state->acceptor.listen(kBacklog, code);
  if (code == asio::error::address_in_use) return fail(kPortInUse, fmt::format("{}:{} is in use", host, port));
  if (code == asio::error::access_denied) return fail(kPortNotAllowed, fmt::format("port {} needs more rights", port));
  if (code) return fail(kBadAddress, fmt::format("cannot listen on {}", host));
  state->port = state->acceptor.local_endpoint(code).port();
  return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

void Listener::start(Accepted accepted) {
  state_->accepted = std::move(accepted);
  state_->accept();
}

void Listener::close() {
  Code ignored;
  state_->acceptor.close(ignored);
  state_->pause.cancel();
}

void Listener::State::accept() {
  const std::size_t loop = next++ % loops.size();
  acceptor.async_accept(loops[loop]->context(), [self = shared_from_this(), loop](const Code& code, Tcp::socket socket) {
    self->accepted_one(code, std::move(socket), loop);
  });
}

void Listener::State::accepted_one(const Code& code, Tcp::socket socket, std::size_t loop) {
  if (!acceptor.is_open() || code == asio::error::operation_aborted) return;
  if (code == asio::error::no_descriptors || code == asio::error::no_buffer_space || code == asio::error::no_memory) {
    log::warning("no connection can be accepted now", {{"reason", code.message()}});
    pause.expires_after(kPauseWithoutDescriptors);
    pause.async_wait([self = shared_from_this()](const Code& cancelled) {
      if (!cancelled && self->acceptor.is_open()) self->accept();
    });
    return;
  }
  if (!code) {
    auto open = [self = shared_from_this(), loop, socket = std::move(socket)]() mutable {
      auto transport = make_transport(std::move(socket), self->certificate == nullptr ? nullptr : self->certificate->current());
      self->accepted(std::move(transport), loop);
    };
    if (loops[loop]->is_here())
      open();
    else
      loops[loop]->post(std::move(open));
  }
  accept();
}

}  // namespace forebay::http::wire

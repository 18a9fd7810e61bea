#include "http/wire/socket_transport.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl.hpp>
#include <utility>
#include <vector>

namespace forebay::http::wire {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Code = boost::system::error_code;

namespace {

std::string address_of(const Tcp::socket& socket) {
  Code code;
  auto address = socket.remote_endpoint(code).address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  return code ? "" : address.to_string();
}

struct Plain {
  explicit Plain(Tcp::socket own) : stream(std::move(own)) {}
  Tcp::socket& socket() { return stream; }
  Tcp::socket stream;
  static constexpr bool kEncrypted = false;
};

struct Encrypted {
  Encrypted(Tcp::socket own, std::shared_ptr<asio::ssl::context> with) : tls(std::move(with)), stream(std::move(own), *tls) {}
  Tcp::socket& socket() { return stream.next_layer(); }
  std::shared_ptr<asio::ssl::context> tls;
  asio::ssl::stream<Tcp::socket> stream;
  static constexpr bool kEncrypted = true;
};

template <class Layer>
class SocketTransport final : public Transport {
 public:
  template <class... Arguments>
  explicit SocketTransport(Arguments&&... arguments) : layer_(std::forward<Arguments>(arguments)...), peer_(address_of(layer_.socket())) {
    Code ignored;
    layer_.socket().set_option(Tcp::no_delay(true), ignored);
    layer_.socket().non_blocking(true, ignored);
  }

  void open(std::shared_ptr<Events> events) override {
    if constexpr (Layer::kEncrypted) {
      layer_.socket().async_wait(Tcp::socket::wait_read, [this, events = std::move(events)](const Code& code) mutable {
        if (code) return events->opened(Opened::kFailed);
        plain_ = begins_with_a_letter();
        if (plain_) return events->opened(Opened::kPlainOnTls);
        layer_.stream.async_handshake(asio::ssl::stream_base::server, [events = std::move(events)](const Code& failed) {
          events->opened(failed ? Opened::kFailed : Opened::kUsable);
        });
      });
    } else {
      events->opened(Opened::kUsable);
    }
  }

  void read(std::span<char> into, std::shared_ptr<Events> events) override {
    on_stream([&](auto& stream) {
      stream.async_read_some(asio::buffer(into.data(), into.size()),
                             [events = std::move(events)](const Code& code, std::size_t bytes) { events->read_done(code ? 0 : bytes); });
    });
  }

  void write(std::span<const std::string_view> pieces, std::shared_ptr<Events> events) override {
    buffers_.clear();
    for (const auto piece : pieces) buffers_.emplace_back(piece.data(), piece.size());
    on_stream([&](auto& stream) {
      stream.async_write_some(buffers_,
                              [events = std::move(events)](const Code& code, std::size_t bytes) { events->write_done(code ? 0 : bytes); });
    });
  }

  void watch(std::shared_ptr<Events> events) override {
    layer_.socket().async_wait(Tcp::socket::wait_error, [events = std::move(events)](const Code& code) {
      if (!code) events->broken();
    });
  }

  void end_sending(std::shared_ptr<Events> events) override {
    if constexpr (Layer::kEncrypted) {
      if (!plain_) return layer_.stream.async_shutdown([events = std::move(events)](const Code&) {});  // the answer is not waited for
    }
    Code ignored;
    layer_.socket().shutdown(Tcp::socket::shutdown_send, ignored);
  }
  void close() override {
    Code ignored;
    layer_.socket().close(ignored);
  }
  const std::string& peer_address() const override { return peer_; }
  bool can_be_half_closed() const override { return !Layer::kEncrypted || plain_; }

 private:
  // HTTP does; a record of TLS does not.
  bool begins_with_a_letter() {
    char first = 0;
    Code code;
    const std::size_t bytes = layer_.socket().receive(asio::buffer(&first, 1), Tcp::socket::message_peek, code);
    return !code && bytes == 1 && ((first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z'));
  }
  void on_stream(auto&& operation) {
    if constexpr (Layer::kEncrypted) {
      if (plain_) return operation(layer_.socket());
    }
    operation(layer_.stream);
  }

  Layer layer_;
  bool plain_ = !Layer::kEncrypted;
  std::string peer_;
  std::vector<asio::const_buffer> buffers_;
};

}  // namespace

std::unique_ptr<Transport> make_transport(Tcp::socket socket, std::shared_ptr<asio::ssl::context> tls) {
  if (tls == nullptr) return std::make_unique<SocketTransport<Plain>>(std::move(socket));
  return std::make_unique<SocketTransport<Encrypted>>(std::move(socket), std::move(tls));
}

}  // namespace forebay::http::wire

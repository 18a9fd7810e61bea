// Transports over TCP sockets.
// Threads: confined to the loop.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "http/wire/transport.h"

namespace boost::asio::ssl {
class context;
}

namespace forebay::http::wire {

// `tls` is null for a plain connection; the transport shares it, so that a reloaded certificate does not disturb open connections.
std::unique_ptr<Transport> make_transport(boost::asio::ip::tcp::socket socket, std::shared_ptr<boost::asio::ssl::context> tls);

}  // namespace forebay::http::wire

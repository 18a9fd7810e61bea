// Listens on one address and hands connections to the loops in turn.
// Threads: create() on any thread; accepting is confined to the first loop. Owner: Server.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "http/wire/transport.h"

namespace forebay::http::wire {

class Certificate;
class EventLoop;

class Listener {
 public:
  using Loops = std::vector<std::shared_ptr<EventLoop>>;
  // Called on the loop that is to serve the connection.
  using Accepted = std::function<void(std::unique_ptr<Transport> transport, std::size_t loop)>;

  // Listens at once, on port 0 on any free one. `certificate` is null for plain HTTP. kBadAddress, kPortInUse, kPortNotAllowed.
  static Result<std::unique_ptr<Listener>> create(const std::string& host, std::uint16_t port, const Loops& loops,
                                                  std::shared_ptr<Certificate> certificate);
  ~Listener();
  std::uint16_t port() const;
  // From any thread, before the loops run.
  void start(Accepted accepted);
  // On the first loop: connections are refused from now on.
  void close();

 private:
  struct State;
  explicit Listener(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace forebay::http::wire

// Work for one event loop: however much other threads post until the loop looks, they wake it once. And models that the loop helps with
// what it has just submitted, when it has read everything that had come.
// Threads: post() and close() are shared, the rest is confined to the loop. Owner: Connections; exchanges share it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/synchronized.h"
#include "models/catalog.h"

namespace trantor {
class EventLoop;
}

namespace forebay::http {

class LoopMail : public std::enable_shared_from_this<LoopMail> {
 public:
  explicit LoopMail(trantor::EventLoop* loop) : loop_(loop) {}
  // Runs `work` on the loop, after what was posted before; drops it once closed.
  void post(std::move_only_function<void()> work);
  // Nothing reaches the loop any more; what has not run yet is dropped.
  void close();
  bool is_here() const;
  // Calls TensorRunner::help() once, when the loop has handled what it is handling now.
  void help_later(const models::Lease& model);

 private:
  using Letters = std::vector<std::move_only_function<void()>>;
  struct Box {
    Letters letters;
    bool closed = false;
  };
  void deliver();
  void help();

  trantor::EventLoop* const loop_;
  Synchronized<Box> box_;
  std::vector<models::Lease> to_help_;
};

}  // namespace forebay::http

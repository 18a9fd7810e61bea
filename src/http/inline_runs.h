// Tensor models with requests that one loop has just submitted: the loop runs their batches itself, when it has handled the events that
// were ready. Threads: is_here() is shared, the rest is confined to the loop. Owner: Server; exchanges share it.
#pragma once

#include <memory>
#include <vector>

#include "http/wire/event_loop.h"
#include "models/catalog.h"

namespace forebay::http {

class InlineRuns : public std::enable_shared_from_this<InlineRuns> {
 public:
  explicit InlineRuns(std::shared_ptr<wire::EventLoop> loop) : loop_(std::move(loop)) {}
  bool is_here() const { return loop_->is_here(); }
  // Calls TensorRunner::help() once, however often a model is added before.
  void add(const models::Lease& model);

 private:
  void run();
  const std::shared_ptr<wire::EventLoop> loop_;
  std::vector<models::Lease> models_;
};

}  // namespace forebay::http

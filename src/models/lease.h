// The right to use one version of a model: the version stays loaded while a lease on it is held. The last release does not destroy it but
// hands it to the background pool: ending a runner joins engine threads and may write saved states, which takes seconds.
// Threads: shared; a Lease is a value, and may be released on any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "base/executor.h"

namespace forebay::models {

struct ServedModel;

// Copies share the right. Hold one for one request.
class Lease {
 public:
  Lease() = default;  // on nothing
  ServedModel& operator*() const { return *model_; }
  ServedModel* operator->() const { return model_.get(); }
  bool operator==(std::nullptr_t) const { return model_ == nullptr; }
  bool operator==(const Lease&) const = default;  // on the same version
  explicit operator bool() const { return model_ != nullptr; }
  // Holds the right as a pointer, for what is made of a model: a pipeline, a listing.
  const std::shared_ptr<ServedModel>& keeper() const { return model_; }

 private:
  friend class WeakLease;
  friend class Retirement;
  explicit Lease(std::shared_ptr<ServedModel> model) : model_(std::move(model)) {}
  std::shared_ptr<ServedModel> model_;
};

// For what the model itself holds, as a completion in its runner: a lease there would keep the model from ending.
class WeakLease {
 public:
  explicit WeakLease(const Lease& lease) : model_(lease.model_) {}
  // On nothing once the last lease has been released.
  Lease lock() const { return Lease(model_.lock()); }

 private:
  std::weak_ptr<ServedModel> model_;
};

// Destroys versions after the release of their last lease.
// Threads: shared. Owner: Catalog and the leases. Lifetime: the executor outlives every lease.
class Retirement : public std::enable_shared_from_this<Retirement> {
 public:
  static std::shared_ptr<Retirement> create(Executor& background);
  ~Retirement();
  // The first lease on a version that was just loaded.
  Lease lease(std::shared_ptr<ServedModel> loaded);
  // Destroys what waits for the pool on this thread, and waits for what the pool destroys. Blocks: until both are done.
  void finish();

 private:
  struct State;
  explicit Retirement(Executor& background);
  void retire(std::shared_ptr<ServedModel> version);
  void destroy_waiting();

  Executor& background_;
  std::unique_ptr<State> state_;
};

}  // namespace forebay::models

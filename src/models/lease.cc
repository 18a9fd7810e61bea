#include "models/lease.h"

#include <condition_variable>
#include <utility>
#include <vector>

#include "base/synchronized.h"
#include "models/served_model.h"

namespace forebay::models {

struct Retirement::State {
  struct Work {
    std::vector<std::shared_ptr<ServedModel>> waiting;
    std::size_t destroying = 0;  // threads that do
  };
  Synchronized<Work> work;
  std::condition_variable changed;
};

std::shared_ptr<Retirement> Retirement::create(Executor& background) { return std::shared_ptr<Retirement>(new Retirement(background)); }
Retirement::Retirement(Executor& background) : background_(background), state_(std::make_unique<State>()) {}
Retirement::~Retirement() = default;

Lease Retirement::lease(std::shared_ptr<ServedModel> loaded) {
  ServedModel* const model = loaded.get();
  return Lease(std::shared_ptr<ServedModel>(
      model, [self = shared_from_this(), loaded = std::move(loaded)](ServedModel*) mutable { self->retire(std::move(loaded)); }));
}

void Retirement::retire(std::shared_ptr<ServedModel> version) {
  {
    auto work = state_->work.lock();
    work->waiting.push_back(std::move(version));
  }
  // If the pool takes nothing, the version waits for the next retirement or for finish().
  static_cast<void>(background_.post([self = shared_from_this()] { self->destroy_waiting(); }));
}

void Retirement::destroy_waiting() {
  std::vector<std::shared_ptr<ServedModel>> versions;
  {
    auto work = state_->work.lock();
    versions.swap(work->waiting);
    ++work->destroying;
  }
  versions.clear();
  auto work = state_->work.lock();
  --work->destroying;
  state_->changed.notify_all();
}

void Retirement::finish() {
  while (true) {
    destroy_waiting();
    auto work = state_->work.lock();
    work.wait(state_->changed, [](const auto& now) { return now.destroying == 0 || !now.waiting.empty(); });
    if (work->waiting.empty()) return;
  }
}

}  // namespace forebay::models

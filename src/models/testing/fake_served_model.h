// A served model over the fake engine, with the runner of its task: for tests of work that is done with a model.
// Thread safety: as models::ServedModel. Owner: the test.
#pragma once

#include "base/byte_budget.h"
#include "base/clock.h"
#include "engines/testing/fake_engine.h"
#include "models/served_model.h"

namespace forebay::models {

class FakeServedModel {
 public:
  // Loads and opens the fake model named "fake", version "1", with one worker.
  explicit FakeServedModel(formats::Task task, engines::FakeOptions fake = {});
  ServedModel& model() { return model_; }
  engines::FakeControl& control() { return engine_.control(); }

 private:
  void open();

  const SystemClock clock_;
  ByteBudget budget_{std::size_t{1} << 30};
  engines::FakeEngine engine_;
  ServedModel model_;
};

}  // namespace forebay::models

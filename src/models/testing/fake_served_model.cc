#include "models/testing/fake_served_model.h"

#include <utility>

namespace forebay::models {

FakeServedModel::FakeServedModel(formats::Task task, engines::FakeOptions fake) : engine_(std::move(fake)) {
  model_.name = "fake";
  model_.version = "1";
  model_.description = engines::fake_description(task);
  model_.loaded = engine_.load("fake", model_.description, {}).value();
  model_.tokenizer = model_.loaded->tokenizer();
  open();
}

void FakeServedModel::open() {
  using formats::Task;
  const scheduling::RunnerContext context{.clock = &clock_, .budget = &budget_, .model = "fake"};
  switch (model_.description.task) {
    case Task::kTextGeneration:
      model_.generation = scheduling::GenerationRunner::open(model_.loaded, {.workers = 1}, context).value();
      model_.sequence_tokens_max = model_.generation->session_info().sequence_tokens_max;
      break;
    case Task::kTensors:
      model_.tensors = scheduling::TensorRunner::open(model_.loaded, {.workers = 1}, context).value();
      break;
    default:
      model_.embedding = scheduling::EmbeddingRunner::open(model_.loaded, {}, context).value();
      model_.sequence_tokens_max = model_.embedding->session_info().text_tokens_max;
  }
}

}  // namespace forebay::models

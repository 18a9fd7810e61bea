// Any text as a pipeline over a model that has two inputs and two outputs: no crash; what is built has its steps in order.
#include <algorithm>
#include <cstdlib>

#include "models/errors.h"
#include "models/pipeline_builder.h"

namespace {
class NoRunner final : public forebay::scheduling::TensorRunner {
 public:
  forebay::Result<> submit(forebay::scheduling::TensorRequest, Done) override { return {}; }
  forebay::scheduling::RunnerStats stats() const override { return {}; }
  std::vector<forebay::scheduling::DeadLetter> dead_letters() const override { return {}; }
  void help() override {}
  std::size_t clear_cache() override { return 0; }
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace forebay;
  const auto text = models::read_pipeline({reinterpret_cast<const char*>(bytes), size});
  if (!text) return 0;
  const auto find = [](const std::string& name) -> Result<std::shared_ptr<models::ServedModel>> {
    if (name != "m") return fail(models::kModelNotFound, "no such model");
    auto model = std::make_shared<models::ServedModel>();
    model->description.inputs = {{.name = "a", .shape = {-1, 4}, .dimension_names = {"", ""}},
                                 {.name = "b", .shape = {-1, 4}, .dimension_names = {"", ""}}};
    model->description.outputs = {{.name = "x", .shape = {-1, 4}, .dimension_names = {"", ""}},
                                  {.name = "y", .dtype = tensors::DType::kInt64, .shape = {-1}, .dimension_names = {""}}};
    model->tensors = std::make_unique<NoRunner>();
    return model;
  };
  const auto built = models::build_pipeline(*text, {}, find);
  if (!built) return 0;
  std::vector<bool> made(built->plan.slots);
  std::fill_n(made.begin(), built->plan.inputs.size(), true);
  for (const auto& step : built->plan.steps) {
    if (!std::ranges::all_of(step.inputs, [&](std::size_t slot) { return made.at(slot); })) std::abort();
    for (const std::size_t slot : step.outputs) made.at(slot) = true;
  }
  return 0;
}

#include "cli/open_model.h"

#include "base/machine.h"
#include "cli/load_progress.h"
#include "models/model_loader.h"

namespace forebay::cli {

namespace {
// One command asks one thing at a time: further workers and sequences would only take memory.
models::ModelsOptions for_one_request(models::ModelsOptions options) {
  options.warm = false;
  options.generation.workers = 1;
  options.generation.sequences_max = 1;
  options.tensors.workers = 1;
  return options;
}
}  // namespace

Result<OpenModel> OpenModel::open(Console& console, const std::string& file, const Configuration& configuration) {
  const auto named = file.ends_with('/') ? file.substr(0, file.size() - 1) : file;
  // The name is for messages only; a file may be called what a model may not.
  const models::ModelSource source{.name = "model", .version = "1", .path = named};
  OpenModel opened;
  opened.clock_ = std::make_unique<SystemClock>();
  const std::uint64_t budget = configuration.memory.budget_bytes;
  opened.budget_ = std::make_unique<ByteBudget>(budget != 0 ? budget : usable_memory_bytes() / 10 * 8);
  opened.engines_ = engines::make_engines();
  LoadProgress progress(console, *opened.clock_, "loading " + harmless(std::filesystem::path(named).filename().string()));
  auto loaded = models::load_model(
      source, for_one_request(configuration.models),
      {.engines = opened.engines_, .clock = opened.clock_.get(), .budget = opened.budget_.get(), .progress = [&progress](float share) {
         return progress.step(share);
       }});
  progress.finish();
  TRY_ASSIGN(opened.model_, std::move(loaded));
  return opened;
}

}  // namespace forebay::cli

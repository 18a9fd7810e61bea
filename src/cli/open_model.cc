#include "cli/open_model.h"

#include <algorithm>

#include "base/machine.h"
#include "cli/load_progress.h"
#include "cli/model_cache_folder.h"
#include "engines/numa.h"
#include "models/errors.h"
#include "models/model_loader.h"
#include "models/pipeline_file.h"
#include "models/repository.h"

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
  engines::use_numa(configuration.models.numa);
  TRY_ASSIGN(opened.cache_, open_model_cache(configuration.models.cache));
  opened.engines_ = engines::make_engines();
  LoadProgress progress(console, *opened.clock_, "loading " + harmless(std::filesystem::path(named).filename().string()));
  const auto find_model = [&](const std::string& name) { return opened.sibling(source.path, name, configuration); };
  auto loaded = models::load_model(source, for_one_request(configuration.models),
                                   {.engines = opened.engines_,
                                    .clock = opened.clock_.get(),
                                    .budget = opened.budget_.get(),
                                    .cache = opened.cache_.get(),
                                    .probes = true,
                                    .progress = [&progress](float share) { return progress.step(share); },
                                    .find_model = find_model});
  progress.finish();
  TRY_ASSIGN(opened.model_, std::move(loaded));
  return opened;
}

// What a pipeline is made of lies beside it.
Result<std::shared_ptr<models::ServedModel>> OpenModel::sibling(const std::filesystem::path& pipeline, const std::string& name,
                                                                const Configuration& configuration) {
  const auto known = std::ranges::find(siblings_, name, [](const auto& model) { return model->name; });
  if (known != siblings_.end()) return *known;
  const auto folder = pipeline.has_parent_path() ? pipeline.parent_path() : std::filesystem::path(".");
  TRY_ASSIGN(const auto listing, models::list_repository(folder, configuration.models.models_max));
  const auto source = std::ranges::find(listing.sources, name, &models::ModelSource::name);
  if (source == listing.sources.end())
    return fail(models::kModelNotFound, "no model named '" + harmless(name) + "' lies beside the pipeline");
  if (models::is_pipeline(source->path)) return fail(models::kModelNotFound, "'" + harmless(name) + "' is a pipeline itself");
  TRY_ASSIGN(auto model, models::load_model(
                             *source, for_one_request(configuration.models),
                             {.engines = engines_, .clock = clock_.get(), .budget = budget_.get(), .cache = cache_.get(), .probes = true}));
  siblings_.push_back(model);
  return model;
}

}  // namespace forebay::cli

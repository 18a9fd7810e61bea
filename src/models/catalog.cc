#include "models/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <iterator>

#include "base/gate.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/synchronized.h"
#include "engines/engine.h"
#include "engines/errors.h"
#include "engines/watched_model.h"
#include "models/errors.h"
#include "models/model_loader.h"
#include "models/pipeline_file.h"

namespace forebay::models {

namespace {
struct Entry {
  ModelSource source;
  ModelState state = ModelState::kQueued;
  std::optional<Error> error;
  std::chrono::system_clock::time_point since;
  Lease model;
  std::optional<formats::Task> task;  // once its file was read
};

// Versions are numbers where they look like numbers: 10 comes after 9.
struct VersionOrder {
  bool operator()(const std::string& a, const std::string& b) const {
    const auto digits = [](const std::string& text) {
      return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    };
    if (digits(a) && digits(b) && a.size() != b.size()) return a.size() < b.size();
    return a < b;
  }
};
using Versions = std::map<std::string, Entry, VersionOrder>;
using Table = std::map<std::string, Versions, std::less<>>;

constexpr std::chrono::milliseconds kLoadingRetryAfter{1'000};

std::unexpected<Error> not_ready(const Entry& entry) {
  if (entry.state == ModelState::kFailed) {
    if (entry.error->code() == engines::kFileChanged) return fail(*entry.error);  // it was loaded, and says itself what happened
    return fail(Error(kModelLoadFailed, fmt::format("model '{}' could not be loaded: {}", entry.source.name, entry.error->message())));
  }
  return fail(
      Error(kModelNotReady, fmt::format("model '{}' is {}", entry.source.name, name_of(entry.state))).with_retry_after(kLoadingRetryAfter));
}

// The version that says why none is ready: the newest that may still become so, else the newest.
const Entry& awaited(const Versions& versions) {
  for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
    if (version->second.state != ModelState::kFailed) return version->second;
  }
  return versions.rbegin()->second;
}

// The newest ready version; else why there is none.
Result<Lease> latest(const Versions& versions) {
  for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
    if (version->second.state == ModelState::kReady) return version->second.model;
  }
  return not_ready(awaited(versions));
}

std::unexpected<Error> unknown_model(const Table& table, std::string_view name) {
  std::vector<std::string> names;
  for (const auto& [known, versions] : table) names.push_back(known);
  Error error(kModelNotFound, fmt::format("no model named '{}'", name.substr(0, 128)));
  if (auto meant = nearest(name, names))
    return fail(std::move(error).with_hint(fmt::format("did you mean '{}'? GET /v1/models lists the names", *meant)));
  return fail(std::move(error));
}

using Entries = std::vector<const Entry*>;

std::string names_of(const Entries& entries) {
  constexpr std::size_t kNamesMost = 10;
  std::string names;
  for (std::size_t i = 0; i < std::min(entries.size(), kNamesMost); ++i)
    names += fmt::format("{}'{}'", i == 0 ? "" : ", ", entries[i]->source.name);
  return entries.size() > kNamesMost ? fmt::format("{} and {} more", names, entries.size() - kNamesMost) : names;
}

// No ready model can answer. `loading` and `failed` are those that could; of a file that could not be read the task is not known.
std::unexpected<Error> none_ready(const Table& table, const std::optional<formats::Task>& task, const Entries& loading,
                                  const Entries& failed) {
  const std::string kind = task ? fmt::format("no model for {}", name_of(*task)) : "no model";
  if (loading.size() == 1) return not_ready(*loading.front());
  if (!loading.empty())
    return fail(Error(kModelNotReady, fmt::format("{} is ready, and these still load: {}", kind, names_of(loading)))
                    .with_retry_after(kLoadingRetryAfter));
  Entries known;
  std::ranges::copy_if(failed, std::back_inserter(known), [&](const Entry* entry) { return !task || entry->task == task; });
  if (table.size() == 1 && failed.size() == 1) known = failed;
  if (known.size() == 1) return not_ready(*known.front());
  if (!known.empty()) return fail(kModelLoadFailed, fmt::format("{} is ready, and these could not be loaded: {}", kind, names_of(known)));
  Error error(kModelNotFound, kind + " is served");
  if (failed.empty()) return fail(std::move(error));
  return fail(std::move(error).with_hint(fmt::format(
      "what these models are for is not known, because their files could not be read: {}; GET /v1/models says why", names_of(failed))));
}

// The request names no model: it means the only one, or the only one that does this kind of work.
Result<Lease> only_model(const Table& table, std::optional<formats::Task> task) {
  std::vector<Lease> candidates;
  Entries loading;
  Entries failed;
  for (const auto& [name, versions] : table) {
    if (auto model = latest(versions)) {
      if (!task || (*model)->description.task == *task) candidates.push_back(*std::move(model));
      continue;
    }
    const Entry& entry = awaited(versions);
    if (task && entry.task && entry.task != task) continue;
    (entry.state == ModelState::kFailed ? failed : loading).push_back(&entry);
  }
  if (candidates.size() == 1) return candidates.front();
  if (candidates.size() > 1)
    return fail(Error(kModelNameNeeded, fmt::format("{} models could answer; name one", candidates.size())).with_field("model"));
  return none_ready(table, task, loading, failed);
}

bool all_of_entries(const Table& table, bool (*holds)(const Entry&)) {
  return std::ranges::all_of(table, [&](const auto& named) {
    return std::ranges::all_of(named.second, [&](const auto& version) { return holds(version.second); });
  });
}
}  // namespace

struct Catalog::State {
  ModelsOptions options;
  Context context;
  std::shared_ptr<Retirement> retirement = Retirement::create(*context.background);
  Synchronized<Table> table;
  Gate loads;
  std::atomic<bool> stopping{false};
  CancelToken stop;                                  // of loads
  Synchronized<std::vector<ModelSource>> pipelines;  // that wait

  void load(const ModelSource& source);
  // Pipelines are built of models that are loaded, so they wait until no other load is left.
  void start_pipelines();
  Result<> post_load(const ModelSource& source);
  Result<std::shared_ptr<ServedModel>> find_model(const std::string& name);
  bool settled() const;
  // A model whose file was written to is failed from then on. Requests that hold it get the error of its sessions. Under the lock.
  void look_at_files(Versions& versions);
  void look_at_files(Table& all);
  void set(const ModelSource& source, const std::function<void(Entry&)>& change);
};

std::string_view name_of(ModelState state) {
  switch (state) {
    case ModelState::kQueued:
      return "queued";
    case ModelState::kLoading:
      return "loading";
    case ModelState::kReady:
      return "ready";
    case ModelState::kFailed:
      return "failed";
  }
  return "failed";
}

Catalog::Catalog(ModelsOptions options, Context context) : state_(std::make_unique<State>(std::move(options), std::move(context))) {}

Catalog::~Catalog() {
  shut_down();
  state_->loads.close_and_wait_until(Instant::max());
  Table released;
  {
    auto table = state_->table.lock();
    table->swap(released);
  }
  released.clear();
  state_->retirement->finish();
}

void Catalog::State::set(const ModelSource& source, const std::function<void(Entry&)>& change) {
  auto locked = table.lock();
  Entry& entry = (*locked)[source.name].at(source.version);
  change(entry);
  entry.since = context.clock->wall();
}

void Catalog::State::look_at_files(Versions& versions) {
  for (auto& [version, entry] : versions) {
    if (entry.state != ModelState::kReady || !entry.model->files) continue;
    auto checked = engines::check_unchanged(*entry.model->files);
    if (checked) continue;
    entry.state = ModelState::kFailed;
    entry.error = std::move(checked).error();
    entry.since = context.clock->wall();
    log::error("a served model's file was written to",
               {{"model", entry.source.name}, {"version", version}, {"error", entry.error->to_log_string()}});
  }
}

void Catalog::State::look_at_files(Table& all) {
  for (auto& [name, versions] : all) look_at_files(versions);
}

void Catalog::State::load(const ModelSource& source) {
  if (stopping) return;
  set(source, [](Entry& entry) { entry.state = ModelState::kLoading; });
  auto loaded = load_model(source, options,
                           {.engines = context.engines,
                            .clock = context.clock,
                            .budget = context.budget,
                            .pressure = context.pressure,
                            .cache = context.cache,
                            .probes = context.probes,
                            .metrics = context.metrics,
                            .progress = [this](float) { return !stopping.load(); },
                            .described = [&](formats::Task task) { set(source, [task](Entry& entry) { entry.task = task; }); },
                            .cancel = stop,
                            .find_model = [this](const std::string& name) { return find_model(name); }});
  if (!loaded && stopping) {
    log::debug("loading was given up", {{"model", source.name}, {"version", source.version}});
    return;
  }
  if (!loaded) {
    log::error("model could not be loaded",
               {{"model", source.name}, {"version", source.version}, {"error", loaded.error().to_log_string()}});
    set(source, [&](Entry& entry) {
      entry.state = ModelState::kFailed;
      entry.error = loaded.error();
    });
    return;
  }
  const auto& model = *loaded;
  log::info("model ready", {{"model", source.name},
                            {"version", source.version},
                            {"task", std::string(name_of(model->description.task))},
                            {"backend", model->backend},
                            {"seconds", fmt::format("{:.2f}", std::chrono::duration<double>(model->load_time).count())}});
  set(source, [&](Entry& entry) {
    entry.state = ModelState::kReady;
    entry.model = retirement->lease(model);
  });
  if (context.metrics != nullptr) context.metrics->models_loaded.add(1);
}

Result<> Catalog::add(std::vector<ModelSource> sources) {
  {
    auto table = state_->table.lock();
    std::size_t count = 0;
    for (const auto& [name, versions] : *table) count += versions.size();
    if (count + sources.size() > state_->options.models_max)
      return fail(kTooManyModels, fmt::format("more than {} models", state_->options.models_max));
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const auto twin = [&](const ModelSource& other) { return other.name == sources[i].name && other.version == sources[i].version; };
      const auto known = table->find(sources[i].name);
      const bool served = known != table->end() && known->second.contains(sources[i].version);
      if (served || std::any_of(sources.begin(), sources.begin() + static_cast<std::ptrdiff_t>(i), twin)) {
        return fail(kDuplicateModel, fmt::format("model '{}' version {} is given twice", sources[i].name, sources[i].version));
      }
    }
    for (const auto& source : sources)
      (*table)[source.name].emplace(source.version, Entry{.source = source, .since = state_->context.clock->wall()});
  }
  {
    auto waiting = state_->pipelines.lock();
    std::ranges::copy_if(sources, std::back_inserter(*waiting), [](const auto& source) { return is_pipeline(source.path); });
  }
  for (const auto& source : sources) {
    if (!is_pipeline(source.path)) TRY(state_->post_load(source));
  }
  state_->start_pipelines();
  return {};
}

Result<> Catalog::State::post_load(const ModelSource& source) {
  TRY_ASSIGN(auto pass, loads.enter());
  // The task owns the pass: the destructor waits for it.
  auto posted = context.background->post([this, source, pass = std::move(pass)]() mutable {
    load(source);
    if (!stopping) start_pipelines();
    if (!stopping && settled() && context.settled) context.settled();
    pass = {};
  });
  if (!posted) {
    set(source, [&](Entry& entry) {
      entry.state = ModelState::kFailed;
      entry.error = posted.error();
    });
  }
  return {};
}

void Catalog::State::start_pipelines() {
  const bool others_settled = table.read([](const Table& entries) {
    return all_of_entries(entries, [](const Entry& entry) {
      return is_pipeline(entry.source.path) || entry.state == ModelState::kReady || entry.state == ModelState::kFailed;
    });
  });
  if (!others_settled) return;
  std::vector<ModelSource> ready;
  {
    auto waiting = pipelines.lock();
    ready.swap(*waiting);
  }
  for (const auto& source : ready) {
    if (!post_load(source)) return;  // the catalogue closes
  }
}

Result<std::shared_ptr<ServedModel>> Catalog::State::find_model(const std::string& name) {
  auto entries = table.lock();
  const auto found = entries->find(name);
  if (found == entries->end()) return unknown_model(*entries, name);
  TRY_ASSIGN(const Lease model, latest(found->second));
  return model.keeper();
}

Result<Lease> Catalog::lease(const LeaseRequest& request) {
  const auto& [name, version, task] = request;
  auto table = state_->table.lock();
  if (name.empty()) {
    state_->look_at_files(*table);
    return only_model(*table, task);
  }
  const auto found = table->find(name);
  if (found == table->end()) return unknown_model(*table, name);
  state_->look_at_files(found->second);
  Result<Lease> model;
  if (version.empty()) {
    model = latest(found->second);
  } else {
    const auto entry = found->second.find(std::string(version));
    if (entry == found->second.end())
      return fail(kVersionNotFound, fmt::format("model '{}' has no version '{}'", name, version.substr(0, 64)));
    if (entry->second.state != ModelState::kReady) return not_ready(entry->second);
    model = entry->second.model;
  }
  if (model && task && (*model)->description.task != *task) {
    return fail(
        Error(kWrongTask, fmt::format("model '{}' is for {}, not for {}", name, name_of((*model)->description.task), name_of(*task)))
            .with_field("model"));
  }
  return model;
}

std::vector<ModelStatus> Catalog::list() const {
  auto table = state_->table.lock();
  state_->look_at_files(*table);
  std::vector<ModelStatus> listing;
  for (const auto& [name, versions] : *table) {
    for (const auto& [version, entry] : versions)
      listing.push_back({name, version, entry.state, entry.error, entry.since, entry.model.keeper()});
  }
  return listing;
}

bool Catalog::all_ready() const {
  auto table = state_->table.lock();
  state_->look_at_files(*table);
  return all_of_entries(*table, [](const Entry& entry) { return entry.state == ModelState::kReady; });
}

bool Catalog::State::settled() const {
  return table.read([](const Table& entries) {
    return all_of_entries(entries,
                          [](const Entry& entry) { return entry.state == ModelState::kReady || entry.state == ModelState::kFailed; });
  });
}

bool Catalog::settled() const { return state_->settled(); }

void Catalog::shut_down() {
  state_->stopping = true;
  state_->stop.cancel(CancelReason::kShutdown);
  state_->loads.close();
}

}  // namespace forebay::models

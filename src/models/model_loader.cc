#include "models/model_loader.h"

#include <fmt/format.h>

#include <future>

#include "base/digest.h"
#include "base/log.h"
#include "base/mapped_file.h"
#include "base/processors.h"
#include "engines/errors.h"
#include "engines/neutral_inputs.h"
#include "engines/watched_model.h"
#include "formats/model_files.h"
#include "formats/read_model.h"
#include "models/errors.h"
#include "models/model_probe.h"
#include "models/pipeline_builder.h"
#include "models/pipeline_file.h"
#include "models/processor_list.h"
#include "models/repository.h"
#include "scheduling/embedding_cache.h"
#include "scheduling/errors.h"
#include "scheduling/pipeline_runner.h"
#include "scheduling/session_layout.h"

namespace forebay::models {

namespace {
using formats::Task;

constexpr std::size_t kWarmElementsMax = 64 << 20;
constexpr auto kWarmTimeMax = std::chrono::seconds(10);

telemetry::ModelMetrics& metrics_of(const LoaderContext& context, const ModelSource& source) {
  static telemetry::ModelMetrics uncounted;
  return context.metrics != nullptr ? context.metrics->for_version(source.name, source.version) : uncounted;
}

// Of a runner's session. The runner of a generation model reserves what its workers need itself.
std::uint64_t session_bytes(const engines::LoadedModel& model, const ModelsOptions& options) {
  switch (model.description().task) {
    case Task::kTextGeneration:
      return 0;
    case Task::kTensors:
      return model.tensor_session_bytes();
    default:
      return model.embedding_session_bytes(engines::EmbeddingSessionOptions{.batch_tokens_max = options.embedding.batch_tokens_max});
  }
}

bool shares_caches(const ModelsOptions& options, const std::string& model) {
  return std::ranges::any_of(options.share_caches, [&](const std::string& name) { return name == "*" || name == model; });
}

// A run on the thread of a connection would be on any processor.
scheduling::TensorOptions tensor_options(const ModelsOptions& options) {
  scheduling::TensorOptions tensors = options.tensors;
  if (!options.cpu_affinity.empty()) tensors.helping_max = {};
  return tensors;
}

Result<> open_runner(ServedModel& model, const ModelsOptions& options, const scheduling::RunnerContext& context) {
  switch (model.description.task) {
    case Task::kTensors: {
      TRY_ASSIGN(model.tensors, scheduling::TensorRunner::open(model.loaded, tensor_options(options), context));
      return {};
    }
    case Task::kTextGeneration: {
      TRY_ASSIGN(model.generation, scheduling::GenerationRunner::open(model.loaded, options.generation, context));
      model.sequence_tokens_max = model.generation->session_info().sequence_tokens_max;
      return {};
    }
    case Task::kEmbedding:
    case Task::kReranking:
    case Task::kClassification: {
      TRY_ASSIGN(auto runner, scheduling::EmbeddingRunner::open(model.loaded, options.embedding, context));
      model.embedding = scheduling::with_embedding_cache(std::move(runner), options.embedding.cache_bytes_max, context);
      model.sequence_tokens_max = model.embedding->session_info().text_tokens_max;
      return {};
    }
  }
  return {};
}

// Those of models.adapters that are for this model.
Result<std::vector<scheduling::AdapterSource>> adapters_of(const ModelsOptions& options, std::string_view model) {
  std::vector<scheduling::AdapterSource> adapters;
  for (const std::string& entry : options.adapters) {
    auto setting = parse_adapter_setting(entry);
    if (!setting) return fail(kAdapterSettingInvalid, fmt::format("'{}' is not MODEL/ADAPTER=FILE", entry));
    if (setting->model == model) adapters.push_back({.name = std::move(setting->adapter), .path = std::move(setting->path)});
  }
  return adapters;
}

// "0.210 ms a row alone, 0.103 in batches of 8": the smallest batch whose rate is nearly the best.
std::string batches_in_words(const std::vector<engines::RunTime>& runs) {
  constexpr double kNearlyBest = 1.05;
  const auto row = [](const engines::RunTime& run) { return std::chrono::duration<double, std::milli>(run.took).count() / run.rows; };
  if (runs.size() < 2) return {};
  const double best = row(*std::ranges::min_element(runs, {}, row));
  const auto chosen = std::ranges::find_if(runs, [&](const auto& run) { return row(run) <= best * kNearlyBest; });
  return fmt::format("{:.3f} ms a row alone, {:.3f} in batches of {}", row(runs.front()), row(*chosen), chosen->rows);
}

void say_what_was_found(const std::string& model, const engines::BackendReport& report) {
  if (!report.threads.empty() || report.runs.size() > 1)
    log::info("tuned", {{"model", model}, {"threads", report.threads}, {"batches", batches_in_words(report.runs)}});
  if (!report.rows.empty())
    log::info("batches", {{"model", model}, {"requests_share_runs", report.rows_independent ? "yes" : "no"}, {"reason", report.rows}});
  if (!report.graph.empty()) log::info("graph", {{"model", model}, {"finding", report.graph}});
}

// A template that this evaluator cannot compile must not keep the model from serving completions: chat answers with the reason instead.
void compile_template(ServedModel& model) {
  const auto& templates = model.description.text->chat_templates;
  const auto own = templates.find("default");
  auto compiled = text::ChatTemplate::compile(own != templates.end() ? std::string_view(own->second) : text::default_chat_template());
  if (!compiled) {
    log::warning("chat template refused", {{"model", model.name}, {"error", compiled.error().to_log_string()}});
    model.description.warnings.push_back({"chat_template_refused", compiled.error().message()});
    model.chat_template_error = std::move(compiled).error();
    return;
  }
  model.chat_template = std::move(*compiled);
  if (own == templates.end() && model.description.task == Task::kTextGeneration) {
    model.description.warnings.push_back({"default_chat_template", "the file has no chat template; ChatML is used"});
  }
}

Result<> warm_tensors(ServedModel& model, const tensors::NamedTensors& inputs, const Clock& clock, const CancelToken& cancel) {
  auto finished = std::make_shared<std::promise<Result<>>>();
  auto waiting = finished->get_future();
  TRY(model.tensors->submit(
      {.ticket = {.request_id = "warm-up", .deadline = clock.now() + kWarmTimeMax, .cancel = cancel}, .inputs = inputs, .outputs = {}},
      [finished](auto answer) { finished->set_value(answer ? Result<>() : Result<>(std::unexpected(std::move(answer).error()))); }));
  return waiting.get();
}

// With ones, and where the model does not take them, with zeros: either may be no index that it has.
Result<> warm_tensors(ServedModel& model, const Clock& clock, const CancelToken& cancel) {
  Result<> warmed;
  for (const auto value : {engines::NeutralValue::kOne, engines::NeutralValue::kZero}) {
    const auto inputs = engines::neutral_inputs(model.description, value, kWarmElementsMax);
    if (!inputs) return {};
    warmed = warm_tensors(model, *inputs, clock, cancel);
    if (warmed || (warmed.error().code() != engines::kRunFailed && warmed.error().code() != engines::kOperandRefused)) break;
  }
  return warmed;
}

Result<> warm_embedding(ServedModel& model, const CancelToken& cancel) {
  TRY_ASSIGN(auto tokens, model.tokenizer->encode("warm", {.truncate_to = model.sequence_tokens_max}));
  auto finished = std::make_shared<std::promise<Result<>>>();
  auto waiting = finished->get_future();
  TRY(model.embedding->submit(
      {.ticket = {.request_id = "warm-up", .cancel = cancel}, .texts = {std::move(tokens)}},
      [finished](auto answer) { finished->set_value(answer ? Result<>() : Result<>(std::unexpected(std::move(answer).error()))); }));
  return waiting.get();
}

Result<> warm_generation(ServedModel& model, const Clock& clock, const CancelToken& cancel) {
  TRY_ASSIGN(auto tokens, model.tokenizer->encode("warm", {}));
  TRY_ASSIGN(auto channel, model.generation->submit(
                               {.ticket = {.request_id = "warm-up", .cancel = cancel}, .prompt = std::move(tokens), .tokens_max = 1}));
  const auto give_up = clock.now() + std::chrono::minutes(5);
  while (auto event = channel->pop_until(give_up)) {
    if (event->kind == scheduling::TokenEvent::Kind::kFailed) return fail(*event->error);
    if (event->kind == scheduling::TokenEvent::Kind::kFinished) return {};
  }
  return fail(kModelLoadFailed, "the first step did not end within five minutes");
}

// The first run of a library is slower than the rest (kernels are chosen, memory is touched). Ones may be nonsense to a model, an index
// out of range say, so a failure of a tensor model is reported and does not keep it from serving.
Result<> warm_up(ServedModel& model, const Clock& clock, const CancelToken& cancel) {
  if (model.generation) return warm_generation(model, clock, cancel);
  auto warmed = model.embedding ? warm_embedding(model, cancel) : warm_tensors(model, clock, cancel);
  if (!warmed && cancel.cancelled()) return warmed;
  const bool text_at_fault = !warmed && warmed.error().code() == scheduling::kVectorNotFinite;
  if (model.embedding && !text_at_fault) return warmed;
  if (!warmed) {
    log::warning("the warm-up run failed", {{"model", model.name}, {"error", warmed.error().to_log_string()}});
    model.description.warnings.push_back({"warm_up_failed", warmed.error().message()});
  }
  return {};
}

// Of one file its own; of several, that of theirs.
Result<Digest> digest_of_files(const std::vector<std::filesystem::path>& files) {
  if (files.size() == 1) return digest_of_file(files.front());
  Digester digester;
  for (const auto& file : files) {
    TRY_ASSIGN(const auto digest, digest_of_file(file));
    digester.add(digest);
  }
  return digester.finish();
}

Result<std::shared_ptr<ServedModel>> load_pipeline(const ModelSource& source, const ModelsOptions& options, const LoaderContext& context) {
  const auto started = context.clock->now();
  if (context.described) context.described(Task::kTensors);
  TRY_ASSIGN(const auto file, MappedFile::open(source.path, kPipelineBytesMax));
  TRY_ASSIGN(const auto text, read_pipeline({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}),
             "reading pipeline " + source.name);
  const FindModel find = context.find_model ? context.find_model : [](const std::string& name) -> Result<std::shared_ptr<ServedModel>> {
    return fail(kModelNotFound, fmt::format("no model named '{}'", name));
  };
  TRY_ASSIGN(auto built, build_pipeline(text, options.pipelines, find), "building pipeline " + source.name);
  auto model = std::make_shared<ServedModel>();
  model->name = source.name;
  model->version = source.version;
  model->description = std::move(built.description);
  model->description.name = source.name;
  model->backend = "pipeline";
  model->tensors = scheduling::open_pipeline(std::move(built.plan), options.tensors,
                                             {.clock = context.clock,
                                              .metrics = &metrics_of(context, source),
                                              .budget = context.budget,
                                              .pressure = context.pressure,
                                              .model = source.name,
                                              .shares_caches = shares_caches(options, source.name)});
  model->loaded_at = context.clock->wall();
  model->load_time = std::chrono::duration_cast<std::chrono::milliseconds>(context.clock->now() - started);
  return model;
}
}  // namespace

Result<std::shared_ptr<ServedModel>> load_model(const ModelSource& given, const ModelsOptions& options, const LoaderContext& context) {
  if (is_pipeline(given.path)) return load_pipeline(given, options, context);
  ModelSource source = given;  // by its file, beside which the others lie
  TRY_ASSIGN(source.path, formats::model_file_of(given.path), "reading model " + given.name);
  const auto started = context.clock->now();
  auto model = std::make_shared<ServedModel>();
  model->name = source.name;
  model->version = source.version;
  auto files = std::make_shared<WatchedFiles>();
  TRY(files->add(source.path), "reading model " + source.name);
  TRY_ASSIGN(model->description,
             formats::read_model(source.path, {.file_bytes_max = options.file_bytes_max,
                                               .constant_bytes_max = options.constant_bytes_max,
                                               .loop_steps_max = options.loop_steps_max}),
             "reading model " + source.name);
  const auto& description = model->description;
  if (context.described) context.described(description.task);
  for (const auto& beside : description.external_files) TRY(files->add(source.path.parent_path() / beside), "reading model " + source.name);
  if (description.text && !description.text->has_tensors) return fail(kModelHasNoWeights, fmt::format("'{}' has no weights", source.name));

  const auto engine = std::ranges::find_if(context.engines, [&](const auto& candidate) { return candidate->runs(description); });
  if (engine == context.engines.end()) return fail(kNoEngine, fmt::format("no engine runs {} files here", name_of(description.format)));

  if (context.probes) {
    const auto keeps_going = [&] { return !context.progress || context.progress(0.0F); };
    TRY(probe_model(source, description, options, context.cache, keeps_going), "trying model " + source.name);
  }

  TRY_ASSIGN(const auto processors, processors_of(options.cpu_affinity));
  // What an engine or a runner starts from here stays there: threads take over the processors of their maker.
  const ProcessorsScope scope(processors);
  // What the file declares is held before it is loaded, so that a model which does not fit is refused and not half loaded.
  const std::string what = fmt::format("model '{}'", source.name);
  TRY_ASSIGN(model->memory, context.budget->reserve(description.weight_bytes, what, ByteBudget::Shortage::kReclaim));
  TRY_ASSIGN(model->loaded,
             (*engine)->load(source.path, description,
                             {.backend = options.backend,
                              .threads = options.threads,
                              .tune = options.tune,
                              .translate_encoders = options.embedding.translate,
                              .encoder_int8 = options.embedding.int8,
                              .cache = {.cache = context.cache, .model_bytes_max = options.cache.model_bytes_max},
                              .run = {.time_max = options.tensors.run_time_max,
                                      .bytes_max = options.tensors.run_bytes_max,
                                      .output_bytes_max = options.tensors.run_bytes_max / 3,
                                      .budget = context.budget},
                              .processors = processors,
                              .progress = context.progress,
                              .cancel = context.cancel}),
             "loading model " + source.name);
  TRY(engines::check_unchanged(*files), "loading model " + source.name);
  files->keep_mapped();
  if (!files->empty()) model->loaded = engines::watched_model(std::move(model->loaded), files);
  model->files = std::move(files);
  const std::uint64_t bytes = model->loaded->weights_bytes() + session_bytes(*model->loaded, options);
  TRY(model->memory.resize(bytes, what, ByteBudget::Shortage::kReclaim));

  model->backend = model->loaded->backend().chosen;
  model->backend_passed_over = model->loaded->backend().passed_over;
  model->rows_independent = model->loaded->backend().rows_independent;
  model->rows = model->loaded->backend().rows;
  say_what_was_found(source.name, model->loaded->backend());
  model->tokenizer = model->loaded->tokenizer();
  if (description.text) compile_template(*model);

  scheduling::RunnerContext runner{.clock = context.clock,
                                   .metrics = &metrics_of(context, source),
                                   .budget = context.budget,
                                   .pressure = context.pressure,
                                   .model = source.name,
                                   .version = source.version,
                                   .shares_caches = shares_caches(options, source.name),
                                   .processors = processors};
  if (description.task == Task::kTextGeneration && !options.generation.cache.disk_path.empty()) {
    TRY_ASSIGN(runner.model_digest, digest_of_files(formats::files_of(source.path, description)));
  }
  TRY_ASSIGN(runner.adapters, adapters_of(options, source.name));
  TRY(open_runner(*model, options, runner), "opening a session of model " + source.name);
  if (options.warm) TRY(warm_up(*model, *context.clock, context.cancel), "warming model " + source.name);
  model->loaded_at = context.clock->wall();
  model->load_time = std::chrono::duration_cast<std::chrono::milliseconds>(context.clock->now() - started);
  return model;
}

}  // namespace forebay::models

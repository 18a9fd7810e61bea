#include "models/model_probe.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <glaze/glaze.hpp>
#include <optional>

#include "base/clock.h"
#include "base/digest.h"
#include "base/errors.h"
#include "base/log.h"
#include "engines/engines.h"
#include "engines/errors.h"
#include "engines/library_message.h"
#include "engines/model_cache.h"
#include "formats/errors.h"
#include "formats/model_files.h"
#include "models/errors.h"
#include "models/model_loader.h"
#include "sandbox/child.h"
#include "sandbox/errors.h"
#include "scheduling/errors.h"
#include "tensors/errors.h"
#include "text/errors.h"

namespace forebay::models {

namespace {
// Raised when a child tries more, or otherwise, than before.
constexpr std::string_view kGeneration = "forebay probe 1";
constexpr std::uint32_t kProbeContextTokens = 512;
constexpr std::size_t kProbeArguments = 4;  // the file, its name, and two limits of ONNX graphs
constexpr std::string_view kTranslates = "translate";
constexpr std::string_view kInt8 = "int8";
// A file is read, checked and computed with at this rate at least.
constexpr std::uint64_t kFileBytesASecond = std::uint64_t{50} << 20;
constexpr int kClockPerCpu = 3;  // other processes may take the cores meanwhile

struct ProbeReply {
  std::uint16_t code = 0;  // 0: none
  std::string message;
  std::string hint;
};

const ErrorCode* code_of(std::uint16_t number) {
  for (const ErrorCodes codes :
       {ErrorCodes(kBaseErrors), ErrorCodes(tensors::kTensorErrors), ErrorCodes(formats::kFormatsErrors), ErrorCodes(text::kTextErrors),
        ErrorCodes(engines::kEngineErrors), ErrorCodes(scheduling::kSchedulingErrors), ErrorCodes(kModelsErrors)}) {
    const auto found = std::ranges::find(codes, number, &ErrorCode::number);
    if (found != codes.end()) return *found;
  }
  return nullptr;
}

// With what the same file may end otherwise.
Digester surroundings_of(const ModelsOptions& options) {
  Digester digester;
  digester.add_text(kGeneration).add_text(engines::library_versions());
  digester.add_text(options.embedding.translate ? kTranslates : "").add_text(options.embedding.int8 ? kInt8 : "");
  digester.add_text(std::to_string(options.constant_bytes_max)).add_text(std::to_string(options.loop_steps_max));
  return digester;
}

// By the place of every file and the time of its last change of any kind, which the system sets. Nothing when one cannot be looked at.
std::optional<Digest> place_key_of(const std::vector<std::filesystem::path>& files, const ModelsOptions& options) {
  Digester digester = surroundings_of(options);
  for (const auto& file : files) {
    struct stat status{};
    if (::stat(file.c_str(), &status) != 0) return std::nullopt;
    digester.add_text(fmt::format("{}:{}:{}:{}.{}:{}.{}", status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                                  status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec));
  }
  return digester.finish();
}

std::optional<Digest> content_key_of(const std::vector<std::filesystem::path>& files, const ModelsOptions& options) {
  Digester digester = surroundings_of(options);
  for (const auto& file : files) {
    const auto content = digest_of_file(file);
    if (!content) return std::nullopt;
    // The model's own name does not matter; it names the files beside it.
    digester.add_text(&file == &files.front() ? "" : file.filename().string()).add(*content);
  }
  return digester.finish();
}

// What is known about a model's files from earlier starts. Reading a large file only to know it takes longer than trying it out, so that
// those are known by their place alone.
class ProbeRecord {
 public:
  ProbeRecord(const ModelSource& source, const formats::ModelDescription& description, const ModelsOptions& options,
              engines::ModelCache* cache)
      : cache_(options.probe.when == kProbeUnknown ? cache : nullptr), source_(source), description_(description), options_(options) {}

  bool has_passed() {
    if (cache_ == nullptr) return false;
    files_ = formats::files_of(source_.path, description_);
    place_ = place_key_of(files_, options_);
    if (place_ && cache_->find(*place_)) return true;
    if (description_.file_bytes <= options_.cache.model_bytes_max) content_ = content_key_of(files_, options_);
    if (!content_ || !cache_->find(*content_)) return false;
    note_passed();
    return true;
  }
  void note_passed() {
    for (const auto& key : {place_, content_})
      if (key && cache_ != nullptr) cache_->keep(*key, "passed");
  }

 private:
  engines::ModelCache* const cache_;
  const ModelSource& source_;
  const formats::ModelDescription& description_;
  const ModelsOptions& options_;
  std::vector<std::filesystem::path> files_;
  std::optional<Digest> place_;
  std::optional<Digest> content_;
};

sandbox::ChildLimits limits_for(const formats::ModelDescription& description, const ProbeOptions& options) {
  sandbox::ChildLimits limits;
  // Libraries copy weights into other layouts, of which the largest is twice as wide.
  limits.memory_bytes_max = options.memory_bytes_max + 2 * std::max(description.weight_bytes, description.file_bytes);
  limits.cpu_time_max = options.time_max + std::chrono::seconds(description.file_bytes / kFileBytesASecond);
  limits.time_max = kClockPerCpu * limits.cpu_time_max;
  return limits;
}

bool is_trusted(const ModelSource& source, const ProbeOptions& options) {
  return options.when == kProbeNever || std::ranges::contains(options.trusted, "*") || std::ranges::contains(options.trusted, source.name);
}

Result<> try_in_child(const ModelSource& source, const formats::ModelDescription& description, const ModelsOptions& options,
                      const std::function<bool()>& keeps_going) {
  sandbox::ChildTask task{
      .command = std::string(kProbeCommand),
      .arguments = {source.path.string(), source.name, std::to_string(options.constant_bytes_max), std::to_string(options.loop_steps_max)},
      // No debugger is asked for a backtrace, and no graphics driver is started.
      .environment = {"GGML_NO_BACKTRACE=1", "VK_LOADER_DRIVERS_DISABLE=*"},
      .descriptors = {},
      .limits = limits_for(description, options.probe),
      .keeps_going = keeps_going};
  if (options.embedding.translate) task.arguments.emplace_back(kTranslates);
  if (options.embedding.int8) task.arguments.emplace_back(kInt8);
  TRY_ASSIGN(const auto end, sandbox::run_child(task));
  if (end.ending == sandbox::ChildEnding::kFinished) return probe_result_in(end.result);
  if (end.ending == sandbox::ChildEnding::kStopped) return fail(kCancelledByCaller, "the load was stopped");
  const Error how = error_of(end, task.limits, engines::cleaned_library_message(end.last_line));
  return fail(
      Error(kProbeFailed, fmt::format("loading it in a process of its own failed: {}", how.message())).with_hint(std::string(how.hint())));
}

// One worker, one sequence and few cells: what is tried is the file, not how much fits beside it.
ModelsOptions options_of_child(std::span<const std::string> limits, std::span<const std::string> flags) {
  ModelsOptions options;
  options.constant_bytes_max = std::stoull(limits[0]);
  options.loop_steps_max = std::stoull(limits[1]);
  options.backend = "cpu";
  options.threads = 1;
  options.tune = false;
  options.warm = true;
  options.generation.workers = 1;
  options.generation.sequences_max = 1;
  options.generation.threads = 1;
  options.generation.context_tokens = kProbeContextTokens;
  options.tensors.workers = 1;
  options.embedding.threads = 1;
  options.embedding.translate = std::ranges::contains(flags, kTranslates);
  options.embedding.int8 = std::ranges::contains(flags, kInt8);
  options.probe.when = kProbeNever;
  return options;
}

Result<> load_once(const std::vector<std::string>& arguments) {
  if (arguments.size() < kProbeArguments) return fail(kInternalError, "the child was not told which file to load");
  const SystemClock clock;
  ByteBudget budget(SIZE_MAX / 2);  // the limits of the process bound it
  const auto engines = engines::make_engines();
  const ModelSource source{.name = arguments[1], .version = "1", .path = arguments[0]};
  const std::span all(arguments);
  const auto loaded = load_model(source, options_of_child(all.subspan(2, 2), all.subspan(kProbeArguments)),
                                 {.engines = engines, .clock = &clock, .budget = &budget, .progress = {}, .find_model = {}});
  // Without the end of the model: the result counts, and the process ends anyway.
  sandbox::finish_child(probe_result_of(loaded ? Result<>() : Result<>(std::unexpected(loaded.error()))));
}
}  // namespace

Result<> probe_model(const ModelSource& source, const formats::ModelDescription& description, const ModelsOptions& options,
                     engines::ModelCache* cache, const std::function<bool()>& keeps_going) {
  if (is_trusted(source, options.probe)) return {};
  ProbeRecord record(source, description, options, cache);
  if (record.has_passed()) return {};
  const SystemClock clock;
  const Instant began = clock.now();
  TRY(try_in_child(source, description, options, keeps_going));
  log::debug("the file was tried in a child process",
             {{"model", source.name}, {"seconds", fmt::format("{:.3f}", std::chrono::duration<double>(clock.now() - began).count())}});
  record.note_passed();
  return {};
}

int run_probe_child(std::span<char* const> arguments) {
  log::configure({.level = log::Level::kOff});  // standard error is for what the libraries say at their end
  auto own = sandbox::enter_child(arguments);
  if (!own) return mapping_of(own.error().kind()).exit_status;
  const auto result = load_once(*own);
  sandbox::finish_child(probe_result_of(result));
}

std::string probe_result_of(const Result<>& loaded) {
  ProbeReply reply;
  if (!loaded)
    reply = {.code = loaded.error().code().number, .message = loaded.error().message(), .hint = std::string(loaded.error().hint())};
  return glz::write_json(reply).value_or("");
}

Result<> probe_result_in(std::string_view text) {
  ProbeReply reply;
  if (glz::read<glz::opts{.null_terminated = false}>(reply, text)) return fail(kProbeFailed, "the process that loaded it gave no answer");
  if (reply.code == 0) return {};
  const ErrorCode* code = code_of(reply.code);
  return fail(Error(code != nullptr ? *code : kProbeFailed, std::move(reply.message)).with_hint(std::move(reply.hint)));
}

}  // namespace forebay::models

#include "cli/setting_rules.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "models/repository.h"

namespace forebay::cli {

namespace {
constexpr double kKib = 1024;
constexpr double kMib = 1024 * kKib;
constexpr double kGib = 1024 * kMib;
constexpr double kPib = 1024 * 1024 * kGib;
constexpr double kSecond = 1'000;  // in milliseconds
constexpr double kHour = 3'600 * kSecond;
constexpr double kDay = 24 * kHour;

constexpr std::array<std::string_view, 4> kNumaStrategies = {"off", "distribute", "isolate", "numactl"};
constexpr std::array<std::string_view, 4> kStrategies = {"round_robin", "least_loaded", "memory_aware", "prefix_affinity"};
constexpr std::array<std::string_view, 3> kProbes = {models::kProbeUnknown, models::kProbeAlways, models::kProbeNever};
constexpr std::array<std::string_view, 3> kCells = {"auto", "unified", "separate"};

constexpr std::array kRules = {
    SettingRule{"http.host", "Address to listen on; 0.0.0.0 answers the whole network.", 1, 255, TextRule::kHost},
    SettingRule{"http.port", "Port to listen on; 0 takes any free one.", 0, 65'535},
    SettingRule{"http.loop_threads", "Threads that read and write connections; 0 is one a core, at most 16.", 0, 256},
    SettingRule{"http.body_bytes_max", "Largest request body; 413 beyond.", kKib, 16 * kGib},
    SettingRule{"http.bodies_bytes_max",
                "Bodies of all requests in flight together; 503 beyond. 0: an eighth of the memory, at most 1 GiB, but room for one body.",
                0, 1024 * kGib},
    SettingRule{"http.header_bytes_max", "Largest request header; 413 beyond, and the connection is closed.", kKib, 16 * kMib},
    SettingRule{"http.json_depth_max", "Deepest nesting of a JSON body; 400 beyond.", 1, 1'000},
    SettingRule{"http.concurrent_requests_max", "Requests in flight at the same time; 503 with Retry-After beyond.", 1, 1'000'000},
    SettingRule{"http.connections_max", "Open connections; further ones get 503 and are closed.", 1, 1'000'000},
    SettingRule{"http.request_timeout",
                "Longest time for a request to arrive, and then for its answer; 504 beyond, and a stream ends with an error event.", 1,
                kDay},
    SettingRule{"http.idle_timeout", "How long a connection without a request stays open.", kSecond, kDay},
    SettingRule{"http.body_idle_timeout", "Longest pause within a request body; 408 and the end of the connection beyond.", 100, kDay},
    SettingRule{"http.keep_alive_interval", "Pause after which a silent stream gets a comment, also before its first event; 0 is never.", 0,
                kHour},
    SettingRule{"http.stream_unsent_bytes_max", "How far a stream's reader may fall behind before it is dropped.", 4 * kKib, kGib},
    SettingRule{"http.batch_items_max", "Items of one /predict/batch request, and prompts of one completion request.", 1, 65'536},
    SettingRule{"http.batch_answer_bytes_max", "All results of one /predict/batch request; an item beyond fails alone.", kKib, 16 * kGib},
    SettingRule{"http.image_bytes_max", "Largest picture, as a file; 413 beyond.", kKib, kGib},
    SettingRule{"http.image_pixels_max", "Most pixels of a picture, by its header; 413 beyond, before anything is decoded.", 1, kGib},
    SettingRule{"http.image_side_max", "Longest side of a picture in pixels; 413 beyond.", 1, 65'535},
    SettingRule{"http.choices_max", "Answers to one prompt (n).", 1, 128},
    SettingRule{"http.cors_origins", "Origins whose pages may call this server; \"*\" is any.", 0, 100, TextRule::kOrigin},
    SettingRule{"http.allowed_hosts",
                "Names that requests may be for (Host); others get 403. Empty allows addresses, loopback names and the machine's name, and "
                "with API keys any; \"*\" is any.",
                0, 100, TextRule::kHostName},
    SettingRule{"http.tls_certificate",
                "PEM file of the certificate, followed by those between it and the root; read again when it changes.", 0, 4'096,
                TextRule::kPath},
    SettingRule{"http.tls_key", "PEM file of the certificate's key, without a password.", 0, 4'096, TextRule::kPath},
    SettingRule{"accounts.api_keys",
                "Ordinary keys: for inference and what is public about models. Without any key the server is open. Shown masked.", 0, 1'000,
                TextRule::kSecret},
    SettingRule{"accounts.admin_keys",
                "Admin keys: for everything, and alone for /admin, /metrics and /server/stats on a server with keys. Shown masked.", 0,
                1'000, TextRule::kSecret},
    SettingRule{"models.backend", "Where models compute: auto, a name from `forebay devices`, or a chain that is tried in order.", 1, 255,
                TextRule::kBackend},
    SettingRule{"models.models_max", "Models that may be served.", 1, 10'000},
    SettingRule{"models.file_bytes_max", "Largest model file.", kKib, kPib},
    SettingRule{"models.constant_bytes_max",
                "Largest tensor that an ONNX node may make from a constant shape; a model with a larger one is not loaded.", kMib, kPib},
    SettingRule{"models.loop_steps_max",
                "Most steps of an ONNX loop that nothing ends before its constant count; a model with a longer one is not loaded.", 1,
                1e15},
    SettingRule{"models.threads", "Threads of one engine session; 0 is every usable core.", 0, 1'024},
    SettingRule{"models.tune", "Whether loading a model tries out how many threads pay and what batches take, with some runs of it."},
    SettingRule{"models.cpu_affinity", "Processors that models compute on: numbers and ranges such as 0-3. Empty is every usable one.", 0,
                1'024, TextRule::kProcessors},
    SettingRule{"models.numa", "How libllama spreads its threads over memory nodes: off, distribute, isolate or numactl.", 1, 16,
                TextRule::kChoice, kNumaStrategies},
    SettingRule{"models.cache.enabled", "Whether optimized graphs and what tuning found out are kept for the next start."},
    SettingRule{"models.cache.path", "Folder for that; only its owner may write it. Empty is forebay/models below the user's cache folder.",
                0, 4'096, TextRule::kPath},
    SettingRule{"models.cache.bytes_max", "Bytes of that folder; what was used longest ago goes first.", kMib, kPib},
    SettingRule{"models.cache.model_bytes_max", "Largest model file, with its weights, about which something is kept.", 0, kPib},
    SettingRule{
        "models.probe.when",
        "Which model files are tried in a child process before they are loaded: unknown (those that have not passed before, which the "
        "model cache keeps), always or never.",
        1, 16, TextRule::kChoice, kProbes},
    SettingRule{"models.probe.trusted", "Names of models whose files are never tried; \"*\" is all.", 0, 10'000},
    SettingRule{"models.probe.time_max", "How long such a child may compute, beside a second for every 50 MiB of the file.", 100, kHour},
    SettingRule{"models.probe.memory_bytes_max", "Memory of such a child beside twice the weights.", 64 * kMib, kPib},
    SettingRule{"models.warm", "Whether a model answers one made-up request before it counts as ready."},
    SettingRule{"models.share_caches",
                "Models whose caches all API keys share, \"*\" is all; of the others a key finds only what it left itself.", 0, 10'000},
    SettingRule{"models.adapters", "Low-rank adapters (LoRA) that requests may name: \"MODEL/ADAPTER=FILE\".", 0, 1'000,
                TextRule::kAdapter},
    SettingRule{"models.*.admission.queue_requests_max", "Requests that may wait; refused at once beyond.", 1, 1'000'000},
    SettingRule{"models.*.admission.high_watermark", "Share of the queue at which refusing starts.", 0.01, 1},
    SettingRule{"models.*.admission.low_watermark", "Share of the queue at which accepting starts again.", 0, 1},
    SettingRule{"models.*.admission.ageing_step", "Waiting this long raises a request by one priority.", 1, kHour},
    SettingRule{"models.*.admission.queue_wait_max", "Longest wait of a request without a deadline of its own.", 1, kDay},
    SettingRule{"models.*.breaker.failure_share", "Share of failed requests at which a model is left alone for a while.", 0.01, 1},
    SettingRule{"models.*.breaker.requests_min", "Requests that must have ended within the window before that is decided.", 1, 1'000'000},
    SettingRule{"models.*.breaker.window", "How far back failures count.", 10, kHour},
    SettingRule{"models.*.breaker.open_for", "How long requests are refused before a few find out whether it works again.", 1, kHour},
    SettingRule{"models.*.breaker.probes_max", "Requests that find that out.", 1, 1'000},
    SettingRule{"models.*.dead_letters_max", "Requests that could not be served and are remembered, without their content.", 0, 100'000},
    SettingRule{"models.generation.retry.request_share", "Retries on another worker for each request.", 0, 1},
    SettingRule{"models.generation.retry.per_second_min", "Retries a second that are allowed besides.", 0, 1'000},
    SettingRule{"models.generation.retry.burst_max", "Retries that may have been saved up.", 0, 1'000'000},
    SettingRule{"models.generation.retry.attempts_max", "Workers that one request may be given to.", 1, 100},
    SettingRule{"models.generation.health.failures_in_a_row_max", "Failures of different requests in a row that remove a worker.", 1,
                1'000},
    SettingRule{"models.generation.health.restart_delay_min", "Pause before a removed worker's first restart; doubles with each.", 1,
                kHour},
    SettingRule{"models.generation.health.restart_delay_max", "Longest pause between restarts.", 1, kHour},
    SettingRule{"models.generation.health.probation_steps", "Steps that must work before a restarted worker counts as healthy.", 1,
                1'000'000},
    SettingRule{"models.generation.health.step_stalled_after", "A step longer than this takes its worker out of rotation until it ends.", 1,
                kDay},
    SettingRule{"models.generation.workers_max", "Workers that may be asked for while serving.", 1, 256},
    SettingRule{"models.generation.strategy", "Which worker gets a request: round_robin, least_loaded, memory_aware, prefix_affinity.", 1,
                32, TextRule::kChoice, kStrategies},
    SettingRule{"models.generation.drain_timeout", "After this a worker that is being removed hands its texts to others.", 0, kDay},
    SettingRule{"models.generation.workers", "Engine threads that generate, each with its own cells.", 1, 256},
    SettingRule{"models.generation.sequences_max", "Texts that one worker generates at the same time.", 1, 256},
    SettingRule{"models.generation.context_tokens", "KV cells of one worker; 0 takes what the file says.", 0, 16'777'216},
    SettingRule{"models.generation.step_tokens_max", "Tokens of one step over all texts.", 1, 65'536},
    SettingRule{"models.generation.inter_token_max",
                "How long a step may take while an answer is streamed; shorter is smoother, longer reads prompts faster. 0 is any time.", 0,
                kDay},
    SettingRule{"models.generation.prompt_chunk_tokens_min", "Prompt tokens that every step takes all the same.", 1, 65'536},
    SettingRule{"models.generation.cache.idle_cells_max",
                "KV cells of a pool that finished texts keep, beside the last to finish; every step attends over them.", 0, 1'048'576},
    SettingRule{"models.generation.cache.ram_bytes_max", "Saved states of finished texts in RAM, within the byte budget; 0 keeps none.", 0,
                kPib},
    SettingRule{"models.generation.cache.disk_path",
                "Folder for states that leave RAM, found again after a restart; only its owner may write it. Empty is none.", 0, 4'096,
                TextRule::kPath},
    SettingRule{"models.generation.cache.disk_bytes_max", "Bytes of each model's part of that folder.", 0, kPib},
    SettingRule{"models.generation.tokens_default", "Length limit of requests that set none; 0 is what the context leaves.", 0, 16'777'216},
    SettingRule{"models.generation.channel_events_max", "Tokens a reader may leave unread before its request ends.", 16, 1'000'000},
    SettingRule{"models.generation.cells",
                "unified: one pool of KV cells for all texts, which needs the least memory; separate: a part for each, which decodes "
                "faster; auto: by "
                "what fits.",
                1, 16, TextRule::kChoice, kCells},
    SettingRule{"models.generation.threads", "Threads of one worker; 0 is cores divided by workers.", 0, 1'024},
    SettingRule{"models.tensors.workers", "Engine threads that run tensor models; 0 is one a core.", 0, 1'024},
    SettingRule{"models.tensors.batch_rows_max", "Rows of one run; what waits becomes one batch up to here.", 1, 65'536},
    SettingRule{"models.tensors.queue_delay_max", "How long a worker waits for a fuller batch.", 0, 10'000'000},
    SettingRule{"models.tensors.pads_lengths", "Whether requests of different lengths are joined where the model has an attention mask."},
    SettingRule{"models.tensors.run_time_max",
                "How long one run of a tensor model or an encoder in ONNX Runtime may take; its requests fail then.", 1, kDay},
    SettingRule{"models.tensors.run_bytes_max",
                "Memory that one such run may take beyond the weights; its requests fail then. Its outputs may have a third of it.",
                1 << 20, kPib},
    SettingRule{"models.tensors.helping_max",
                "How long a run may take that the thread of a connection does itself instead of waking a worker; 0 is never.", 0,
                1'000'000},
    SettingRule{"models.tensors.single_flight", "Whether identical requests in flight are computed once."},
    SettingRule{"models.tensors.cache.models", "Models whose answers are kept for identical requests; \"*\" is all.", 0, 10'000},
    SettingRule{"models.tensors.cache.bytes_max", "Bytes of the kept answers of one model, with their inputs.", kMib, kPib},
    SettingRule{"models.tensors.cache.entries_max", "Kept answers of one model.", 1, 10'000'000},
    SettingRule{"models.tensors.cache.ttl", "How long an answer may be given again; 0 is until newer ones need the room.", 0, kDay},
    SettingRule{"models.embedding.batch_tokens_max", "Tokens of one run.", 1, 1'048'576},
    SettingRule{"models.embedding.batch_texts_max", "Texts of one run.", 1, 65'536},
    SettingRule{"models.embedding.request_texts_max", "Texts of one request.", 1, 1'048'576},
    SettingRule{"models.embedding.threads", "Threads of the engine; 0 is every usable core.", 0, 1'024},
    SettingRule{"models.embedding.cache_bytes_max", "Vectors of texts seen before, within the byte budget; 0 keeps none.", 0, kPib},
    SettingRule{"models.embedding.translate", "Run BERT encoders of GGUF files in ONNX Runtime, which is faster; else in libllama."},
    SettingRule{"models.embedding.int8", "With int8 weights: faster, and vectors differ a little (cosine at least 0.99)."},
    SettingRule{"models.pipelines.steps_max", "Steps of a pipeline.", 1, 10'000},
    SettingRule{"models.pipelines.depth_max", "Steps of a pipeline that wait for each other in a row.", 1, 1'000},
    SettingRule{"models_served", "Models to serve: {name, path}, \"FILE\" or \"NAME=FILE\". Paths start at the file that names them.", 0,
                10'000, TextRule::kPath},
    SettingRule{"models_folder", "Folder whose models are all served. A relative path starts at the file that names it.", 0, 4'096,
                TextRule::kPath},
    SettingRule{"memory.budget_bytes", "Bytes for weights, cells and caches; 0 is 80 % of the memory this process may use.", 0, kPib},
    SettingRule{"memory.pressure.elevated_at",
                "Share of the memory limit at which caches shrink and low priority is refused while it grows.", 0.01, 1},
    SettingRule{"memory.pressure.elevated_until", "Share below which that ends.", 0, 1},
    SettingRule{"memory.pressure.critical_at", "Share of the memory limit at which new work is refused.", 0.01, 1},
    SettingRule{"memory.pressure.critical_until", "Share below which that ends.", 0, 1},
    SettingRule{"memory.pressure.budget_elevated_at", "Share of memory.budget_bytes at which caches shrink.", 0.01, 1},
    SettingRule{"memory.pressure.budget_elevated_until", "Share below which that ends.", 0, 1},
    SettingRule{"memory.pressure.limit_bytes", "Limit of resident memory beside the cgroup's and the machine's; 0 is none.", 0, kPib},
    SettingRule{"memory.pressure.period", "Pause between two looks at the memory.", 10, kHour},
    SettingRule{"threads.background", "Threads that load models.", 1, 64},
    SettingRule{"threads.request", "Threads that render templates, tokenize and decode images.", 1, 256},
    SettingRule{"log.level", "Least important lines that are written."},
    SettingRule{"log.format", "How lines are written: for people or for programs."},
    SettingRule{"shutdown.drain_timeout", "How long requests in flight may take to end after SIGTERM, SIGINT or SIGHUP.", 0, kHour},
    SettingRule{"shutdown.stop_timeout",
                "How long models and threads may take to end after that; beyond, the process ends without them, with exit status 75.",
                kSecond / 10, kHour},
};

// Both dotted; a '*' in the pattern matches one name.
bool matches(std::string_view pattern, std::string_view path) {
  while (true) {
    const auto pattern_end = pattern.find('.');
    const auto path_end = path.find('.');
    const auto name = pattern.substr(0, pattern_end);
    if (name != "*" && name != path.substr(0, path_end)) return false;
    if (pattern_end == std::string_view::npos || path_end == std::string_view::npos) return pattern_end == path_end;
    pattern.remove_prefix(pattern_end + 1);
    path.remove_prefix(path_end + 1);
  }
}

bool printable(char c) { return c > ' ' && c < 127; }
bool word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}
}  // namespace

const SettingRule* rule_of(std::string_view path) {
  const auto* found = std::ranges::find_if(kRules, [&](const SettingRule& rule) { return matches(rule.path, path); });
  return found == kRules.end() ? nullptr : found;
}

std::vector<std::string_view> rule_paths() {
  std::vector<std::string_view> paths;
  std::ranges::transform(kRules, std::back_inserter(paths), &SettingRule::path);
  return paths;
}

std::string text_problem(const SettingRule& rule, std::string_view text) {
  switch (rule.text) {
    case TextRule::kAny:
      break;
    case TextRule::kPath:
      if (text.find('\0') != std::string_view::npos) return "must not contain a zero byte";
      break;
    case TextRule::kAdapter:
      if (!models::parse_adapter_setting(text) || text.find('\0') != std::string_view::npos) return "must be MODEL/ADAPTER=FILE";
      break;
    case TextRule::kHost:
      if (text.empty() ||
          !std::ranges::all_of(text, [](char c) { return word_character(c) || c == ':' || c == '%' || c == '[' || c == ']'; }))
        return "must be an address such as 127.0.0.1, :: or localhost";
      break;
    case TextRule::kBackend:
      if (text.empty() || !std::ranges::all_of(text, [](char c) { return word_character(c) || c == ','; }) || text.front() == ',' ||
          text.back() == ',' || text.find(",,") != std::string_view::npos)
        return "must be auto, a name from 'forebay devices', or names separated by commas";
      break;
    case TextRule::kOrigin:
      if (text == "*") break;
      if (!(text.starts_with("http://") || text.starts_with("https://")) || !std::ranges::all_of(text, printable) ||
          text.find('/', text.find("//") + 2) != std::string_view::npos || text.ends_with("//") || text.size() > 512)
        return "must be \"*\" or an origin such as https://example.com, without a path";
      break;
    case TextRule::kHostName:
      if (text != "*" &&
          (text.empty() || text.size() > 255 || !std::ranges::all_of(text, [](char c) { return word_character(c) || c == ':'; })))
        return "must be \"*\" or a name such as models.example, without scheme and port";
      break;
    case TextRule::kSecret:
      if (text.size() < 8 || text.size() > 512 || !std::ranges::all_of(text, printable))
        return "must have 8 to 512 printable ASCII characters without spaces";
      break;
    case TextRule::kProcessors:
      if (text.empty() || !std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == '-'; }))
        return "must be the number of a processor, or a range such as 0-3";
      break;
    case TextRule::kChoice:
      if (!std::ranges::contains(rule.choices, text)) return fmt::format("must be one of {}", fmt::join(rule.choices, ", "));
      break;
  }
  return {};
}

std::vector<Conflict> conflicts_in(const Configuration& configuration) {
  std::vector<Conflict> conflicts;
  const auto require = [&](bool holds, std::string first, std::string_view relation, std::string second) {
    if (holds) return;
    std::string problem = first + " must be " + std::string(relation) + " " + second;
    conflicts.push_back({std::move(first), std::move(second), std::move(problem)});
  };
  const auto& models = configuration.models;
  const auto watermarks = [&](const scheduling::AdmissionOptions& admission, const std::string& runner) {
    require(admission.low_watermark < admission.high_watermark, "models." + runner + ".admission.low_watermark", "below",
            "models." + runner + ".admission.high_watermark");
  };
  watermarks(models.generation.admission, "generation");
  watermarks(models.tensors.admission, "tensors");
  watermarks(models.embedding.admission, "embedding");
  require(models.generation.prompt_chunk_tokens_min <= models.generation.step_tokens_max, "models.generation.prompt_chunk_tokens_min",
          "at most", "models.generation.step_tokens_max");
  require(models.generation.sequences_max <= models.generation.step_tokens_max, "models.generation.sequences_max", "at most",
          "models.generation.step_tokens_max");
  if (configuration.http.tls_certificate.empty() != configuration.http.tls_key.empty())
    conflicts.push_back({"http.tls_certificate", "http.tls_key", "http.tls_certificate and http.tls_key must be set together"});
  const auto& pressure = configuration.memory.pressure;
  const auto until_below_at = [&](double until, double at, const std::string& level) {
    require(until < at, "memory.pressure." + level + "_until", "below", "memory.pressure." + level + "_at");
  };
  until_below_at(pressure.elevated_until, pressure.elevated_at, "elevated");
  until_below_at(pressure.critical_until, pressure.critical_at, "critical");
  until_below_at(pressure.budget_elevated_until, pressure.budget_elevated_at, "budget_elevated");
  require(pressure.elevated_at <= pressure.critical_at, "memory.pressure.elevated_at", "at most", "memory.pressure.critical_at");
  require(models.generation.workers <= models.generation.workers_max, "models.generation.workers", "at most",
          "models.generation.workers_max");
  require(models.generation.health.restart_delay_min <= models.generation.health.restart_delay_max,
          "models.generation.health.restart_delay_min", "at most", "models.generation.health.restart_delay_max");
  if (!models.cpu_affinity.empty()) {
    // Both would place the same threads.
    require(models.numa == "off", "models.numa", "off beside", "models.cpu_affinity");
  }
  require(configuration.models_served.size() <= models.models_max, "models_served", "no longer than", "models.models_max");
  return conflicts;
}

}  // namespace forebay::cli

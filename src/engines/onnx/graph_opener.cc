#include "engines/onnx/graph_opener.h"

#include <fmt/format.h>
#include <onnxruntime/onnxruntime_session_options_config_keys.h>

#include <limits>

#include "base/log.h"
#include "base/mapped_file.h"
#include "base/processors.h"
#include "engines/library_message.h"
#include "engines/onnx/guarded_graph.h"
#include "engines/onnx/kept_findings.h"
#include "engines/onnx/onnx_environment.h"

namespace forebay::engines {

namespace {
// Raised when what is kept changes its meaning.
constexpr std::string_view kGeneration = "forebay onnx graph 3, cpu, all optimizations";  // raised when other operators are guarded, too

double milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

// Nothing when a file cannot be read: then nothing is kept, and the library says what is wrong with the file.
std::optional<Digest> key_of(const std::filesystem::path& path, const formats::ModelDescription& description) {
  Digester digester;
  digester.add_text(kGeneration).add_text(Ort::GetVersionString()).add_text(Ort::GetBuildInfoString()).add_text(processor_identity());
  const auto model = digest_of_file(path);
  if (!model) return std::nullopt;
  digester.add(*model);
  for (const std::string& name : description.external_files) {
    const auto weights = digest_of_file(path.parent_path() / name);
    if (!weights) return std::nullopt;
    digester.add_text(name).add(*weights);
  }
  return digester.finish();
}

// Weights that are inputs too, as old files have them, stay inputs when the optimizer has folded them away: then they would be asked for.
bool same_inputs(const Ort::Session& one, const Ort::Session& other) {
  Ort::AllocatorWithDefaultOptions allocator;
  if (one.GetInputCount() != other.GetInputCount() || one.GetOutputCount() != other.GetOutputCount()) return false;
  for (std::size_t i = 0; i < one.GetInputCount(); ++i)
    if (std::string_view(one.GetInputNameAllocated(i, allocator).get()) != other.GetInputNameAllocated(i, allocator).get()) return false;
  return true;
}

// The library refuses what our reader cannot read, with its own reason.
std::optional<std::string> guarded(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path, std::numeric_limits<std::uint64_t>::max());
  if (!file) return std::nullopt;
  auto graph = guarded_graph(file->bytes());
  return graph ? *std::move(graph) : std::nullopt;
}
}  // namespace

Digest key_beside(const Digest& key, std::string_view what) { return Digester().add(key).add_text(what).finish(); }

GraphOpener::GraphOpener(std::filesystem::path path, const formats::ModelDescription& description, const CacheUse& use, Setup setup)
    : path_(std::move(path)), use_(use), setup_(std::move(setup)), guarded_(guarded(path_)) {
  if (use_.cache == nullptr || description.file_bytes > use_.model_bytes_max) return;
  const SystemClock clock;
  const Instant began = clock.now();
  key_ = key_of(path_, description);
  key_took_ = clock.now() - began;
}

Ort::Session GraphOpener::open(std::size_t threads) {
  if (kept_) return from_kept(threads);
  if (decided_ || !key_) return from_file(setup_(threads));
  decided_ = true;
  return decide(threads);
}

Ort::Session GraphOpener::from_file(const Ort::SessionOptions& options) const {
  if (guarded_) return from_bytes(*guarded_, options.Clone());
  return {onnx_environment(), path_.c_str(), options};
}

// Weights beside the model stay where they are.
Ort::Session GraphOpener::from_bytes(std::span<const char> bytes, Ort::SessionOptions options) const {
  const auto folder = std::filesystem::absolute(path_).parent_path();
  options.AddConfigEntry(kOrtSessionOptionsModelExternalInitializersFileFolderPath, folder.c_str());
  return {onnx_environment(), bytes.data(), bytes.size(), options};
}

Ort::Session GraphOpener::from_kept(std::size_t threads) const {
  Ort::SessionOptions options = setup_(threads);
  options.SetGraphOptimizationLevel(ORT_DISABLE_ALL);  // all was done before it was kept
  const auto content = kept_->content();
  return from_bytes({reinterpret_cast<const char*>(content.data()), content.size()}, std::move(options));
}

Ort::Session GraphOpener::decide(std::size_t threads) {
  if (auto session = kept_before(threads)) return std::move(*session);
  const SystemClock clock;
  const Instant began = clock.now();
  Ort::Session plain = from_file(setup_(threads));
  const Duration took = clock.now() - began;
  if (took < use_.slow_from || !finding_.empty()) return plain;
  return try_out(std::move(plain), took, threads);
}

// From what an earlier start found out. Nothing when it found that the graph gains nothing, which is then the finding, or when it is gone.
std::optional<Ort::Session> GraphOpener::kept_before(std::size_t threads) {
  const auto known = find_findings<GraphFindings>(*use_.cache, key_beside(*key_, "findings"));
  if (!known) return std::nullopt;
  if (!known->gains) {
    finding_ = fmt::format("the optimized graph is not kept: it gained nothing when it was tried out{}{}; looking that up took {:.1f} ms",
                           known->reason.empty() ? "" : ": ", known->reason, milliseconds(key_took_));
    return std::nullopt;
  }
  const SystemClock clock;
  const Instant began = clock.now();
  const Digest graph = key_beside(*key_, "graph");
  kept_ = use_.cache->find(graph);
  if (!kept_) return std::nullopt;
  try {
    Ort::Session session = from_kept(threads);
    finding_ = fmt::format("loaded from the kept optimized graph in {:.1f} ms; without it took {:.1f}",
                           milliseconds(key_took_ + (clock.now() - began)), known->plain_ms);
    return session;
  } catch (const Ort::Exception& error) {
    log::warning("a kept graph is refused by the library and removed", {{"reason", cleaned_library_message(error.what())}});
    kept_.reset();
    use_.cache->remove(graph);
    return std::nullopt;
  }
}

// The library writes the optimized graph while it opens a session.
void GraphOpener::make_graph() const {
  const auto scratch = use_.cache->scratch();
  Ort::SessionOptions options = setup_(1);
  options.SetOptimizedModelFilePath(scratch.c_str());
  try {
    const Ort::Session session = from_file(options);
  } catch (const Ort::Exception&) {
    std::error_code ignored;
    std::filesystem::remove(scratch, ignored);
    throw;
  }
  use_.cache->keep_file(key_beside(*key_, "graph"), scratch);
}

Ort::Session GraphOpener::try_out(Ort::Session plain, Duration plain_took, std::size_t threads) {
  const SystemClock clock;
  const Instant began = clock.now();
  GraphFindings findings{.plain_ms = milliseconds(plain_took)};
  const Digest graph = key_beside(*key_, "graph");
  std::optional<Ort::Session> session;
  try {
    make_graph();
    const Instant made = clock.now();
    kept_ = use_.cache->find(graph);
    if (!kept_) return plain;  // no room for it just now: the next start tries again
    session = from_kept(threads);
    findings.kept_ms = milliseconds(key_took_ + (clock.now() - made));
    if (same_inputs(*session, plain))
      findings.gains = findings.kept_ms * use_.gain_min < findings.plain_ms;
    else
      findings.reason = "it would ask for more inputs than the file does";
  } catch (const Ort::Exception& error) {
    findings.reason = cleaned_library_message(error.what());
  }
  keep_findings(*use_.cache, key_beside(*key_, "findings"), findings);
  const double cost = milliseconds(clock.now() - began);
  if (findings.gains) {
    finding_ = fmt::format("the optimized graph is kept: loading takes {:.1f} ms with it and {:.1f} without; finding that out took {:.1f}",
                           findings.kept_ms, findings.plain_ms, cost);
    return std::move(*session);
  }
  const std::string why = findings.reason.empty()
                              ? fmt::format("loading takes {:.1f} ms with it and {:.1f} without", findings.kept_ms, findings.plain_ms)
                              : findings.reason;
  finding_ = fmt::format("the optimized graph is not kept: {}; finding that out took {:.1f} ms", why, cost);
  session.reset();
  kept_.reset();
  use_.cache->remove(graph);
  return plain;
}

}  // namespace forebay::engines

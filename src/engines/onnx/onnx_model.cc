#include "engines/onnx/onnx_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/errors.h"
#include "base/machine.h"
#include "engines/errors.h"
#include "engines/library_message.h"
#include "engines/onnx/encoder_graph.h"
#include "engines/onnx/load_stop.h"
#include "engines/onnx/onnx_backends.h"
#include "engines/onnx/onnx_environment.h"
#include "engines/onnx/onnx_session.h"
#include "engines/onnx/onnx_threads.h"
#include "engines/onnx/row_probe.h"

namespace forebay::engines {

namespace {
bool has_free_dimension(const formats::ModelDescription& description) {
  return std::ranges::any_of(
      description.inputs, [](const auto& input) { return std::ranges::any_of(input.shape, [](std::int64_t size) { return size < 0; }); });
}

Ort::SessionOptions session_options(const formats::ModelDescription& description, std::size_t threads) {
  Ort::SessionOptions options = session_options_for(threads);
  if (has_free_dimension(description)) keep_memory_flat(options);
  return options;
}

Result<> make_encoder(OnnxModel& model, const std::filesystem::path& path, GraphOpener& opener, const LoadOptions& options) {
  const auto& text = *model.description().text;
  auto tokenizer = text::SubwordTokenizer::open(path.parent_path() / text.tokenizer_file);
  if (!tokenizer) return fail(annotate(std::move(tokenizer).error(), "reading tokenizer.json beside the model"));
  const auto open = [&](std::size_t threads) { return opener.open(threads); };
  const auto vocabulary = static_cast<std::uint32_t>(std::max((*tokenizer)->vocabulary_size(), 0));
  TRY_ASSIGN(auto encoder,
             make_encoder_graph(model.description(), {options.threads, (*tokenizer)->padding_token(), options.run, open, vocabulary}));
  model.encode_with(*std::move(tokenizer), std::move(encoder));
  return {};
}

// The inputs the library sees must be those the description promises, or validation would be about another file.
Result<> check_inputs(const Ort::Session& session, const formats::ModelDescription& description) {
  Ort::AllocatorWithDefaultOptions allocator;
  for (std::size_t i = 0; i < session.GetInputCount(); ++i) {
    const std::string name = session.GetInputNameAllocated(i, allocator).get();
    if (!std::ranges::contains(description.inputs, name, &formats::TensorSpec::name)) {
      return fail(kModelRefused, fmt::format("the file has an input '{}' that its description does not have", name));
    }
  }
  return {};
}

// Kept for a file, a library and a processor when it was shown. Doubt may come from a busy machine, so it is tried out again.
RowsIndependence rows_of(Ort::Session& session, const GraphOpener& opener, const formats::ModelDescription& description,
                         const LoadOptions& options, bool on_cpu) {
  if (auto said = rows_said(description)) return *std::move(said);
  // Other backends may keep what they compiled for the first shape: running several shapes would break the session.
  if (!on_cpu) return {.independent = false, .why = "it is tried on the cpu backend only"};
  std::optional<Digest> key;
  if (opener.key() && options.cache.cache != nullptr) key = key_beside(*opener.key(), "rows 1");
  if (auto known = key ? find_findings<RowsIndependence>(*options.cache.cache, *key) : std::nullopt) return *std::move(known);
  RowsIndependence found = rows_shown(session, description, bounds_at_load(options.run), options.cancel);
  if (key && found.independent) keep_findings(*options.cache.cache, *key, found);
  return found;
}

// Opens the file on one backend. Throws Ort::Exception.
Result<std::shared_ptr<OnnxModel>> load_on(const std::string& backend, const std::filesystem::path& path,
                                           const formats::ModelDescription& description, const LoadOptions& options, BackendReport report) {
  const bool on_cpu = backend == "cpu";
  LoadStop stop(options.cancel);
  GraphOpener opener(path, description, on_cpu ? options.cache : CacheUse{}, [&](std::size_t threads) {
    auto setup = description.text ? encoder_session_options(threads) : session_options(description, threads);
    append_backend(setup, backend);
    keep_session_on(setup, threads, options.processors);
    if (!description.foldable) compute_constants_in_runs(setup);
    stop.watch(setup);
    return setup;
  });
  report.chosen = backend;
  std::shared_ptr<OnnxModel> model;
  if (description.text) {
    model = std::make_shared<OnnxModel>(description, std::move(report), options.run, TunedSessions());
    TRY(make_encoder(*model, path, opener, options));
    TRY(check_inputs(model->encoder()->one_thread, description));
  } else {
    auto sessions = options.tune && on_cpu && description.weight_bytes <= kTwoSessionsBytesMax
                        ? open_tuned(opener, description, options.threads, options.cache.cache, bounds_at_load(options.run), options.cancel)
                        : TunedSessions{.one = opener.open(options.threads == 0 ? usable_cores() : options.threads)};
    TRY(check_inputs(sessions.one, description));
    const RowsIndependence rows = rows_of(sessions.one, opener, description, options, on_cpu);
    report.rows_independent = rows.independent;
    report.rows = rows.why;
    model = std::make_shared<OnnxModel>(description, std::move(report), options.run, std::move(sessions));
  }
  model->note_graph(opener.finding());
  if (options.cancel.cancelled()) return fail(options.cancel.error());
  if (options.progress && !options.progress(1.0F)) return fail(kCancelledByCaller, "the load was stopped");
  return model;
}
}  // namespace

Result<std::shared_ptr<OnnxModel>> OnnxModel::load(const std::filesystem::path& path, const formats::ModelDescription& description,
                                                   const LoadOptions& options) {
  if (options.progress && !options.progress(0.0F)) return fail(kCancelledByCaller, "the load was stopped");
  BackendReport report;
  try {
    onnx_environment();  // before anything else of the library, options included
    for (const std::string& backend : onnx_backend_chain(options.backend)) {
      Ort::SessionOptions probe;
      if (auto reason = append_backend(probe, backend)) {
        report.passed_over.push_back(fmt::format("{}: {}", backend, *reason));
        continue;
      }
      try {
        return load_on(backend, path, description, options, report);
      } catch (const Ort::Exception& error) {
        if (options.cancel.cancelled()) return fail(options.cancel.error());
        const std::string reason = cleaned_library_message(error.what());
        // What the library's own kernels refuse, nothing will take: it is the model.
        if (backend == "cpu") return fail(kModelRefused, reason);
        report.passed_over.push_back(fmt::format("{}: {}", backend, reason));
      }
    }
  } catch (const Ort::Exception& error) {
    return fail(kModelRefused, cleaned_library_message(error.what()));
  } catch (const std::bad_alloc&) {
    return fail(kModelRefused, "there is not enough memory for the model");
  }
  return fail(kBackendUnavailable, fmt::format("no backend of '{}' can be used: {}", options.backend, fmt::join(report.passed_over, "; ")));
}

OnnxModel::OnnxModel(formats::ModelDescription description, BackendReport report, const RunBounds& bounds, TunedSessions sessions)
    : description_(std::move(description)),
      report_(std::move(report)),
      bounds_(bounds),
      session_(std::move(sessions.one)),
      wide_(std::move(sessions.wide)) {
  report_.threads = std::move(sessions.threads);
  report_.runs = std::move(sessions.runs);
  if (!session_) return;
  Ort::AllocatorWithDefaultOptions allocator;
  for (std::size_t i = 0; i < session_.GetOutputCount(); ++i)
    output_names_.emplace_back(session_.GetOutputNameAllocated(i, allocator).get());
}

std::uint64_t OnnxModel::weights_bytes() const {
  return (wide_ || (encoder_ && encoder_->all_threads) ? 2 : 1) * description_.weight_bytes;
}

std::uint64_t OnnxModel::tensor_session_bytes() const {
  return description_.memory_bytes - std::min(description_.memory_bytes, description_.weight_bytes);
}

Result<std::unique_ptr<TensorSession>> OnnxModel::open_tensor_session() {
  if (encoder_) return LoadedModel::open_tensor_session();
  return std::make_unique<OnnxSession>(shared_from_this());
}

Result<std::unique_ptr<EmbeddingSession>> OnnxModel::open_embedding_session(const EmbeddingSessionOptions& options) {
  if (!encoder_) return LoadedModel::open_embedding_session(options);
  return std::make_unique<EncoderSession>(encoder_, encoder_session_info(description_, options, *tokenizer_));
}

void OnnxModel::encode_with(std::unique_ptr<text::SubwordTokenizer> tokenizer, std::shared_ptr<EncoderGraph> encoder) {
  tokenizer_ = std::move(tokenizer);
  encoder_ = std::move(encoder);
}

}  // namespace forebay::engines

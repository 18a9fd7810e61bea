#include "engines/onnx/onnx_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <onnxruntime/onnxruntime_session_options_config_keys.h>

#include <algorithm>

#include "base/errors.h"
#include "base/machine.h"
#include "engines/errors.h"
#include "engines/library_message.h"
#include "engines/onnx/encoder_graph.h"
#include "engines/onnx/onnx_backends.h"
#include "engines/onnx/onnx_environment.h"
#include "engines/onnx/onnx_session.h"
#include "engines/onnx/onnx_threads.h"

namespace forebay::engines {

namespace {
bool has_free_dimension(const formats::ModelDescription& description) {
  return std::ranges::any_of(
      description.inputs, [](const auto& input) { return std::ranges::any_of(input.shape, [](std::int64_t size) { return size < 0; }); });
}

Ort::SessionOptions session_options(const formats::ModelDescription& description, std::size_t threads) {
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(static_cast<int>(threads == 0 ? usable_cores() : threads));
  options.SetInterOpNumThreads(1);
  options.SetExecutionMode(ORT_SEQUENTIAL);
  options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
  // Several models share the machine: a pool that spins between runs takes the cores of the others.
  options.AddConfigEntry(kOrtSessionOptionsConfigAllowIntraOpSpinning, "0");
  options.AddConfigEntry(kOrtSessionOptionsConfigAllowInterOpSpinning, "0");
  if (has_free_dimension(description)) {
    // With every new shape the arena keeps another set of blocks and the planner another pattern: neither ever shrinks.
    options.DisableCpuMemArena();
    options.DisableMemPattern();
  }
  return options;
}

Result<> make_encoder(OnnxModel& model, const std::filesystem::path& path, const std::string& backend, const LoadOptions& options) {
  const auto& text = *model.description().text;
  auto tokenizer = text::SubwordTokenizer::open(path.parent_path() / text.tokenizer_file);
  if (!tokenizer) return fail(annotate(std::move(tokenizer).error(), "reading tokenizer.json beside the model"));
  const auto open = [&](std::size_t threads) {
    auto setup = encoder_session_options(threads);
    append_backend(setup, backend);
    return Ort::Session(onnx_environment(), path.c_str(), setup);
  };
  TRY_ASSIGN(auto encoder, make_encoder_graph(model.description(), {options.threads, (*tokenizer)->padding_token(), open}));
  model.encode_with(*std::move(tokenizer), std::move(encoder));
  return {};
}

struct Sessions {
  Ort::Session one{nullptr};
  Ort::Session wide{nullptr};  // null when threads gain nothing, or there is to be one session only
  std::string finding;
};

double milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

// Given a session with `threads` threads: is one with a single thread as good, or good to have beside it?
Sessions fewest_threads(Ort::Session wide, std::size_t threads, const formats::ModelDescription& description,
                        const std::function<Ort::Session(std::size_t threads)>& open) {
  const auto with_all = run_time_of(wide, description);
  if (!with_all) return {.one = std::move(wide)};
  Ort::Session narrow = open(1);
  const auto with_one = run_time_of(narrow, description);
  if (!with_one) return {.one = std::move(wide)};
  const bool worth = *with_one > *with_all * kThreadsWorth;
  Sessions sessions{.finding = fmt::format("a run takes {:.3f} ms with 1 thread and {:.3f} with {}: {}", milliseconds(*with_one),
                                           milliseconds(*with_all), threads, worth ? "one that is alone uses them all" : "1 is used")};
  sessions.one = std::move(narrow);
  if (worth) sessions.wide = std::move(wide);
  return sessions;
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
}  // namespace

Result<std::shared_ptr<OnnxModel>> OnnxModel::load(const std::filesystem::path& path, const formats::ModelDescription& description,
                                                   const LoadOptions& options) {
  if (options.progress && !options.progress(0.0F)) return fail(kCancelledByCaller, "the load was stopped");
  BackendReport report;
  try {
    Ort::Env& environment = onnx_environment();
    for (const std::string& backend : onnx_backend_chain(options.backend)) {
      Ort::SessionOptions session_setup = session_options(description, options.threads);
      if (auto reason = append_backend(session_setup, backend)) {
        report.passed_over.push_back(fmt::format("{}: {}", backend, *reason));
        continue;
      }
      try {
        Sessions sessions{.one = Ort::Session(environment, path.c_str(), session_setup)};
        TRY(check_inputs(sessions.one, description));
        if (options.tune && !description.text && options.threads == 0 && backend == "cpu" && usable_cores() > 1 &&
            description.weight_bytes <= kTwoSessionsBytesMax) {
          sessions = fewest_threads(std::move(sessions.one), usable_cores(), description, [&](std::size_t threads) {
            return Ort::Session(environment, path.c_str(), session_options(description, threads));
          });
        }
        if (options.progress && !options.progress(1.0F)) return fail(kCancelledByCaller, "the load was stopped");
        report.chosen = backend;
        report.threads = sessions.finding;
        auto model = std::make_shared<OnnxModel>(description, std::move(report), std::move(sessions.one), std::move(sessions.wide));
        if (description.text) TRY(make_encoder(*model, path, backend, options));  // checked by the session, which it replaces
        return model;
      } catch (const Ort::Exception& error) {
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

OnnxModel::OnnxModel(formats::ModelDescription description, BackendReport report, Ort::Session session, Ort::Session wide)
    : description_(std::move(description)), report_(std::move(report)), session_(std::move(session)), wide_(std::move(wide)) {
  Ort::AllocatorWithDefaultOptions allocator;
  for (std::size_t i = 0; i < session_.GetOutputCount(); ++i)
    output_names_.emplace_back(session_.GetOutputNameAllocated(i, allocator).get());
}

MemoryNeed OnnxModel::memory_need(const TextSessionOptions&) const {
  const std::uint64_t weights = description_.weight_bytes;
  return {.weights_bytes = wide_ || (encoder_ && encoder_->all_threads) ? 2 * weights : weights,
          .session_bytes = description_.memory_bytes > weights ? description_.memory_bytes - weights : 0};
}

Result<std::unique_ptr<TensorSession>> OnnxModel::open_tensor_session() {
  if (encoder_) return fail(kWrongKindOfModel, "the model embeds texts; its tensors are not served");
  return std::make_unique<OnnxSession>(shared_from_this());
}

Result<std::unique_ptr<TextSession>> OnnxModel::open_text_session(const TextSessionOptions& options) {
  if (!encoder_) return fail(kWrongKindOfModel, "the model works on tensors, not on text");
  if (!options.embeddings) return fail(kWrongKindOfModel, "an encoder embeds whole texts; it does not generate");
  return std::make_unique<EncoderSession>(encoder_, encoder_session_info(description_, options, *tokenizer_));
}

void OnnxModel::encode_with(std::unique_ptr<text::SubwordTokenizer> tokenizer, std::shared_ptr<EncoderGraph> encoder) {
  tokenizer_ = std::move(tokenizer);
  encoder_ = std::move(encoder);
  session_ = Ort::Session(nullptr);
}

Result<std::unique_ptr<Sampler>> OnnxModel::make_sampler(const SamplingOptions&) const {
  return fail(kWrongKindOfModel, "the model works on tensors: there are no tokens to choose from");
}

}  // namespace forebay::engines

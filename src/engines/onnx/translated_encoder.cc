#include "engines/onnx/translated_encoder.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/mapped_file.h"
#include "engines/errors.h"
#include "engines/library_message.h"
#include "engines/llama/llama_model.h"
#include "engines/onnx/bert_graph.h"
#include "engines/onnx/encoder_graph.h"
#include "engines/onnx/onnx_environment.h"
#include "formats/gguf_file.h"

namespace forebay::engines {

namespace {

class TranslatedEncoder final : public LoadedModel {
 public:
  TranslatedEncoder(formats::ModelDescription description, BackendReport report, std::shared_ptr<LoadedModel> vocabulary,
                    std::shared_ptr<EncoderGraph> graph, std::uint64_t graph_bytes)
      : description_(std::move(description)),
        report_(std::move(report)),
        vocabulary_(std::move(vocabulary)),
        graph_(std::move(graph)),
        graph_bytes_(graph_bytes) {}

  const formats::ModelDescription& description() const override { return description_; }
  const BackendReport& backend() const override { return report_; }
  const text::Tokenizer* tokenizer() const override { return vocabulary_->tokenizer(); }
  std::uint64_t weights_bytes() const override { return graph_bytes_ * (graph_->all_threads ? 2 : 1); }
  std::uint64_t embedding_session_bytes(const EmbeddingSessionOptions& options) const override {
    const auto& text = *description_.text;
    // Of one run on every thread: the widest layers, and scores of every token with every other.
    const std::uint64_t tokens =
        std::min<std::uint64_t>(std::max<std::uint64_t>(512, text.context_length), options.batch_tokens_max + text.context_length);
    const std::uint64_t row =
        4 * (2ULL * text.feed_forward_length + 8ULL * text.embedding_length + 2ULL * text.head_count * text.context_length);
    return tokens * row * graph_->threads;
  }
  Result<std::unique_ptr<EmbeddingSession>> open_embedding_session(const EmbeddingSessionOptions& options) override {
    if (options.pooling == Pooling::kNone || options.pooling == Pooling::kRank)
      return fail(kNoPooling, "an encoder of vectors gives one a text by mean, cls or last");
    auto info = encoder_session_info(description_, options, *vocabulary_->tokenizer());
    return std::make_unique<EncoderSession>(graph_, info, options.pooling);
  }

 private:
  const formats::ModelDescription description_;
  const BackendReport report_;
  const std::shared_ptr<LoadedModel> vocabulary_;
  const std::shared_ptr<EncoderGraph> graph_;
  const std::uint64_t graph_bytes_;
};

// What the graph is called with, for make_encoder_graph.
formats::ModelDescription described(const formats::ModelDescription& file, std::uint64_t weight_bytes) {
  formats::ModelDescription description = file;
  for (const char* name : {"input_ids", "attention_mask"}) description.inputs.push_back({.name = name, .dtype = tensors::DType::kInt32});
  description.weight_bytes = weight_bytes;
  description.text->output = kBertOutput;
  return description;
}

Result<std::shared_ptr<LoadedModel>> translate(const std::filesystem::path& path, const formats::ModelDescription& description,
                                               const LoadOptions& options) {
  if (!description.external_files.empty()) return fail(kModelRefused, "a model in several files is not translated");
  TRY_ASSIGN(const auto bytes, MappedFile::open(path, std::size_t{64} << 30U));
  TRY_ASSIGN(const auto file, formats::parse_gguf(bytes.bytes(), {}));
  const auto precision = options.encoder_int8 ? EncoderPrecision::kInt8 : EncoderPrecision::kFloat32;
  TRY_ASSIGN(const auto graph, bert_graph(file, bytes.bytes(), precision));
  if (options.progress && !options.progress(0.5F)) return fail(kCancelledByCaller, "the load was stopped");
  const std::size_t threads = options.threads == 0 ? usable_cores() : options.threads;
  Ort::Env& environment = onnx_environment();  // before anything else of the library, options included
  const auto open = [&](std::size_t of_run) {
    return Ort::Session(environment, graph.data(), graph.size(), encoder_session_options(of_run));
  };
  try {
    TRY_ASSIGN(auto encoder, make_encoder_graph(described(description, graph.size()), {threads, 0, options.run, open}));
    TRY_ASSIGN(auto vocabulary, LlamaModel::load_vocabulary(path, description));
    if (options.progress && !options.progress(1.0F)) return fail(kCancelledByCaller, "the load was stopped");
    BackendReport report{.chosen = "cpu", .passed_over = {}};
    return std::make_shared<TranslatedEncoder>(description, std::move(report), std::move(vocabulary), std::move(encoder), graph.size());
  } catch (const Ort::Exception& error) {
    return fail(kModelRefused, cleaned_library_message(error.what()));
  } catch (const std::bad_alloc&) {
    return fail(kModelRefused, "there is not enough memory for the model");
  }
}

}  // namespace

bool TranslatingEngine::runs(const formats::ModelDescription& description) const {
  if (description.format != formats::Format::kGguf || description.task != formats::Task::kEmbedding || !description.text) return false;
  const auto& text = *description.text;
  const bool pools = text.pooling == "mean" || text.pooling == "cls" || text.pooling == "last";
  return description.architecture == "bert" && pools && text.has_tensors;
}

Result<std::shared_ptr<LoadedModel>> TranslatingEngine::load(const std::filesystem::path& path,
                                                             const formats::ModelDescription& description, const LoadOptions& options) {
  const bool on_cpu = options.backend == "auto" || options.backend == "cpu";
  if (options.translate_encoders && on_cpu) {
    auto translated = translate(path, description, options);
    if (translated || translated.error().code() == kCancelledByCaller) return translated;
    log::info("the encoder runs in libllama", {{"reason", translated.error().to_log_string()}});
  }
  return otherwise_->load(path, description, options);
}

}  // namespace forebay::engines

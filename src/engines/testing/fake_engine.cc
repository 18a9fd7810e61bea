#include "engines/testing/fake_engine.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "engines/errors.h"
#include "engines/testing/fake_embedding_session.h"
#include "engines/testing/fake_generation_session.h"
#include "engines/testing/fake_sampler.h"

namespace forebay::engines {

void FakeControl::block() {
  auto state = state_.lock();
  state->blocked = true;
  state->passes = 0;
}
void FakeControl::release() {
  auto state = state_.lock();
  state->blocked = false;
  changed_.notify_all();
}
void FakeControl::release_some(std::size_t calls) {
  auto state = state_.lock();
  state->passes += calls;
  changed_.notify_all();
}
void FakeControl::wait_until_blocked(std::size_t calls) {
  auto state = state_.lock();
  state.wait(changed_, [calls](const State& now) { return now.waiting >= calls; });
}

bool FakeControl::pass_block(const CancelToken& abort) {
  // The callback takes the lock so that a cancel between the test and the wait is not missed. The subscription must outlive the lock:
  // its end waits for a callback that may be waiting for that lock.
  const auto subscription = abort.on_cancel([this](CancelReason) {
    auto state = state_.lock();
    changed_.notify_all();
  });
  auto state = state_.lock();
  if (!state->blocked) return true;
  ++state->waiting;
  changed_.notify_all();
  state.wait(changed_, [&abort](const State& now) { return !now.blocked || now.passes > 0 || abort.cancelled(); });
  --state->waiting;
  if (state->blocked && state->passes > 0 && !abort.cancelled()) --state->passes;
  return !abort.cancelled();
}

void FakeControl::note_step(std::vector<std::size_t> slices) {
  auto state = state_.lock();
  state->steps.push_back(std::move(slices));
}
void FakeControl::note_run(std::size_t rows) {
  auto state = state_.lock();
  state->runs.push_back(rows);
}
void FakeControl::note_destroyed() {
  auto state = state_.lock();
  state->destroyed_on = std::this_thread::get_id();
}
std::vector<std::vector<std::size_t>> FakeControl::step_slices() const {
  return state_.read([](const State& now) { return now.steps; });
}
std::vector<std::size_t> FakeControl::run_rows() const {
  return state_.read([](const State& now) { return now.runs; });
}
std::optional<std::thread::id> FakeControl::destroyed_on() const {
  return state_.read([](const State& now) { return now.destroyed_on; });
}

namespace {

bool take_one(std::atomic<std::uint64_t>& left) {
  std::uint64_t seen = left;
  while (seen > 0) {
    if (left.compare_exchange_weak(seen, seen - 1)) return true;
  }
  return false;
}

// FNV-1a over the tokens, with a final mix.
std::uint64_t hash_of(std::span<const Token> tokens) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const Token token : tokens) hash = (hash ^ static_cast<std::uint32_t>(token)) * 0x100000001b3U;
  hash ^= hash >> 33;
  return hash * 0xff51afd7ed558ccdU;
}

class FakeTensorSession final : public TensorSession {
 public:
  FakeTensorSession(std::shared_ptr<LoadedModel> model, std::shared_ptr<const FakeOptions> options, std::shared_ptr<FakeControl> control)
      : model_(std::move(model)), options_(std::move(options)), control_(std::move(control)) {
    ++control_->counters.sessions_opened;
    ++control_->counters.sessions_open;
  }
  ~FakeTensorSession() override {
    control_->note_destroyed();
    --control_->counters.sessions_open;
  }

  Result<tensors::NamedTensors> run_within(const tensors::NamedTensors& inputs, std::span<const std::string> outputs,
                                           const CancelToken& cancel, std::optional<Duration> time_max) override {
    auto& counters = control_->counters;
    const InUse in_use(*this);
    if (!in_use.alone) return fail(kRunFailed, "the session is in use on another thread");
    TRY(check(inputs));
    const std::uint64_t number = ++counters.runs;
    const auto& shape = inputs.front().tensor.shape();
    const std::uint64_t rows = shape.empty() ? 1 : static_cast<std::uint64_t>(shape.front());
    counters.rows += rows;
    control_->note_run(rows);
    if (time_max && take_one(control_->switches.runs_to_end_early)) return fail(kRunTooLong, "the fake was told to take too long");
    if (!control_->pass_block(cancel) || cancel.cancelled()) {
      ++counters.aborts;
      return fail(cancel.error());
    }
    const std::uint64_t rows_max = control_->switches.run_fails_with_rows_above;
    if (number == control_->switches.run_fails_at || (rows_max != 0 && rows > rows_max)) {
      return fail(kRunFailed, fmt::format("the fake was told to fail run {} of {} rows", number, rows));
    }
    TRY_ASSIGN(tensors::NamedTensors all, options_->run ? options_->run(inputs) : doubled_and_one(inputs));
    return chosen(all, outputs);
  }

 private:
  struct InUse {
    explicit InUse(FakeTensorSession& used) : session(used), alone(!used.in_use_.exchange(true)) {
      if (!alone) ++used.control_->counters.used_on_another_thread;
    }
    ~InUse() {
      if (alone) session.in_use_ = false;
    }
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;
    FakeTensorSession& session;
    const bool alone;
  };

  Result<> check(const tensors::NamedTensors& inputs) const {
    const auto& wanted = model_->description().inputs;
    if (inputs.size() != wanted.size() || inputs.empty())
      return fail(kInputMismatch, fmt::format("{} inputs, the model takes {}", inputs.size(), wanted.size()));
    for (const auto& spec : wanted) {
      const tensors::Tensor* tensor = tensors::find_tensor(inputs, spec.name);
      if (tensor == nullptr) return fail(Error(kInputMismatch, fmt::format("input '{}' is missing", spec.name)).with_field(spec.name));
      if (tensor->dtype() != spec.dtype || !fits(tensor->shape(), spec.shape)) {
        return fail(Error(kInputMismatch,
                          fmt::format("input '{}' is {} {}, the model takes {} {}", spec.name, tensors::name_of(tensor->dtype()),
                                      tensors::to_string(tensor->shape()), tensors::name_of(spec.dtype), tensors::to_string(spec.shape)))
                        .with_field(spec.name));
      }
    }
    return {};
  }

  static bool fits(const tensors::Shape& shape, const tensors::Shape& wanted) {
    if (shape.size() != wanted.size()) return false;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (wanted[i] >= 0 && shape[i] != wanted[i]) return false;
    }
    return true;
  }

  Result<tensors::NamedTensors> doubled_and_one(const tensors::NamedTensors& inputs) const {
    const tensors::Tensor& x = inputs.front().tensor;
    TRY_ASSIGN(const tensors::Tensor in, x.converted_to(tensors::DType::kFloat32));
    std::vector<float> values(in.values<float>().begin(), in.values<float>().end());
    for (float& value : values) value = 2 * value + 1;
    tensors::NamedTensors outputs;
    for (const auto& spec : model_->description().outputs) outputs.push_back({spec.name, tensors::Tensor::of(in.shape(), values)});
    return outputs;
  }

  static Result<tensors::NamedTensors> chosen(const tensors::NamedTensors& all, std::span<const std::string> names) {
    if (names.empty()) return all;
    tensors::NamedTensors outputs;
    for (const std::string& name : names) {
      const tensors::Tensor* tensor = tensors::find_tensor(all, name);
      if (tensor == nullptr) return fail(Error(kOutputUnknown, fmt::format("the model has no output '{}'", name)).with_field(name));
      outputs.push_back({name, *tensor});
    }
    return outputs;
  }

  std::shared_ptr<LoadedModel> model_;
  std::shared_ptr<const FakeOptions> options_;
  std::shared_ptr<FakeControl> control_;
  std::atomic<bool> in_use_{false};
};

class FakeModel final : public LoadedModel, public std::enable_shared_from_this<FakeModel> {
 public:
  FakeModel(formats::ModelDescription description, std::shared_ptr<const FakeOptions> options, std::shared_ptr<FakeControl> control)
      : description_(std::move(description)), options_(std::move(options)), control_(std::move(control)) {
    ++control_->counters.models_alive;
    backend_.runs = options_->runs;
    backend_.rows_independent = options_->rows_independent;
  }
  ~FakeModel() override { --control_->counters.models_alive; }

  const formats::ModelDescription& description() const override { return description_; }
  const BackendReport& backend() const override { return backend_; }
  std::uint64_t weights_bytes() const override { return options_->weights_bytes; }
  std::uint64_t generation_session_bytes(const GenerationSessionOptions& options) const override {
    const std::uint64_t cells = options.context_tokens == 0 ? options_->context_tokens : options.context_tokens;
    return cells * options_->bytes_per_cell;
  }
  std::uint64_t embedding_session_bytes(const EmbeddingSessionOptions&) const override {
    return options_->context_tokens * options_->bytes_per_cell;
  }
  std::uint64_t tensor_session_bytes() const override { return options_->context_tokens * options_->bytes_per_cell; }
  const text::Tokenizer* tokenizer() const override { return is_text() ? &tokenizer_ : nullptr; }

  Result<std::unique_ptr<TensorSession>> open_tensor_session() override {
    if (is_text()) return LoadedModel::open_tensor_session();
    TRY(check_open());
    return std::make_unique<FakeTensorSession>(shared_from_this(), options_, control_);
  }
  Result<std::unique_ptr<GenerationSession>> open_generation_session(const GenerationSessionOptions& options) override {
    if (!is_text()) return LoadedModel::open_generation_session(options);
    TRY(check_open());
    TRY(check_batch(options.sequences_max, options.step_tokens_max));
    return std::make_unique<FakeGenerationSession>(shared_from_this(), options_, control_, options);
  }
  Result<std::unique_ptr<EmbeddingSession>> open_embedding_session(const EmbeddingSessionOptions& options) override {
    if (!is_text()) return LoadedModel::open_embedding_session(options);
    TRY(check_open());
    TRY(check_batch(options.batch_texts_max, options.batch_tokens_max));
    return std::make_unique<FakeEmbeddingSession>(shared_from_this(), options_, control_, options);
  }
  Result<std::unique_ptr<Sampler>> make_sampler(const SamplingOptions& options) const override {
    return FakeSampler::create(options, control_, options_->on_sample);
  }

 private:
  bool is_text() const { return description_.task != formats::Task::kTensors; }
  Result<> check_open() {
    if (control_->switches.open_fails || take_one(control_->switches.opens_to_fail))
      return fail(kSessionRefused, "the fake was told to refuse the session");
    return {};
  }
  static Result<> check_batch(std::uint32_t sequences, std::uint32_t tokens) {
    if (sequences == 0 || sequences > 256) return fail(kSessionRefused, "between 1 and 256 sequences");
    if (tokens == 0) return fail(kSessionRefused, "a step needs tokens");
    return {};
  }

  formats::ModelDescription description_;
  std::shared_ptr<const FakeOptions> options_;
  std::shared_ptr<FakeControl> control_;
  BackendReport backend_{.chosen = "fake", .passed_over = {}};
  FakeTokenizer tokenizer_;
};

}  // namespace

Token hashed_next(std::span<const Token> history) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz ";
  return static_cast<unsigned char>(kLetters[(hash_of(history) >> 32) % kLetters.size()]);
}

FakeScript hashed_script(std::size_t end_after) {
  return [end_after](std::span<const Token> history, std::span<float> logits) {
    // Other tokens get small different values, so that sampling and log probabilities have something to work on.
    const std::uint64_t hash = hash_of(history);
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>((hash >> (i % 48)) & 255) / 256.0F;
    const bool ends = end_after != 0 && history.size() >= end_after;
    logits[static_cast<std::size_t>(ends ? kFakeEnd : hashed_next(history))] = 8.0F;
  };
}

FakeScript answering(std::string text) {
  return [text = std::move(text)](std::span<const Token> history, std::span<float> logits) {
    std::size_t start = history.empty() ? 0 : 1;
    for (std::size_t i = 0; i < history.size(); ++i) {
      if (history[i] == kFakeTurn) start = i + 1;
    }
    const std::size_t place = history.size() - start;
    logits[place < text.size() ? static_cast<unsigned char>(text[place]) : static_cast<std::size_t>(kFakeEnd)] = 8.0F;
  };
}

FakeEngine::FakeEngine(FakeOptions options)
    : options_(std::make_shared<const FakeOptions>(std::move(options))), control_(std::make_shared<FakeControl>()) {}

bool FakeEngine::runs(const formats::ModelDescription&) const { return true; }

std::vector<Device> FakeEngine::devices() const {
  return {{.engine = "fake", .backend = "fake", .description = "no library at all", .memory_bytes = 1 << 20, .usable = true, .reason = ""}};
}

Result<std::shared_ptr<LoadedModel>> FakeEngine::load(const std::filesystem::path&, const formats::ModelDescription& description,
                                                      const LoadOptions& options) {
  if (control_->switches.load_fails) return fail(kModelRefused, "the fake was told to refuse the model");
  if (options.backend != "auto" && options.backend != "fake") return fail(kBackendUnavailable, "the fake has only the backend 'fake'");
  if (options.progress && !(options.progress(0.0F) && options.progress(1.0F))) return fail(kCancelledByCaller, "the load was stopped");
  ++control_->counters.loads;
  return std::make_shared<FakeModel>(description, options_, control_);
}

formats::ModelDescription fake_description(formats::Task task) {
  formats::ModelDescription description;
  description.task = task;
  description.name = "fake";
  description.architecture = "fake";
  if (task != formats::Task::kTensors) {
    description.format = formats::Format::kGguf;
    description.text = formats::TextSpec{.tokenizer = "fake",
                                         .vocabulary_size = kFakeVocabularySize,
                                         .context_length = 512,
                                         .embedding_length = 8,
                                         .layers = 1,
                                         .bos_token = kFakeBos,
                                         .eos_token = kFakeEnd};
    return description;
  }
  description.format = formats::Format::kOnnx;
  description.batchable = true;
  for (auto* specs : {&description.inputs, &description.outputs}) {
    specs->push_back({.name = specs == &description.inputs ? "x" : "y",
                      .dtype = tensors::DType::kFloat32,
                      .shape = {-1, 4},
                      .dimension_names = {"batch", ""}});
  }
  return description;
}

std::vector<float> fake_embedding(std::span<const Token> text, std::uint32_t length) {
  std::vector<float> vector(length);
  for (std::uint32_t i = 0; i < length; ++i) vector[i] = static_cast<float>((hash_of(text) >> i) & 0xffff) / 65536.0F - 0.5F;
  return vector;
}

}  // namespace forebay::engines

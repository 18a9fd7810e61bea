#include "scheduling/pipeline_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "scheduling/errors.h"
#include "tensors/combine.h"
#include "tensors/errors.h"
#include "tensors/postprocess.h"

namespace forebay::scheduling {

namespace {

using tensors::DType;
using tensors::Tensor;

constexpr std::size_t kTokensMax = 64 << 10;  // of one text: longer ones are refused before all of them is tokenized

Error of_step(const Error& error, const std::string& step) {
  Error named(error.code(), fmt::format("step '{}': {}", step, error.message()));
  named = std::move(named).with_hint(std::string(error.hint()));
  if (error.retry_after()) named = std::move(named).with_retry_after(*error.retry_after());
  return named;
}

Result<bool> holds(const PipelineCondition& condition, const Tensor& value) {
  const auto equals_text = [&](const std::string& text) {
    return std::ranges::any_of(condition.equals, [&](const auto& one) {
      const auto* wanted = std::get_if<std::string>(&one);
      return wanted != nullptr && *wanted == text;
    });
  };
  if (value.dtype() == DType::kString) return std::ranges::all_of(value.strings(), equals_text);
  TRY_ASSIGN(const Tensor numbers, value.converted_to(DType::kFloat64));
  const auto values = numbers.values<double>();
  if (values.empty()) return fail(tensors::kTensorShapeMismatch, "the value of the condition is empty");
  const auto equals_number = [&](double number) {
    return std::ranges::any_of(condition.equals, [&](const auto& one) {
      const auto* wanted = std::get_if<double>(&one);
      return wanted != nullptr && *wanted == number;
    });
  };
  if (!condition.equals.empty() && !std::ranges::all_of(values, equals_number)) return false;
  const double most = std::ranges::max(values);
  return (!condition.above || most > *condition.above) && (!condition.below || most < *condition.below);
}

Result<Tensor> tokens_of(const text::Tokenizer& tokenizer, const Tensor& texts, const CancelToken& cancel) {
  if (texts.dtype() != DType::kString || texts.size() != 1) return fail(tensors::kTensorShapeMismatch, "one text is tokenized at a time");
  TRY_ASSIGN(const auto tokens, tokenizer.encode(texts.strings()[0], {.tokens_max = kTokensMax, .cancel = &cancel}));
  const std::vector<std::int64_t> ids(tokens.begin(), tokens.end());
  return Tensor::of<std::int64_t>({1, static_cast<std::int64_t>(ids.size())}, ids);
}

Result<Tensor> computed(const PipelineStep& step, const std::vector<Tensor>& inputs, const CancelToken& cancel) {
  switch (step.kind) {
    case PipelineStepKind::kAverage:
      return tensors::average(inputs, step.weights);
    case PipelineStepKind::kVote:
      return tensors::majority(inputs);
    case PipelineStepKind::kSoftmax:
      return tensors::softmax(inputs.front());
    case PipelineStepKind::kArgmax:
      return tensors::argmax(inputs.front());
    case PipelineStepKind::kTokenize:
      return tokens_of(*step.tokenizer, inputs.front(), cancel);
    case PipelineStepKind::kFirstOf:
    case PipelineStepKind::kModel:
      break;
  }
  return inputs.front();
}

class PipelineRunner final : public TensorRunner {
 public:
  PipelineRunner(PipelinePlan plan, const TensorOptions& options, RunnerContext context)
      : plan_(std::move(plan)),
        context_(std::move(context)),
        ledger_(*context_.clock, context_.model, options.breaker, options.dead_letters_max) {}
  ~PipelineRunner() override {
    closing_.cancel(CancelReason::kShutdown);
    gate_.close_and_wait_until(Instant::max());
  }

  Result<> submit(TensorRequest request, Done done) override;
  RunnerStats stats() const override {
    RunnerStats stats;
    ledger_.report(stats);
    return stats;
  }
  std::vector<DeadLetter> dead_letters() const override { return ledger_.dead_letters(); }
  void help() override {}  // its steps' models have workers of their own
  std::size_t clear_cache() override { return 0; }

 private:
  enum class Settled : std::uint8_t { kNo, kPresent, kAbsent };
  struct Value {
    Settled settled = Settled::kNo;
    Tensor tensor;
  };
  struct Progress {
    std::vector<Value> values;
    std::vector<bool> begun;
    bool over = false;
  };
  struct Run {
    Gate::Pass inside;  // left last
    RequestLedger::Pass pass;
    Ticket ticket;
    Done done;
    std::vector<std::string> wanted;
    CancelToken cancel;  // the request's, the runner's, or the first error's
    Instant began;
    Synchronized<Progress> progress;
    CancelToken::Subscription on_cancel;
    CancelToken::Subscription on_close;
  };
  using RunPtr = std::shared_ptr<Run>;

  void advance(const RunPtr& run);
  std::vector<std::size_t> take_ready(Run& run) const;
  void begin(const RunPtr& run, const PipelineStep& step);
  void begin_model(const RunPtr& run, const PipelineStep& step, const std::vector<Tensor>& inputs);
  void settle(Run& run, const PipelineStep& step, const tensors::NamedTensors* outputs) const;
  void fail_run(Run& run, const Error& error);
  void finish(Run& run);

  const PipelinePlan plan_;
  const RunnerContext context_;
  RequestLedger ledger_;
  CancelToken closing_;
  Gate gate_;
};

Result<> PipelineRunner::submit(TensorRequest request, Done done) {
  TRY_ASSIGN(auto inside, gate_.enter());
  auto run = std::make_shared<Run>();
  Progress begun{.values = std::vector<Value>(plan_.slots), .begun = std::vector<bool>(plan_.steps.size())};
  for (std::size_t i = 0; i < plan_.inputs.size(); ++i) {
    const Tensor* given = tensors::find_tensor(request.inputs, plan_.inputs[i]);
    if (given == nullptr) return fail(kStepInputMissing, fmt::format("the input '{}' is missing", plan_.inputs[i]));
    begun.values[i] = {Settled::kPresent, *given};
  }
  TRY_ASSIGN(run->pass, ledger_.admit());
  ++ledger_.counters.accepted;
  ++ledger_.counters.running;
  run->inside = std::move(inside);
  run->ticket = std::move(request.ticket);
  run->done = std::move(done);
  run->wanted = std::move(request.outputs);
  run->began = context_.clock->now();
  {
    auto progress = run->progress.lock();
    *progress = std::move(begun);
  }
  run->on_cancel = run->ticket.cancel.on_cancel([token = run->cancel](CancelReason reason) { token.cancel(reason); });
  run->on_close = closing_.on_cancel([token = run->cancel](CancelReason reason) { token.cancel(reason); });
  advance(run);
  return {};
}

// The steps whose inputs are all settled; they count as begun.
std::vector<std::size_t> PipelineRunner::take_ready(Run& run) const {
  std::vector<std::size_t> ready;
  auto progress = run.progress.lock();
  if (progress->over) return ready;
  const auto settled = [&](std::size_t slot) { return progress->values[slot].settled != Settled::kNo; };
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
    const PipelineStep& step = plan_.steps[i];
    if (progress->begun[i] || !std::ranges::all_of(step.inputs, settled) || (step.when && !settled(step.when->slot))) continue;
    progress->begun[i] = true;
    ready.push_back(i);
  }
  return ready;
}

void PipelineRunner::advance(const RunPtr& run) {
  for (auto ready = take_ready(*run); !ready.empty(); ready = take_ready(*run)) {
    for (const std::size_t i : ready) begin(run, plan_.steps[i]);
  }
  {
    auto progress = run->progress.lock();
    const auto settled = [&](const auto& output) { return progress->values[output.second].settled != Settled::kNo; };
    if (progress->over || !std::ranges::all_of(plan_.outputs, settled)) return;
    progress->over = true;
  }
  finish(*run);
}

void PipelineRunner::begin(const RunPtr& run, const PipelineStep& step) {
  std::vector<Tensor> inputs;
  bool complete = true;
  std::optional<Tensor> asked;
  {
    auto progress = run->progress.lock();
    for (const std::size_t slot : step.inputs) {
      const Value& value = progress->values[slot];
      if (value.settled == Settled::kPresent)
        inputs.push_back(value.tensor);
      else
        complete = false;
    }
    if (step.when && progress->values[step.when->slot].settled == Settled::kPresent) asked = progress->values[step.when->slot].tensor;
  }
  const bool meets = step.kind == PipelineStepKind::kFirstOf;
  if ((!complete && !(meets && !inputs.empty())) || (step.when && !asked)) return settle(*run, step, nullptr);
  if (step.when) {
    const auto wanted = holds(*step.when, *asked);
    if (!wanted) return fail_run(*run, of_step(wanted.error(), step.name));
    if (!*wanted) return settle(*run, step, nullptr);
  }
  if (step.kind == PipelineStepKind::kModel) return begin_model(run, step, inputs);
  auto result = computed(step, inputs, run->cancel);
  if (!result) return fail_run(*run, of_step(result.error(), step.name));
  const tensors::NamedTensors outputs = {{"", *std::move(result)}};
  settle(*run, step, &outputs);
}

void PipelineRunner::begin_model(const RunPtr& run, const PipelineStep& step, const std::vector<Tensor>& inputs) {
  TensorRequest request{.ticket = run->ticket, .inputs = {}, .outputs = step.output_names};
  request.ticket.cancel = run->cancel;
  for (std::size_t i = 0; i < inputs.size(); ++i) request.inputs.push_back({step.input_names[i], inputs[i]});
  auto sent = step.runner->submit(std::move(request), [this, run, &step](Result<TensorAnswer> answer) {
    if (!answer) return fail_run(*run, of_step(answer.error(), step.name));
    settle(*run, step, &answer->outputs);
    advance(run);
  });
  if (!sent) fail_run(*run, of_step(sent.error(), step.name));
}

// Null: the step is left out.
void PipelineRunner::settle(Run& run, const PipelineStep& step, const tensors::NamedTensors* outputs) const {
  auto progress = run.progress.lock();
  for (std::size_t i = 0; i < step.outputs.size(); ++i) {
    Value& value = progress->values[step.outputs[i]];
    const Tensor* found = outputs == nullptr          ? nullptr
                          : step.output_names.empty() ? &outputs->front().tensor
                                                      : tensors::find_tensor(*outputs, step.output_names[i]);
    value.settled = found != nullptr ? Settled::kPresent : Settled::kAbsent;
    if (found != nullptr) value.tensor = *found;
  }
}

void PipelineRunner::fail_run(Run& run, const Error& error) {
  {
    auto progress = run.progress.lock();
    if (std::exchange(progress->over, true)) return;
  }
  ledger_.count_end(run.pass, run.ticket, &error);
  --ledger_.counters.running;
  run.done(fail(error));
  run.cancel.cancel(CancelReason::kSuperseded);
}

void PipelineRunner::finish(Run& run) {
  TensorAnswer answer;
  std::string missing;
  {
    auto progress = run.progress.lock();
    for (const auto& [name, slot] : plan_.outputs) {
      if (!run.wanted.empty() && !std::ranges::contains(run.wanted, name)) continue;
      if (progress->values[slot].settled != Settled::kPresent) missing = name;
      answer.outputs.push_back({name, progress->values[slot].tensor});
    }
  }
  answer.inference = std::chrono::duration_cast<std::chrono::microseconds>(context_.clock->now() - run.began);
  --ledger_.counters.running;
  if (!missing.empty()) {
    const Error error(kStepOutputMissing, fmt::format("no step gave the output '{}'", missing));
    ledger_.count_end(run.pass, run.ticket, &error);
    return run.done(fail(error));
  }
  ledger_.count_end(run.pass, run.ticket, nullptr);
  if (context_.metrics != nullptr) context_.metrics->inference_seconds.observe(std::chrono::duration<double>(answer.inference).count());
  run.done(std::move(answer));
}

}  // namespace

std::unique_ptr<TensorRunner> open_pipeline(PipelinePlan plan, const TensorOptions& options, RunnerContext context) {
  return std::make_unique<PipelineRunner>(std::move(plan), options, std::move(context));
}

}  // namespace forebay::scheduling

#include "engines/onnx/onnx_threads.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <onnxruntime/onnxruntime_session_options_config_keys.h>

#include <algorithm>
#include <vector>

#include "base/machine.h"
#include "base/processors.h"
#include "engines/errors.h"
#include "engines/neutral_inputs.h"
#include "engines/onnx/bounded_run.h"
#include "engines/onnx/kept_findings.h"
#include "engines/onnx/onnx_values.h"

namespace forebay::engines {

namespace {
constexpr std::size_t kElementsMax = 16 << 20;
constexpr int kWarmRuns = 2;
constexpr int kRuns = 7;
constexpr auto kTimeMax = std::chrono::milliseconds(150);

constexpr std::uint32_t kRowsTriedMax = 64;
constexpr auto kRowsTimeMax = std::chrono::milliseconds(150);  // of all sizes together, begun before that

double milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

// Only when the rows alone decide what a run takes does a size say something about the next request.
bool rows_decide(const formats::ModelDescription& description) {
  return description.batchable && std::ranges::all_of(description.inputs, [](const formats::TensorSpec& input) {
           return input.has_shape && !input.shape.empty() &&
                  std::all_of(input.shape.begin() + 1, input.shape.end(), [](auto size) { return size >= 0; });
         });
}

std::vector<RowsFinding> try_rows(Ort::Session& session, const formats::ModelDescription& description, const RunBounds& bounds,
                                  const CancelToken& cancel) {
  std::vector<RowsFinding> found;
  if (!rows_decide(description)) return found;
  const SystemClock clock;
  const Instant give_up = clock.now() + kRowsTimeMax;
  for (std::uint32_t rows = 1; rows <= kRowsTriedMax && clock.now() < give_up; rows *= 2) {
    const auto took = run_time_of(session, description, bounds, cancel, rows);
    if (!took) break;
    found.push_back({rows, milliseconds(*took)});
  }
  return found;
}

Result<Duration> best_of_some(Ort::Session& session, const tensors::NamedTensors& inputs, const RunBounds& bounds,
                              const CancelToken& cancel) {
  try {
    RunArguments arguments;
    for (const tensors::NamedTensor& input : inputs) {
      arguments.input_names.push_back(input.name.c_str());
      arguments.inputs.push_back(value_of(input.tensor));
    }
    const auto output_names = output_names_of(session);
    for (const std::string& name : output_names) arguments.output_names.push_back(name.c_str());
    const SystemClock clock;
    const Instant give_up = clock.now() + kTimeMax;
    std::optional<Duration> best;
    for (int run = 0; run < kWarmRuns + kRuns && (run == 0 || clock.now() < give_up); ++run) {
      const Instant began = clock.now();
      TRY(bounded_run(session, arguments, bounds, cancel));
      const Duration took = clock.now() - began;
      best = best ? std::min(*best, took) : took;
    }
    return *best;
  } catch (const Ort::Exception& error) {
    return fail(kRunFailed, error.what());
  }
}

bool all_are_worth(const RunFindings& findings) { return findings.one_ms > findings.all_ms * kThreadsWorth; }

// Is a session with a single thread as good as one with all, or good to have beside it?
RunFindings try_threads(TunedSessions& sessions, GraphOpener& opener, const formats::ModelDescription& description, std::size_t threads,
                        const RunBounds& bounds, const CancelToken& cancel) {
  RunFindings findings;
  sessions.one = opener.open(threads);
  const auto with_all = run_time_of(sessions.one, description, bounds, cancel);
  if (!with_all) return findings;
  Ort::Session narrow = opener.open(1);
  const auto with_one = run_time_of(narrow, description, bounds, cancel);
  if (!with_one) return findings;
  findings = {static_cast<std::uint32_t>(threads), milliseconds(*with_one), milliseconds(*with_all), {}};
  if (all_are_worth(findings)) sessions.wide = std::move(sessions.one);
  sessions.one = std::move(narrow);
  return findings;
}

void take_findings(TunedSessions& sessions, const RunFindings& findings, std::string_view since) {
  if (findings.threads != 0) {
    sessions.threads = fmt::format("a run takes {:.3f} ms with 1 thread and {:.3f} with {}: {}{}", findings.one_ms, findings.all_ms,
                                   findings.threads, all_are_worth(findings) ? "one that is alone uses them all" : "1 is used", since);
  }
  for (const RowsFinding& of : findings.rows)
    sessions.runs.push_back({of.rows, std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(of.ms))});
}
}  // namespace

TunedSessions open_tuned(GraphOpener& opener, const formats::ModelDescription& description, std::size_t threads, ModelCache* cache,
                         const RunBounds& bounds, const CancelToken& cancel) {
  const std::size_t all = usable_cores();
  const bool choosing = threads == 0 && all > 1;
  TunedSessions sessions;
  std::optional<Digest> key;
  if (opener.key() && cache != nullptr)
    key = key_beside(*opener.key(), fmt::format("runs, {} threads, {} of {}", threads, all, to_text(usable_processors())));
  if (const auto known = key ? find_findings<RunFindings>(*cache, *key) : std::nullopt) {
    sessions.one = opener.open(known->threads != 0 ? 1 : threads == 0 ? all : threads);
    if (known->threads != 0 && all_are_worth(*known)) sessions.wide = opener.open(all);
    take_findings(sessions, *known, ", as found at an earlier start");
    return sessions;
  }
  RunFindings findings;
  if (choosing)
    findings = try_threads(sessions, opener, description, all, bounds, cancel);
  else
    sessions.one = opener.open(threads == 0 ? all : threads);
  findings.rows = try_rows(sessions.one, description, bounds, cancel);
  if (key && !cancel.cancelled()) keep_findings(*cache, *key, findings);
  take_findings(sessions, findings, "");
  return sessions;
}

void keep_session_on(Ort::SessionOptions& options, std::size_t threads, std::span<const std::uint32_t> processors) {
  if (processors.empty() || threads < 2) return;
  // The library counts from 1, and leaves out the thread that calls it.
  std::vector<std::uint32_t> counted(processors.begin(), processors.end());
  for (std::uint32_t& number : counted) ++number;
  const std::vector<std::string> each(threads - 1, fmt::format("{}", fmt::join(counted, ",")));
  options.AddConfigEntry(kOrtSessionOptionsConfigIntraOpThreadAffinities, fmt::format("{}", fmt::join(each, ";")).c_str());
}

std::optional<Duration> run_time_of(Ort::Session& session, const formats::ModelDescription& description, const RunBounds& bounds,
                                    const CancelToken& cancel, std::uint32_t rows) {
  for (const NeutralValue value : {NeutralValue::kOne, NeutralValue::kZero}) {
    const auto inputs = neutral_inputs(description, value, kElementsMax, rows);
    if (!inputs) return std::nullopt;
    const auto best = best_of_some(session, *inputs, bounds, cancel);
    if (best) return *best;
    if (best.error().code() != kRunFailed && best.error().code() != kOperandRefused) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace forebay::engines

#include "engines/onnx/bounded_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "engines/errors.h"
#include "engines/library_message.h"
#include "engines/onnx/run_memory.h"
#include "engines/onnx/run_watch.h"

namespace forebay::engines {

namespace {
constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;

std::unexpected<Error> too_large(const RunBounds& bounds) {
  return fail(kRunTooLarge,
              fmt::format("the run needs more than {} MiB, or more than the memory budget has left", bounds.bytes_max / kMebibyte));
}

bool outputs_fit(const std::vector<Ort::Value>& outputs, std::uint64_t bytes_max) {
  std::uint64_t bytes = 0;
  for (const Ort::Value& output : outputs) {
    if (!output || !output.IsTensor()) continue;
    const auto information = output.GetTensorTypeAndShapeInfo();
    if (information.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING) bytes += output.GetTensorSizeInBytes();
  }
  return bytes <= bytes_max;
}

// What a check of ours (guard_operators.h) said, without what the library puts around it.
std::optional<std::string> refused_by_guard(std::string_view message) {
  constexpr std::string_view kBefore = "Status Message: ";
  const auto at = message.find(kBefore);
  if (!message.contains(" running Check") || at == std::string_view::npos) return std::nullopt;
  return cleaned_library_message(message.substr(at + kBefore.size()));
}

}  // namespace

RunBounds bounds_at_load(const RunBounds& bounds) {
  RunBounds shorter = bounds;
  shorter.time_max = std::min<Duration>(bounds.time_max, std::chrono::seconds(3));
  return shorter;
}

Result<std::vector<Ort::Value>> bounded_run(Ort::Session& session, const RunArguments& arguments, const RunBounds& bounds,
                                            const CancelToken& cancel) {
  if (cancel.cancelled()) return fail(cancel.error());
  const SystemClock clock;
  const Instant until = clock.now() + bounds.time_max;
  const RunMemoryScope memory(bounds);
  try {
    Ort::RunOptions options;
    OrtRunOptions* const raw = options;
    // The C function, because what runs in a cancel callback must not throw.
    const auto subscription = cancel.on_cancel([raw](CancelReason) { Ort::Status{Ort::GetApi().RunOptionsSetTerminate(raw)}; });
    const RunWatch::Entry entry(RunWatch::of_process(), raw, until);
    auto outputs = session.Run(options, arguments.input_names.data(), arguments.inputs.data(), arguments.inputs.size(),
                               arguments.output_names.data(), arguments.output_names.size());
    if (!outputs_fit(outputs, bounds.output_bytes_max))
      return fail(kRunTooLarge, fmt::format("the outputs have more than {} MiB", bounds.output_bytes_max / kMebibyte));
    return outputs;
  } catch (const Ort::Exception& error) {
    if (cancel.cancelled()) return fail(cancel.error());
    if (memory.account().exceeded()) return too_large(bounds);
    if (clock.now() >= until)
      return fail(kRunTooLong, fmt::format("the run was ended after {:.3g} s", std::chrono::duration<double>(bounds.time_max).count()));
    if (auto refused = refused_by_guard(error.what())) return fail(kOperandRefused, *std::move(refused));
    return fail(kRunFailed, cleaned_library_message(error.what()));
  } catch (const std::bad_alloc&) {
    if (memory.account().exceeded()) return too_large(bounds);
    return fail(kRunFailed, "there is not enough memory for the run");
  }
}

std::vector<std::string> output_names_of(const Ort::Session& session) {
  Ort::AllocatorWithDefaultOptions allocator;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < session.GetOutputCount(); ++i) names.emplace_back(session.GetOutputNameAllocated(i, allocator).get());
  return names;
}

}  // namespace forebay::engines

#include "scheduling/session_layout.h"

#include <algorithm>

#include "base/executor.h"

namespace forebay::scheduling {

namespace {
constexpr std::uint32_t kSequenceTokensFew = 2048;
}

engines::TextSessionOptions session_options(const engines::LoadedModel& model, const GenerationOptions& options, const ByteBudget* budget) {
  const std::size_t workers = std::max(1U, options.workers);
  engines::TextSessionOptions session{
      .context_tokens = options.context_tokens,
      .sequences_max = options.sequences_max,
      .step_tokens_max = options.step_tokens_max,
      .unified_cells = options.cells == "unified",
      .threads = options.threads > 0 ? options.threads : std::max<std::size_t>(1, usable_cores() / workers)};
  if (options.cells != "auto") return session;
  const auto fits = [&] { return budget == nullptr || workers * model.memory_need(session).session_bytes <= budget->bytes_max() / 4; };
  session.unified_cells = options.context_tokens != 0;
  if (session.unified_cells || fits()) return session;
  session.context_tokens = kSequenceTokensFew * options.sequences_max;
  if (fits()) return session;
  session.context_tokens = 0;
  session.unified_cells = true;
  return session;
}

}  // namespace forebay::scheduling

#include "scheduling/session_layout.h"

#include <algorithm>

#include "base/executor.h"

namespace forebay::scheduling {

namespace {
using engines::CacheLayout;

constexpr std::uint32_t kSequenceTokensFew = 2048;
}  // namespace

engines::GenerationSessionOptions session_options(const engines::LoadedModel& model, const GenerationOptions& options,
                                                  const ByteBudget* budget) {
  const std::size_t workers = std::max(1U, options.workers);
  engines::GenerationSessionOptions session{
      .context_tokens = options.context_tokens,
      .sequences_max = options.sequences_max,
      .step_tokens_max = options.step_tokens_max,
      .layout = options.cells == "unified" ? CacheLayout::kUnified : CacheLayout::kPerSequence,
      .threads = options.threads > 0 ? options.threads : std::max<std::size_t>(1, usable_cores() / workers)};
  if (options.cells != "auto") return session;
  const auto fits = [&] { return budget == nullptr || workers * model.generation_session_bytes(session) <= budget->bytes_max() / 4; };
  session.layout = options.context_tokens != 0 ? CacheLayout::kUnified : CacheLayout::kPerSequence;
  if (options.context_tokens != 0 || fits()) return session;
  session.context_tokens = kSequenceTokensFew * options.sequences_max;
  if (fits()) return session;
  session.context_tokens = 0;
  session.layout = CacheLayout::kUnified;
  return session;
}

}  // namespace forebay::scheduling

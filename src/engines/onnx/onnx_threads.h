// How an ONNX model runs best on this machine: with how many threads, and what batches of it take. Found out by running it when it is
// loaded, and kept for the next start where there is a model cache. Threads: called on the loading thread. Owner: onnx/.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "engines/engine.h"
#include "engines/onnx/graph_opener.h"
#include "engines/onnx/onnx_api.h"
#include "formats/model_description.h"

namespace forebay::engines {

struct TunedSessions {
  Ort::Session one{nullptr};
  Ort::Session wide{nullptr};  // null when threads gain nothing, or there is to be one session only
  std::string threads;         // as BackendReport
  std::vector<RunTime> runs;   // as BackendReport
};

// `threads` 0: as many as pay, of every usable core. `cache` may be null. Trial runs end when the token is cancelled. Throws
// Ort::Exception.
TunedSessions open_tuned(GraphOpener& opener, const formats::ModelDescription& description, std::size_t threads, ModelCache* cache,
                         const RunBounds& bounds, const CancelToken& cancel);

// What one run of so many rows takes, with the neutral values it takes in the smallest shape otherwise: the best of a few, after some that
// warm up. Nothing when it takes none, or goes beyond its bounds.
std::optional<Duration> run_time_of(Ort::Session& session, const formats::ModelDescription& description, const RunBounds& bounds,
                                    const CancelToken& cancel, std::uint32_t rows = 1);

// The library's own threads of a session stay on these processors; the one that calls it is where it is. Without any, nothing changes.
void keep_session_on(Ort::SessionOptions& options, std::size_t threads, std::span<const std::uint32_t> processors);

// With threads a run must be this much faster to be worth them: they are cores that other runs could use.
inline constexpr double kThreadsWorth = 1.25;
// Two sessions are two copies of the weights: only small models are given both.
inline constexpr std::uint64_t kTwoSessionsBytesMax = std::uint64_t{64} << 20;

}  // namespace forebay::engines

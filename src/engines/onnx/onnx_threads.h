// How many threads a run of an ONNX model should use, found out by running it when it is loaded.
// Threads: called on the loading thread. Owner: onnx/.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "engines/onnx/onnx_api.h"
#include "formats/model_description.h"

namespace forebay::engines {

// What one run takes with zeros in the smallest shape: the best of a few, after some that warm up. Nothing when the model takes no zeros.
std::optional<Duration> run_time_of(Ort::Session& session, const formats::ModelDescription& description);

// With threads a run must be this much faster to be worth them: they are cores that other runs could use.
inline constexpr double kThreadsWorth = 1.25;
// Two sessions are two copies of the weights: only small models are given both.
inline constexpr std::uint64_t kTwoSessionsBytesMax = std::uint64_t{64} << 20;

}  // namespace forebay::engines

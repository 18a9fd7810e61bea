// Tries a model file in a child process before this process loads it: a file can be made so that the library that runs it aborts, hangs or
// takes gigabytes, and that would end every other model. The child loads the file and answers one request, as this process would.
//   What passed is kept in the model cache by the content of the file, and for large files by their place and time of change, with the
// versions of the libraries and the options. ADR: docs/adr/0012-model-files-are-tried-in-a-child.md.
// Threads: shared (no state). Owner: none.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engines/engine.h"
#include "formats/model_description.h"
#include "models/models_options.h"
#include "models/repository.h"

namespace forebay::models {

// The first argument by which main() finds run_probe_child().
inline constexpr std::string_view kProbeCommand = "probe-model-file";

// Blocks: until the child has ended, at most the time of `options.probe`. kProbeFailed with the reason when the file does not pass; the
// error of loading when the child met one; kCancelledByCaller when `keeps_going` said no.
Result<> probe_model(const ModelSource& source, const formats::ModelDescription& description, const ModelsOptions& options,
                     engines::ModelCache* cache, const std::function<bool()>& keeps_going);

// The child's main: `arguments` as main() has them, without the program's name. Loads the file that they name and ends.
int run_probe_child(std::span<char* const> arguments);

// What the child says at its end, and back: nothing for a file that loads and answers. For the above and their test.
std::string probe_result_of(const Result<>& loaded);
Result<> probe_result_in(std::string_view text);

}  // namespace forebay::models

// Texts of `forebay run` for models that take single texts.
// Threads: confined to the main thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/console.h"
#include "cli/run_options.h"

namespace forebay::cli {

// Each argument is a text; "-" and a pipe are one text a line. kInputMissing, kFileTooLarge.
Result<std::vector<std::string>> texts_of(Console& console, const RunOptions& options);

// Refuses what is for language models and for tensor models. `does` is what this model does ("embeds"). kOptionOutOfPlace.
Result<> check_text_options(const RunOptions& options, std::string_view does);

}  // namespace forebay::cli

#include "cli/run_texts.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/errors.h"
#include "cli/run_tasks.h"

namespace forebay::cli {

namespace {
constexpr std::size_t kInputBytesMax = std::size_t{64} << 20;
}  // namespace

Result<std::vector<std::string>> texts_of(Console& console, const RunOptions& options) {
  std::vector<std::string> texts;
  auto arguments = options.inputs;
  if (options.prompt) arguments.push_back(*options.prompt);
  if (arguments.empty() && !console.in_is_terminal) arguments.emplace_back("-");
  for (const auto& argument : arguments) {
    if (argument != "-") {
      texts.push_back(argument);
      continue;
    }
    TRY_ASSIGN(const std::string all, read_all(console, kInputBytesMax));
    for (std::size_t at = 0; at < all.size();) {
      const auto end = std::min(all.find('\n', at), all.size());
      std::string line = all.substr(at, end - at);
      if (line.ends_with('\r')) line.pop_back();
      if (!line.empty()) texts.push_back(std::move(line));
      at = end + 1;
    }
  }
  if (texts.empty())
    return fail(Error(kInputMissing, "there is no text")
                    .with_hint("forebay run FILE \"one text\" \"another\", or one text a line on standard input"));
  return texts;
}

Result<> check_text_options(const RunOptions& options, std::string_view does) {
  if (!options.system.empty() || options.raw)
    return fail(kOptionOutOfPlace, fmt::format("this model {}: --system and --raw are for language models", does));
  if (!options.named_inputs.empty() || !options.outputs.empty() || options.series || options.stride)
    return fail(kOptionOutOfPlace, fmt::format("this model {}: --input, --outputs and --series are for tensor models", does));
  return {};
}

}  // namespace forebay::cli

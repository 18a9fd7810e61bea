#include "models/pipeline_file.h"

#include <fmt/format.h>

#include <glaze/glaze.hpp>

#include "models/errors.h"

namespace forebay::models {

bool is_pipeline(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.size() > kPipelineSuffix.size() && name.ends_with(kPipelineSuffix);
}

Result<PipelineText> read_pipeline(std::string_view json) {
  if (json.size() > kPipelineBytesMax) return fail(kPipelineInvalid, fmt::format("the file has more than {} bytes", kPipelineBytesMax));
  PipelineText pipeline;
  const std::string text(json);  // the reader wants a closing zero
  if (const auto problem = glz::read_json(pipeline, text)) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(problem.count, text.size())), '\n');
    return fail(kPipelineInvalid,
                fmt::format("line {}: {}", line,
                            problem.ec == glz::error_code::unknown_key ? "a member that is not known" : "no JSON of a pipeline"));
  }
  return pipeline;
}

}  // namespace forebay::models

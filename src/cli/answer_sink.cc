#include "cli/answer_sink.h"

#include <ostream>

#include "base/mapped_file.h"
#include "cli/errors.h"

namespace forebay::cli {

Result<> write_answer(Console& console, const std::string& out_file, std::string_view answer, AnswerKind kind) {
  if (!out_file.empty()) return write_file_atomically(out_file, answer);
  if (kind == AnswerKind::kBinary && console.out_is_terminal)
    return fail(Error(kOutputFormat, "this answer is not text, and standard output is a terminal")
                    .with_hint("write it into a file: -o FILE, or > FILE"));
  console.out.write(answer.data(), static_cast<std::streamsize>(answer.size()));
  console.out.flush();
  return {};
}

}  // namespace forebay::cli

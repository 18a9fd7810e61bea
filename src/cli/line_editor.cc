#include "cli/line_editor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
// readline needs FILE.
#include <readline/history.h>
#include <readline/readline.h>

#include <cstdlib>
#include <memory>

#include "base/log.h"
#include "base/private_folder.h"

namespace forebay::cli {

namespace {
constexpr int kHistoryLinesMax = 1'000;
constexpr std::size_t kKeptLineBytesMax = std::size_t{16} << 10;

// Makes the file for this user alone. False when it cannot be used.
bool make_private_file(const std::filesystem::path& file) {
  if (const auto problem = make_private_folder(file.parent_path())) {
    log::debug("no history is kept", {{"reason", *problem}});
    return false;
  }
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return false;
  ::close(descriptor);
  return true;
}
}  // namespace

LineEditor::LineEditor(std::filesystem::path history_file) : file_(std::move(history_file)) {
  ::rl_readline_name = "forebay";
  ::rl_catch_signals = 0;
  if (::isatty(STDOUT_FILENO) != 1) ::rl_outstream = stderr;  // the answers go into a file or a pipe
  ::using_history();
  ::stifle_history(kHistoryLinesMax);
  if (!file_.empty() && !make_private_file(file_)) file_.clear();
  if (!file_.empty()) ::read_history(file_.c_str());
}

LineEditor::~LineEditor() {
  if (!file_.empty()) ::history_truncate_file(file_.c_str(), kHistoryLinesMax);
  ::clear_history();
}

std::optional<std::string> LineEditor::read(const char* prompt) {
  const std::unique_ptr<char, decltype(&std::free)> line(::readline(prompt), &std::free);
  if (!line) return std::nullopt;
  std::string text(line.get());
  keep(text);
  return text;
}

void LineEditor::keep(const std::string& line) {
  if (line.empty() || line.front() == ' ' || line.size() > kKeptLineBytesMax) return;
  const auto* last = ::history_length > 0 ? ::history_get(::history_base + ::history_length - 1) : nullptr;
  if (last != nullptr && line == last->line) return;
  ::add_history(line.c_str());
  // At once: a conversation may end by a signal.
  if (!file_.empty()) ::append_history(1, file_.c_str());
}

std::filesystem::path usual_history_file() {
  for (const auto& [variable, below] :
       {std::pair("XDG_STATE_HOME", "forebay/history"), std::pair("HOME", ".local/state/forebay/history")}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && std::filesystem::path(value).is_absolute()) return std::filesystem::path(value) / below;
  }
  return {};
}

}  // namespace forebay::cli

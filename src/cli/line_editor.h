// Lines that are typed at a terminal: edited by readline, with the lines of earlier conversations.
// Threads: confined to the main thread; readline has one state for the whole process.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace forebay::cli {

class LineEditor {
 public:
  // Reads the history file and makes it, with its folder, if need be (only the user may read it). An empty path: nothing is kept. Without a
  // usable file lines are kept until the end of the process.
  explicit LineEditor(std::filesystem::path history_file);
  // Shortens the file to the last 1,000 lines.
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // The next line without its end; nothing at the end of the input. Lines that begin with a blank, repeat the one before, or have more
  // than 16 KiB are not kept.
  std::optional<std::string> read(const char* prompt);

 private:
  void keep(const std::string& line);
  std::filesystem::path file_;  // empty: nothing is kept
};

// $XDG_STATE_HOME/forebay/history or ~/.local/state/forebay/history; empty when neither variable is an absolute path.
std::filesystem::path usual_history_file();

}  // namespace forebay::cli

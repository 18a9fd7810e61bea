#include <signal.h>

#include <algorithm>
#include <span>

#include "base/lost_pages.h"
#include "cli/program.h"
#include "models/model_probe.h"

int main(int argc, char** argv) {
  // A pipe to a child that has ended must not end this process; a reader of our output that has gone away is seen in run_program.
  ::signal(SIGPIPE, SIG_IGN);
  forebay::survive_lost_pages();
  const std::span<char* const> arguments(argv + 1, argv + std::max(argc, 1));
  if (!arguments.empty() && arguments.front() == forebay::models::kProbeCommand) return forebay::models::run_probe_child(arguments);
  auto console = forebay::cli::process_console();
  return forebay::cli::run_program({argv + 1, argv + argc}, console);
}

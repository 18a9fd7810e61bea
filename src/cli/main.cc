#include <signal.h>

#include "cli/program.h"

int main(int argc, char** argv) {
  // A reader of our output that goes away is an error to report, not a reason to die silently.
  ::signal(SIGPIPE, SIG_IGN);
  auto console = forebay::cli::process_console();
  return forebay::cli::run_program({argv + 1, argv + argc}, console);
}

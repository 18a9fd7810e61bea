#include <signal.h>

#include "cli/program.h"

int main(int argc, char** argv) {
  // A pipe to a child that has ended must not end this process; a reader of our output that has gone away is seen in run_program.
  ::signal(SIGPIPE, SIG_IGN);
  auto console = forebay::cli::process_console();
  return forebay::cli::run_program({argv + 1, argv + argc}, console);
}

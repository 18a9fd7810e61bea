// The program without its main(): understands a command line, runs the command, prints what went wrong.
// Threads: the main thread. Owner: main.
#pragma once

#include <string>
#include <vector>

#include "cli/console.h"

namespace forebay::cli {

// `arguments` without the program's name. The exit status: 0, 2 for a command line that is not understood, else as the error's kind says
// (`forebay help` lists them). Nothing is thrown.
int run_program(std::vector<std::string> arguments, Console& console);

}  // namespace forebay::cli

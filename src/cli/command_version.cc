#include <fmt/format.h>

#include <memory>
#include <ostream>

#include "cli/command.h"
#include "cli/version.h"

namespace forebay::cli {

void add_version_command(CLI::App& program, Invocation& invocation) {
  auto json = std::make_shared<bool>(false);
  auto* command = program.add_subcommand("version", "Print the version");
  command->add_flag("--json", *json, "As JSON");
  command->callback([&invocation, json] {
    invocation.action = [&invocation, json]() -> Result<> {
      invocation.console.out << (*json ? fmt::format("{{\"name\": \"forebay\", \"version\": \"{}\", \"compiler\": \"{}\"}}\n",
                                                     program_version(), __VERSION__)
                                       : fmt::format("forebay {}\n", program_version()));
      return {};
    };
  });
}

}  // namespace forebay::cli

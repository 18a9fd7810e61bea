#include <fmt/format.h>

#include <memory>
#include <ostream>

#include "cli/command.h"
#include "cli/version.h"

namespace forebay::cli {

void add_version_command(CLI::App& program, Invocation& invocation) {
  auto form = std::make_shared<ListForm>();
  auto* command = program.add_subcommand("version", "Print the version");
  add_list_form(*command, *form);
  command->callback([&invocation, form] {
    invocation.action = [&invocation, form]() -> Result<> {
      TRY_ASSIGN(const bool json, wants_json(*form));
      invocation.console.out << (json ? fmt::format("{{\"name\": \"forebay\", \"version\": \"{}\", \"compiler\": \"{}\"}}\n",
                                                    program_version(), __VERSION__)
                                      : fmt::format("forebay {}\n", program_version()));
      return {};
    };
  });
}

}  // namespace forebay::cli

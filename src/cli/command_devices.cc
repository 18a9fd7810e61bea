#include <fmt/format.h>

#include <memory>
#include <ostream>

#include "cli/command.h"
#include "cli/json_text.h"
#include "engines/engines.h"

namespace forebay::cli {

namespace {
std::string as_json(const std::vector<engines::Device>& devices) {
  std::string out;
  for (const auto& device : devices) {
    out += fmt::format(R"({}  {{"engine": {}, "backend": {}, "description": {}, "memory_bytes": {}, "usable": {}, "reason": {}}})",
                       out.empty() ? "" : ",\n", json_string(device.engine), json_string(device.backend), json_string(device.description),
                       device.memory_bytes, device.usable, json_string(device.reason));
  }
  return "[\n" + out + "\n]\n";
}

std::string as_table(const std::vector<engines::Device>& devices) {
  std::vector<std::vector<std::string>> rows = {{"ENGINE", "BACKEND", "MEMORY", "DEVICE"}};
  for (const auto& device : devices) {
    rows.push_back({device.engine, device.backend, device.memory_bytes == 0 ? "-" : human_bytes(device.memory_bytes),
                    device.usable ? harmless(device.description) : "not usable: " + harmless(device.reason)});
  }
  return aligned(rows);
}
}  // namespace

void add_devices_command(CLI::App& program, Invocation& invocation) {
  auto form = std::make_shared<ListForm>();
  auto* command = program.add_subcommand("devices", "List what each engine can compute on");
  add_list_form(*command, *form);
  command->footer("A name in the BACKEND column is what --backend takes.\n\nExamples:\n  forebay devices\n  forebay devices --json");
  command->callback([&invocation, form] {
    invocation.action = [&invocation, form]() -> Result<> {
      TRY_ASSIGN(const bool json, wants_json(*form));
      std::vector<engines::Device> devices;
      for (const auto& engine : engines::make_engines())
        for (auto& device : engine->devices()) devices.push_back(std::move(device));
      invocation.console.out << (json ? as_json(devices) : as_table(devices));
      return {};
    };
  });
}

}  // namespace forebay::cli

#include <fmt/format.h>

#include <memory>
#include <ostream>

#include "cli/command.h"
#include "cli/did_you_mean.h"
#include "cli/error_catalogue.h"
#include "cli/errors.h"

namespace forebay::cli {

namespace {
struct ExplainFlags {
  std::string code;
  bool list = false;
  bool markdown = false;
  ListForm form;
};

std::string listing(bool json) {
  std::vector<std::vector<std::string>> rows;
  std::string out;
  for (const auto& section : error_catalogue()) {
    for (const auto* code : section.codes) {
      if (json)
        out += fmt::format("{}  {}", out.empty() ? "" : ",\n", explanation_json(*code));
      else
        rows.push_back({code->id(), std::string(code->name), std::string(code->meaning)});
    }
  }
  return json ? "[\n" + out + "\n]\n" : aligned(rows);
}

Result<> explain(Console& console, const ExplainFlags& flags) {
  TRY_ASSIGN(const bool json, wants_json(flags.form));
  if (flags.markdown) return console.out << catalogue_markdown(), Result<>();
  if (flags.list) return console.out << listing(json), Result<>();
  if (flags.code.empty()) return fail(kUsage, "explain takes a code, as in 'forebay explain FB1042', or --list");
  const ErrorCode* code = find_error(flags.code);
  if (code == nullptr)
    return fail(kUnknownCode, fmt::format("no error is called '{}'{}", harmless(flags.code), did_you_mean(flags.code, error_words())));
  console.out << (json ? explanation_json(*code) + "\n" : explanation_of(*code));
  return {};
}
}  // namespace

void add_explain_command(CLI::App& program, Invocation& invocation) {
  auto flags = std::make_shared<ExplainFlags>();
  auto* command = program.add_subcommand("explain", "Say what an error code means and what to do");
  command->add_option("CODE", flags->code, "FB1042, or its name");
  command->add_flag("--list", flags->list, "Every code");
  command->add_flag("--markdown", flags->markdown, "Print docs/errors.md");
  add_list_form(*command, flags->form);
  command->footer("Examples:\n  forebay explain FB1042\n  forebay explain gguf_tensor_out_of_bounds\n  forebay explain --list");
  command->callback([&invocation, flags] { invocation.action = [&invocation, flags] { return explain(invocation.console, *flags); }; });
}

}  // namespace forebay::cli

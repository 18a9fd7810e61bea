#include "cli/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <ostream>

#include "base/errors.h"
#include "cli/command.h"
#include "cli/did_you_mean.h"
#include "cli/error_catalogue.h"
#include "cli/errors.h"

namespace forebay::cli {

namespace {
constexpr std::size_t kArgumentsMax = 10'000;

constexpr const char* kFooter =
    "Examples (in examples/models):\n"
    "  forebay serve chat.gguf digits.onnx      # answers on http://127.0.0.1:8080\n"
    "  forebay run chat.gguf                    # a conversation\n"
    "  forebay run digits.onnx seven.png        # one answer\n"
    "  forebay inspect digits.onnx              # what is in the file\n"
    "\n"
    "Exit status:\n"
    "  0    done                                70   a bug, or out of memory\n"
    "  2    command line not understood         75   not now: busy, or not in time; try again\n"
    "  64   wrong input                         77   not permitted, or not writable\n"
    "  65   input or model not usable           78   configuration\n"
    "  66   not found                           130  interrupted (128 and the signal's number)\n"
    "  69   not possible here                   141  the reader of the output went away\n"
    "'forebay explain CODE' explains an error.";
constexpr int kReaderGoneStatus = 141;  // what a shell reports for a program that SIGPIPE ends

std::vector<std::string> names_of_commands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(command->get_name());
  return names;
}

// The first option that the command does not have, with the nearest one it has.
std::string unknown_option(const CLI::App& program, const std::vector<std::string>& arguments) {
  const CLI::App* command = &program;
  std::vector<std::string> known;
  const auto learn = [&](const CLI::App& app) {
    for (const auto* option : app.get_options()) {
      for (const auto& name : option->get_lnames()) known.push_back("--" + name);
      for (const auto& name : option->get_snames()) known.push_back("-" + name);
    }
  };
  learn(program);
  for (const auto& argument : arguments) {
    if (argument == "--") break;
    if (const auto* below = command->get_subcommand_no_throw(argument)) {
      command = below;
      learn(*command);
      continue;
    }
    if (!argument.starts_with("--")) continue;
    const std::string name = argument.substr(0, argument.find('='));
    if (std::ranges::find(known, name) == known.end())
      return fmt::format("unknown option '{}'{}", harmless(name), did_you_mean(name, known));
  }
  return {};
}

Error usage_error(const CLI::App& program, const std::vector<std::string>& arguments, const CLI::ParseError& error) {
  const auto named = program.get_subcommands();
  std::string hint = "'forebay help' shows the commands";
  if (!named.empty()) hint = fmt::format("'forebay {} --help' shows how it is used", named.front()->get_name());
  const auto first_word = std::ranges::find_if(arguments, [](const std::string& argument) { return !argument.starts_with('-'); });
  std::string message;
  if (named.empty() && first_word != arguments.end())
    message = fmt::format("unknown command '{}'{}", harmless(*first_word), did_you_mean(*first_word, names_of_commands(program)));
  if (message.empty()) message = unknown_option(program, arguments);
  if (message.empty()) message = harmless(error.what());
  return Error(kUsage, std::move(message)).with_hint(std::move(hint));
}

void add_commands(CLI::App& program, Invocation& invocation) {
  add_serve_command(program, invocation);
  add_run_command(program, invocation);
  add_inspect_command(program, invocation);
  add_devices_command(program, invocation);
  add_doctor_command(program, invocation);
  add_config_command(program, invocation);
  add_explain_command(program, invocation);
  add_completion_command(program, invocation);
  add_version_command(program, invocation);
}

// CLI11 takes "[1,2]" for a list to take apart, wherever a value may be given; it has to reach the command as it is. Doubled characters
// between double brackets are CLI11's own way to say so (Option::_add_result).
std::string shielded(const std::string& argument) {
  const auto sign = argument.starts_with("--") ? argument.find('=') : std::string::npos;
  const std::size_t at = sign == std::string::npos ? 0 : sign + 1;
  const std::string_view value = std::string_view(argument).substr(at);
  if (value.size() < 2 || !value.starts_with('[') || !value.ends_with(']')) return argument;
  std::string out = argument.substr(0, at) + "[[";
  for (const char c : value.substr(1, value.size() - 2)) out.append(2, c);
  return out + "]]";
}

// "help" and "help COMMAND" are what people type.
void read_help(std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front() != "help") return;
  arguments.erase(arguments.begin());
  arguments.emplace_back("--help");
}

int understand_and_run(std::vector<std::string> arguments, Console& console) {
  CLI::App program("Forebay runs and serves model files.", "forebay");
  Invocation invocation{console, {}};
  program.require_subcommand(1);
  program.fallthrough(false);
  program.set_help_flag("-h,--help", "Print this help");
  program.add_flag("--json-errors", console.json_errors, "Print errors as JSON");
  program.footer(kFooter);
  program.get_formatter()->column_width(34);
  program.get_formatter()->enable_footer_formatting(false);  // it joins lines, and examples are to be copied
  add_commands(program, invocation);

  read_help(arguments);
  if (arguments.empty()) {
    console.err << program.help();
    return 2;
  }
  if (arguments.front() == "--version") arguments = {"version"};
  try {
    std::vector<std::string> reversed;
    std::transform(arguments.rbegin(), arguments.rend(), std::back_inserter(reversed), shielded);
    program.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    const auto* shown = &program;
    while (!shown->get_subcommands().empty()) shown = shown->get_subcommands().front();
    console.out << shown->help();
    console.out.flush();
    return 0;
  } catch (const CLI::ParseError& error) {
    print_error(console, usage_error(program, arguments, error));
    return exit_status_of(kUsage);
  }
  const auto done = invocation.action();
  console.out.flush();
  // `forebay config show | head` is done when head is.
  if (!console.out && console.out_reader_gone && console.out_reader_gone()) return kReaderGoneStatus;
  if (done && !console.out) {
    print_error(console, Error(kOutputNotWritable, "standard output could not be written"));
    return exit_status_of(kOutputNotWritable);
  }
  if (done) return 0;
  print_error(console, done.error());
  return exit_status_of(done.error().code());
}
}  // namespace

void add_list_form(CLI::App& command, ListForm& form) {
  command.add_option("--output", form.name, "table (default) or json")->type_name("FORM");
  command.add_flag("--json", form.json, "The same as --output json");
}

Result<bool> wants_json(const ListForm& form) {
  if (form.name != "table" && form.name != "json")
    return fail(kUsage, fmt::format("--output is table or json, not '{}'", harmless(form.name)));
  return form.json || form.name == "json";
}

int run_program(std::vector<std::string> arguments, Console& console) {
  Error failure(kInternalError, "out of memory");
  try {
    if (arguments.size() > kArgumentsMax)
      failure = Error(kUsage, "too many arguments");
    else
      return understand_and_run(std::move(arguments), console);
  } catch (const std::exception& exception) {
    // Nothing should arrive here: each room catches what its libraries throw.
    failure = Error(kInternalError, fmt::format("unexpected failure: {}", exception.what()));
  }
  print_error(console, failure);
  return exit_status_of(failure.code());
}

}  // namespace forebay::cli

#include <fmt/ranges.h>

#include <memory>
#include <ostream>

#include "cli/command.h"
#include "cli/errors.h"

namespace forebay::cli {

namespace {
struct CommandWords {
  std::string name;
  std::string description;
  std::vector<std::string> words;  // its options and subcommands
};

std::vector<CommandWords> words_of(const CLI::App& program) {
  std::vector<CommandWords> commands;
  for (const auto* command : program.get_subcommands([](const CLI::App*) { return true; })) {
    CommandWords words{command->get_name(), command->get_description(), {}};
    for (const auto* option : command->get_options())
      for (const auto& name : option->get_lnames()) words.words.push_back("--" + name);
    for (const auto* below : command->get_subcommands([](const CLI::App*) { return true; })) words.words.push_back(below->get_name());
    commands.push_back(std::move(words));
  }
  return commands;
}

std::string names_of(const std::vector<CommandWords>& commands) {
  std::vector<std::string> names;
  for (const auto& command : commands) names.push_back(command.name);
  return fmt::format("{}", fmt::join(names, " "));
}

std::string bash_script(const std::vector<CommandWords>& commands) {
  std::string cases;
  for (const auto& command : commands) cases += fmt::format("    {}) words=\"{}\" ;;\n", command.name, fmt::join(command.words, " "));
  return fmt::format(R"bash(# bash completion of forebay: source <(forebay completion bash)
_forebay() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{}" -- "$current"))
    return
  fi
  case ${{COMP_WORDS[1]}} in
{}  esac
  case $current in
    -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$(printf '%s\n' $words | grep -v '^-')" -- "$current") $(compgen -f -- "$current")) ;;
  esac
}}
complete -o filenames -F _forebay forebay
)bash",
                     names_of(commands), cases);
}

// Inside single quotes.
std::string in_single_quotes(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out;
}

std::string zsh_script(const std::vector<CommandWords>& commands) {
  std::string descriptions;
  std::string cases;
  for (const auto& command : commands) {
    descriptions += fmt::format("    '{}:{}'\n", command.name, in_single_quotes(command.description));
    cases += fmt::format("    {}) compadd -- {} ;;\n", command.name, fmt::join(command.words, " "));
  }
  return fmt::format(R"zsh(#compdef forebay
# zsh completion of forebay: source <(forebay completion zsh)
_forebay() {{
  local -a commands
  commands=(
{})
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
{}  esac
  _files
}}
compdef _forebay forebay
)zsh",
                     descriptions, cases);
}

std::string fish_script(const std::vector<CommandWords>& commands) {
  std::string out = "# fish completion of forebay: forebay completion fish | source\n";
  for (const auto& command : commands) {
    out +=
        fmt::format("complete -c forebay -n __fish_use_subcommand -f -a {} -d '{}'\n", command.name, in_single_quotes(command.description));
    for (const auto& word : command.words) {
      out += word.starts_with("--")
                 ? fmt::format("complete -c forebay -n '__fish_seen_subcommand_from {}' -l {}\n", command.name, word.substr(2))
                 : fmt::format("complete -c forebay -n '__fish_seen_subcommand_from {}' -a {}\n", command.name, word);
    }
  }
  return out;
}
}  // namespace

void add_completion_command(CLI::App& program, Invocation& invocation) {
  auto shell = std::make_shared<std::string>();
  auto* command = program.add_subcommand("completion", "Print a completion script for a shell");
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required();
  command->footer("Example:\n  source <(forebay completion bash)");
  command->callback([&program, &invocation, shell] {
    invocation.action = [&program, &invocation, shell]() -> Result<> {
      const auto commands = words_of(program);
      if (*shell == "bash")
        invocation.console.out << bash_script(commands);
      else if (*shell == "zsh")
        invocation.console.out << zsh_script(commands);
      else if (*shell == "fish")
        invocation.console.out << fish_script(commands);
      else
        return fail(kUsage, fmt::format("completion knows bash, zsh and fish, not '{}'", harmless(*shell)));
      return {};
    };
  });
}

}  // namespace forebay::cli

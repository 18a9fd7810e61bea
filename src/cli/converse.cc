#include <fmt/format.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ostream>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/synchronized.h"
#include "cli/conversation.h"
#include "cli/did_you_mean.h"
#include "cli/line_editor.h"

namespace forebay::cli {

namespace {
// While a conversation runs, Ctrl-C belongs to the answer that is being written; at the prompt it does nothing. The engine's threads are
// there already and may be the ones the signal interrupts, so the handler only rings a bell that a thread of its own listens to.
class Interrupts {
 public:
  Interrupts() : bell_(::eventfd(0, EFD_CLOEXEC)) {
    bell_of_handler = bell_;
    struct sigaction action{};
    action.sa_handler = [](int) { ring(bell_of_handler); };
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, &before_);
    listener_ = std::thread([this] { listen(); });
  }
  ~Interrupts() {
    ::sigaction(SIGINT, &before_, nullptr);
    ended_ = true;
    ring(bell_);
    listener_.join();
    ::close(bell_);
  }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  // Cancelled by the next Ctrl-C.
  void watch(const CancelToken& token) {
    auto watched = token_.lock();
    *watched = token;
  }

 private:
  // Safe inside a signal handler.
  static void ring(int bell) {
    const int kept = errno;
    const std::uint64_t once = 1;
    [[maybe_unused]] const auto written = ::write(bell, &once, sizeof once);
    errno = kept;
  }
  void listen() {
    name_this_thread("interrupts");
    std::uint64_t times = 0;
    while (bell_ >= 0 && !ended_) {
      if (::read(bell_, &times, sizeof times) != sizeof times || ended_) continue;
      const auto token = token_.read([](const CancelToken& watched) { return watched; });
      token.cancel(CancelReason::kClientGone);
    }
  }

  static inline volatile std::sig_atomic_t bell_of_handler = -1;
  const int bell_;
  struct sigaction before_{};
  std::atomic<bool> ended_{false};
  Synchronized<CancelToken> token_;
  std::thread listener_;
};

constexpr const char* kHelpText =
    "/help            this text\n"
    "/reset, /clear   forgets the conversation\n"
    "/bye, /exit      leaves; so does Ctrl-D\n"
    "Ctrl-C stops an answer. Arrow keys bring back and change earlier lines.\n"
    "A text that begins with '/' is written with two: //etc is a folder.\n";

enum class Command : std::uint8_t { kHelp, kReset, kLeave };
struct NamedCommand {
  const char* name;
  Command command;
};
constexpr std::array kCommands = {NamedCommand{"/help", Command::kHelp},   NamedCommand{"/?", Command::kHelp},
                                  NamedCommand{"/reset", Command::kReset}, NamedCommand{"/clear", Command::kReset},
                                  NamedCommand{"/exit", Command::kLeave},  NamedCommand{"/quit", Command::kLeave},
                                  NamedCommand{"/bye", Command::kLeave}};

// Obeys a line that begins with '/'. False ends the conversation.
bool obey(Console& console, Conversation& conversation, const std::string& line) {
  const std::string word = line.substr(0, line.find(' '));
  const auto* found = std::ranges::find_if(kCommands, [&](const NamedCommand& one) { return word == one.name; });
  if (found == kCommands.end()) {
    std::vector<std::string> names;
    for (const auto& one : kCommands) names.emplace_back(one.name);
    console.err << fmt::format("there is no command '{}'{}; /help shows them, and //… sends a text that begins with '/'\n", harmless(word),
                               did_you_mean(word, names));
    return true;
  }
  switch (found->command) {
    case Command::kHelp:
      console.err << kHelpText;
      return true;
    case Command::kReset:
      conversation.reset();
      console.err << "forgotten\n";
      return true;
    case Command::kLeave:
      return false;
  }
  return true;
}

void answer(Console& console, Conversation& conversation, Interrupts& interrupts, const std::string& text) {
  const CancelToken cancel;
  interrupts.watch(cancel);
  const auto answered = conversation.ask(text, cancel, [&](std::string_view part) { console.out << part << std::flush; });
  console.out << std::endl;
  if (!answered)
    print_error(console, answered.error());
  else if (answered->finish_reason == scheduling::FinishReason::kLength)
    console.err << "(stopped at the length limit; --max-tokens raises it)\n";
}
}  // namespace

Result<> converse(Console& console, Conversation& conversation) {
  if (conversation.uses_default_template())
    console.err << "The file has no chat template, so ChatML is used; --raw completes each line as it is.\n";
  console.err << (conversation.uses_template() ? "A conversation" : "Each line is completed as it is")
              << ". /help shows the commands, Ctrl-C stops an answer, /bye or Ctrl-D leaves.\n";
  LineEditor editor(usual_history_file());
  Interrupts interrupts;
  while (const auto line = editor.read("> ")) {
    const auto first = line->find_first_not_of(" \t");
    if (first == std::string::npos) continue;
    const bool is_command = line->starts_with('/') && !line->starts_with("//");
    if (is_command && !obey(console, conversation, *line)) break;
    if (!is_command) answer(console, conversation, interrupts, line->substr(line->starts_with("//") ? 1 : 0));
  }
  return {};
}

}  // namespace forebay::cli

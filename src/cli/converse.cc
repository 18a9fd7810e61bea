#include <fmt/format.h>
#include <signal.h>
#include <stdio.h>  // readline's header needs FILE

#include <readline/history.h>
#include <readline/readline.h>

#include <cstdlib>
#include <memory>
#include <ostream>
#include <thread>

#include "base/executor.h"
#include "cli/conversation.h"

namespace forebay::cli {

namespace {
// While a conversation runs, Ctrl-C belongs to the answer. A thread waits for the signal, so that nothing has to be safe in a handler; at the
// prompt the terminal is in readline's hands, which makes Ctrl-C an empty line.
class Interrupts {
 public:
  Interrupts() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
    waiter_ = std::thread([this] { wait(); });
  }
  ~Interrupts() {
    pthread_kill(waiter_.native_handle(), SIGUSR2);
    waiter_.join();
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  // Cancelled by the next Ctrl-C.
  void watch(const CancelToken& token) {
    auto watched = token_.lock();
    *watched = token;
  }

 private:
  void wait() {
    name_this_thread("interrupts");
    for (int number = 0;;) {
      if (sigwait(&signals_, &number) != 0) continue;
      if (number == SIGUSR2) return;
      auto token = token_.lock();
      token->cancel(CancelReason::kClientGone);
    }
  }
  sigset_t signals_{};
  sigset_t before_{};
  Synchronized<CancelToken> token_;
  std::thread waiter_;
};

std::optional<std::string> read_line(const char* prompt) {
  const std::unique_ptr<char, decltype(&std::free)> line(::readline(prompt), &std::free);
  if (!line) return std::nullopt;
  if (*line != '\0') ::add_history(line.get());
  return std::string(line.get());
}
}  // namespace

Result<> converse(Console& console, Conversation& conversation) {
  console.err << (conversation.uses_template() ? "A conversation" : "This model has no chat template: each line is completed as it is")
              << ". /reset forgets it, Ctrl-C stops an answer, /exit or Ctrl-D leaves.\n";
  ::rl_readline_name = "forebay";
  ::rl_catch_signals = 0;
  Interrupts interrupts;
  while (const auto line = read_line("> ")) {
    if (*line == "/exit" || *line == "/quit") break;
    if (line->empty()) continue;
    if (*line == "/reset") {
      conversation.reset();
      console.err << "forgotten\n";
      continue;
    }
    const CancelToken cancel;
    interrupts.watch(cancel);
    const auto answer = conversation.ask(*line, cancel, [&](std::string_view text) { console.out << text << std::flush; });
    console.out << std::endl;
    if (!answer) print_error(console, answer.error());
    else if (answer->finish_reason == scheduling::FinishReason::kLength) console.err << "(stopped at the length limit; --max-tokens raises it)\n";
  }
  return {};
}

}  // namespace forebay::cli

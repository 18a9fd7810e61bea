#include <fmt/format.h>
#include <readline/history.h>
#include <readline/readline.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <ostream>
#include <thread>

#include "base/executor.h"
#include "base/synchronized.h"
#include "cli/conversation.h"

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
    if (!answer)
      print_error(console, answer.error());
    else if (answer->finish_reason == scheduling::FinishReason::kLength)
      console.err << "(stopped at the length limit; --max-tokens raises it)\n";
  }
  return {};
}

}  // namespace forebay::cli

#include "sandbox/confinement.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <fstream>

namespace forebay::sandbox {

namespace {
bool limit(decltype(RLIMIT_CORE) what, rlim_t most) {
  const rlimit both{.rlim_cur = most, .rlim_max = most};
  return ::setrlimit(what, &both) == 0;
}

// The sanitizers reserve terabytes of private memory before main(): the parent watches what is really used.
bool limit_memory(std::uint64_t bytes_max) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  static_cast<void>(bytes_max);
  return true;
#else
  return limit(RLIMIT_DATA, bytes_max);
#endif
}

template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  if (text.starts_with(':')) text.remove_prefix(1);
  return true;
}
}  // namespace

std::string to_text(const Confinement& confinement) {
  return fmt::format("{}:{}:{}:{}", confinement.parent, confinement.memory_bytes_max, confinement.cpu_seconds_max, confinement.files_max);
}

std::optional<Confinement> confinement_in(std::string_view text) {
  Confinement found;
  const bool whole = take_number(text, found.parent) && take_number(text, found.memory_bytes_max) &&
                     take_number(text, found.cpu_seconds_max) && take_number(text, found.files_max) && text.empty();
  return whole ? std::optional(found) : std::nullopt;
}

bool confine_this_process(const Confinement& confinement) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != confinement.parent) return false;
  // If the machine runs out of memory, this process is the one to end.
  std::ofstream("/proc/self/oom_score_adj") << "1000";
  // Neither a core file nor a crash reporter gets what a model file did. Without privileges to gain, no program it starts has more.
  ::signal(SIGXFSZ, SIG_IGN);  // writing to a file fails, and ends nothing
  const bool quiet = ::prctl(PR_SET_DUMPABLE, 0) == 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && limit(RLIMIT_CORE, 0);
  return quiet && limit(RLIMIT_CPU, confinement.cpu_seconds_max) && limit(RLIMIT_NOFILE, confinement.files_max) && limit(RLIMIT_FSIZE, 0) &&
         limit_memory(confinement.memory_bytes_max);
}

}  // namespace forebay::sandbox

#include "base/lost_pages.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

namespace forebay {

namespace {
std::atomic<std::uint64_t> count{0};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);  // it is counted in a signal handler
std::atomic<std::uintptr_t> page_bytes{4096};

void die_as_before(int signal_number) {
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  ::sigaction(signal_number, &usual, nullptr);  // the access is tried again, and ends the process
}

// Async-signal-safe: system calls and atomics only.
void replace_page(int signal_number, siginfo_t* info, void*) {
  if (info->si_code != BUS_ADRERR) return die_as_before(signal_number);
  const std::uintptr_t bytes = page_bytes.load();
  auto* at = static_cast<char*>(info->si_addr);
  char* page = at - reinterpret_cast<std::uintptr_t>(at) % bytes;
  if (::mmap(page, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
    return die_as_before(signal_number);
  count.fetch_add(1);
}
}  // namespace

void survive_lost_pages() {
  page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action{};
  action.sa_sigaction = replace_page;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

std::uint64_t lost_pages() { return count.load(); }

}  // namespace forebay

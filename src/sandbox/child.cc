#include "sandbox/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>

#include "base/clock.h"
#include "sandbox/confinement.h"
#include "sandbox/errors.h"

namespace forebay::sandbox {

namespace {
constexpr const char* kOwnBinary = "/proc/self/exe";
constexpr int kResultDescriptor = 3;
constexpr int kAboveTargets = 64;                  // descriptors are moved here first, so that none is overwritten by another
constexpr std::size_t kErrorBytesMax = 16 << 10;   // kept: the last of them
constexpr std::size_t kErrorBytesEver = 16 << 20;  // more than a library says before it ends
constexpr std::size_t kBytesAtOnceMax = 64 << 10;  // a pipe holds as much; between two reads the limits are looked at
constexpr int kLookEveryMs = 20;
constexpr int kCpuLimitSignals[] = {SIGXCPU, SIGKILL};

// What the loader and the sanitizers of a test need; everything else, secrets included, stays here.
constexpr const char* kInherited[] = {"LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"};

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

Descriptor moved_up(int number) { return Descriptor(::fcntl(number, F_DUPFD_CLOEXEC, kAboveTargets)); }

struct Pipe {
  Descriptor ours;
  Descriptor theirs;
  bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    ours = Descriptor(ends[0]);
    const Descriptor low(ends[1]);
    theirs = moved_up(low.number());
    return theirs.is_open() && ::fcntl(ours.number(), F_SETFL, O_NONBLOCK) == 0;
  }
};

// Kills the group of the child when it is left early, and collects it in any case.
class Child {
 public:
  explicit Child(pid_t number) : number_(number), watch_(static_cast<int>(::syscall(SYS_pidfd_open, number, 0))) {}
  ~Child() { collect(true); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  pid_t number() const { return number_; }
  int watch() const { return watch_.number(); }
  int status() const { return status_; }
  // Blocks: until it has ended, which `kill` sees to.
  void collect(bool kill) {
    if (collected_) return;
    if (kill) ::kill(-number_, SIGKILL);
    while (::waitpid(number_, &status_, 0) < 0 && errno == EINTR) {
    }
    // What it may have started itself goes too.
    ::kill(-number_, SIGKILL);
    collected_ = true;
  }

 private:
  const pid_t number_;
  const Descriptor watch_;
  int status_ = 0;
  bool collected_ = false;
};

// Reads what is there, so that a writer without end is not read without end. Returns: how many bytes.
std::size_t drain(Descriptor& from, std::string& into) {
  std::array<char, 4096> piece;
  std::size_t taken = 0;
  while (from.is_open() && taken < kBytesAtOnceMax) {
    const auto count = ::read(from.number(), piece.data(), piece.size());
    if (count > 0) {
      into.append(piece.data(), static_cast<std::size_t>(count));
      taken += static_cast<std::size_t>(count);
      continue;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
    from.close();
  }
  return taken;
}

// Private bytes in memory; what it has mapped of files does not count. Zero when the system does not say.
std::uint64_t private_bytes_of(pid_t child) {
  std::ifstream file(fmt::format("/proc/{}/statm", child));
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  std::uint64_t shared = 0;
  file >> all >> resident >> shared;
  return file && resident > shared ? (resident - shared) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

// The line that says why: an assertion, an exception, else the last.
std::string telling_line_of(std::string_view text) {
  std::string_view last;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.contains("ASSERT") || line.contains("what():")) return std::string(line);
    if (line.find_first_not_of(" \t\r") != line.npos) last = line;
  }
  return std::string(last);
}

class Spawn {
 public:
  Spawn() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  }
  ~Spawn() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;

  void give(int number, int as) { ::posix_spawn_file_actions_adddup2(&actions_, number, as); }
  void close_from(int first) { ::posix_spawn_file_actions_addclosefrom_np(&actions_, first); }
  // The system's error number; 0 when it runs.
  int start(pid_t& child, std::vector<std::string>& arguments, std::vector<std::string>& environment) {
    return ::posix_spawn(&child, kOwnBinary, &actions_, &attributes_, pointers_to(arguments).data(), pointers_to(environment).data());
  }

 private:
  static std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (auto& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
  }
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::vector<std::string> environment_for(const ChildTask& task) {
  std::vector<std::string> environment = {"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin"};
  for (const char* name : kInherited) {
    if (const char* value = std::getenv(name)) environment.push_back(fmt::format("{}={}", name, value));
  }
  environment.insert(environment.end(), task.environment.begin(), task.environment.end());
  return environment;
}

std::unexpected<Error> not_started(int reason) {
  return fail(kChildNotStarted, fmt::format("a child process cannot be started: {}", std::generic_category().message(reason)));
}

std::uint64_t whole_seconds(std::chrono::milliseconds time) {
  return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(time).count());
}

struct Pipes {
  Pipe result;
  Pipe errors;
};

Result<pid_t> start(const ChildTask& task, Pipes& pipes) {
  if (!pipes.result.open() || !pipes.errors.open()) return not_started(errno);
  Spawn spawn;
  spawn.give(pipes.errors.theirs.number(), STDERR_FILENO);
  spawn.give(pipes.result.theirs.number(), kResultDescriptor);
  std::vector<Descriptor> given;
  for (const int number : task.descriptors) {
    given.push_back(moved_up(number));
    if (!given.back().is_open()) return not_started(errno);
    spawn.give(given.back().number(), kFirstDescriptor + static_cast<int>(given.size()) - 1);
  }
  spawn.close_from(kFirstDescriptor + static_cast<int>(given.size()));
  const Confinement confinement{.parent = ::getpid(),
                                .memory_bytes_max = task.limits.memory_bytes_max,
                                .cpu_seconds_max = std::max<std::uint64_t>(1, whole_seconds(task.limits.cpu_time_max)),
                                .files_max = task.limits.files_max};
  std::vector<std::string> arguments = {"forebay", task.command, to_text(confinement)};
  arguments.insert(arguments.end(), task.arguments.begin(), task.arguments.end());
  auto environment = environment_for(task);
  pid_t child = 0;
  if (const int problem = spawn.start(child, arguments, environment); problem != 0) return not_started(problem);
  pipes.result.theirs.close();
  pipes.errors.theirs.close();
  return child;
}

// Watches one child until it has ended by itself, or must be ended.
class Watch {
 public:
  Watch(const ChildTask& task, Pipes& pipes, Child& child) : task_(task), pipes_(pipes), child_(child) {}

  ChildEnd until_end() {
    const Instant give_up = clock_.now() + task_.limits.time_max;
    std::optional<ChildEnding> forced;
    while (!forced && !has_ended()) {
      if (private_bytes_of(child_.number()) > task_.limits.memory_bytes_max)
        forced = ChildEnding::kMemoryExceeded;
      else if (end_.result.size() > task_.limits.result_bytes_max || error_bytes_ > kErrorBytesEver)
        forced = ChildEnding::kWroteTooMuch;
      else if (clock_.now() >= give_up)
        forced = ChildEnding::kTimedOut;
      else if (task_.keeps_going && !task_.keeps_going())
        forced = ChildEnding::kStopped;
    }
    child_.collect(forced.has_value());
    read();
    describe(forced);
    return std::move(end_);
  }

 private:
  // Blocks: for kLookEveryMs at most.
  bool has_ended() {
    std::array<pollfd, 3> events = {pollfd{child_.watch(), POLLIN, 0}, pollfd{pipes_.result.ours.number(), POLLIN, 0},
                                    pollfd{pipes_.errors.ours.number(), POLLIN, 0}};
    ::poll(events.data(), events.size(), kLookEveryMs);
    read();
    return (events[0].revents & POLLIN) != 0;
  }

  void read() {
    drain(pipes_.result.ours, end_.result);
    error_bytes_ += drain(pipes_.errors.ours, errors_);
    if (errors_.size() > kErrorBytesMax) errors_.erase(0, errors_.size() - kErrorBytesMax);
  }

  void describe(std::optional<ChildEnding> forced) {
    const int status = child_.status();
    end_.last_line = telling_line_of(errors_);
    if (WIFSIGNALED(status)) end_.signal = WTERMSIG(status);
    if (WIFEXITED(status)) end_.exit_status = WEXITSTATUS(status);
    const bool fits = end_.result.size() <= task_.limits.result_bytes_max;
    const bool finished = WIFEXITED(status) && end_.exit_status == 0 && fits;
    const bool out_of_cpu = std::ranges::contains(kCpuLimitSignals, end_.signal);
    end_.ending = forced       ? *forced
                  : !fits      ? ChildEnding::kWroteTooMuch
                  : finished   ? ChildEnding::kFinished
                  : out_of_cpu ? ChildEnding::kTimedOut
                               : ChildEnding::kCrashed;
  }

  const ChildTask& task_;
  Pipes& pipes_;
  Child& child_;
  SystemClock clock_;
  std::string errors_;
  std::size_t error_bytes_ = 0;
  ChildEnd end_;
};

std::string name_of_signal(int number) {
  const char* name = ::sigabbrev_np(number);
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", name);
}
}  // namespace

Result<ChildEnd> run_child(const ChildTask& task) {
  Pipes pipes;
  TRY_ASSIGN(const pid_t number, start(task, pipes));
  Child child(number);
  if (child.watch() < 0) return not_started(errno);
  return Watch(task, pipes, child).until_end();
}

Error error_of(const ChildEnd& end, const ChildLimits& limits, std::string_view reason) {
  const auto with_reason = [&](std::string what) { return reason.empty() ? what : fmt::format("{}: {}", what, reason); };
  switch (end.ending) {
    case ChildEnding::kTimedOut:
      return {kChildTimedOut, fmt::format("it had not ended after {:.0f} s of computing or {:.0f} s on the clock",
                                          std::chrono::duration<double>(limits.cpu_time_max).count(),
                                          std::chrono::duration<double>(limits.time_max).count())};
    case ChildEnding::kMemoryExceeded:
      return {kChildMemoryExceeded, fmt::format("it used more than {} MiB of memory", limits.memory_bytes_max >> 20U)};
    case ChildEnding::kWroteTooMuch:
      return {kChildCrashed, fmt::format("it wrote more than {} KiB as its result, or {} MiB as errors", limits.result_bytes_max >> 10U,
                                         kErrorBytesEver >> 20U)};
    case ChildEnding::kStopped:
      return {kChildCrashed, "it was stopped"};
    case ChildEnding::kFinished:
    case ChildEnding::kCrashed:
      break;
  }
  if (end.signal != 0) return {kChildCrashed, with_reason("it ended by " + name_of_signal(end.signal))};
  return {kChildCrashed, with_reason(fmt::format("it ended with status {}", end.exit_status))};
}

Result<std::vector<std::string>> enter_child(std::span<char* const> arguments) {
  const auto confinement = arguments.size() >= 2 ? confinement_in(arguments[1]) : std::nullopt;
  if (!confinement) return fail(kChildNotStarted, "the command is for child processes only");
  if (!confine_this_process(*confinement)) return fail(kChildNotStarted, "the limits of a child process cannot be set");
  return std::vector<std::string>(arguments.begin() + 2, arguments.end());
}

void finish_child(std::string_view result) {
  while (!result.empty()) {
    const auto count = ::write(kResultDescriptor, result.data(), result.size());
    if (count < 0 && errno != EINTR) ::_exit(1);
    if (count > 0) result.remove_prefix(static_cast<std::size_t>(count));
  }
  // Without destructors: threads of libraries may still run, and nothing of this process is needed any more.
  ::_exit(0);
}

}  // namespace forebay::sandbox

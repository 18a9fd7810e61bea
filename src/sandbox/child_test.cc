#include "sandbox/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include "sandbox/confinement.h"
#include "sandbox/errors.h"

extern char** environ;

namespace forebay::sandbox {
namespace {

constexpr std::string_view kCommand = "sandbox-test-child";

[[noreturn]] void compute_forever() {
  for (volatile std::uint64_t counter = 0;;) counter = counter + 1;
}

[[noreturn]] void take_memory() {
  for (std::vector<std::string> held;;) held.emplace_back(std::size_t{8} << 20, 'x');
}

[[noreturn]] void write_forever(int descriptor) {
  const std::string line = std::string(1023, 'x') + "\n";
  for (;;) (void)!::write(descriptor, line.data(), line.size());
}

std::string environment_and_descriptors() {
  std::string found;
  for (char** entry = environ; *entry != nullptr; ++entry) found += std::string(*entry) + "\n";
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) found += "fd " + entry.path().filename().string() + "\n";
  return found;
}

std::string limits_of_this_process() {
  rlimit files{};
  rlimit core{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  ::getrlimit(RLIMIT_CORE, &core);
  std::ifstream status("/proc/self/status");
  std::string line;
  std::string privileges;
  while (std::getline(status, line)) {
    if (line.starts_with("NoNewPrivs")) privileges = line;
  }
  return std::to_string(files.rlim_cur) + " files, core " + std::to_string(core.rlim_cur) + ", " + privileges;
}

[[noreturn]] void be_child(const std::vector<std::string>& arguments) {
  const std::string& what = arguments.front();
  if (what == "echo") finish_child(arguments.back());
  if (what == "limits") finish_child(limits_of_this_process());
  if (what == "surroundings") finish_child(environment_and_descriptors());
  if (what == "read") {
    std::string text(5, '\0');
    finish_child(text.substr(0, static_cast<std::size_t>(::read(kFirstDescriptor, text.data(), text.size()))));
  }
  if (what == "write-file") finish_child((std::ofstream(arguments.back()) << "harm" << std::flush) ? "written" : "refused");
  if (what == "flood") finish_child(std::string(std::size_t{4} << 20, 'x'));
  if (what == "abort") {
    std::cerr << "loading\nfile.c:12: GGML_ASSERT(a == b) failed\nmore that follows\n" << std::flush;
    std::abort();
  }
  if (what == "exit") ::_exit(3);
  if (what == "wait") ::pause();
  if (what == "compute") compute_forever();
  if (what == "memory") take_memory();
  if (what == "write-errors") write_forever(STDERR_FILENO);
  if (what == "write-result") write_forever(kFirstDescriptor - 1);
  ::_exit(9);
}

// Before the test's main(): the same binary is its own child.
[[gnu::constructor]] void become_child(int argc, char** argv) {
  if (argc < 3 || argv[1] != kCommand) return;
  const auto arguments = enter_child(std::span(argv + 1, argv + argc));
  if (!arguments || arguments->empty()) ::_exit(8);
  be_child(*arguments);
}

ChildTask task(std::string what, std::string more = {}) {
  ChildTask made{.command = std::string(kCommand),
                 .arguments = {std::move(what)},
                 .environment = {},
                 .descriptors = {},
                 .limits = {},
                 .keeps_going = {}};
  if (!more.empty()) made.arguments.push_back(std::move(more));
  return made;
}

TEST(Child, AResultComesBack) {
  const auto end = run_child(task("echo", "what it found")).value();
  EXPECT_EQ(end.ending, ChildEnding::kFinished);
  EXPECT_EQ(end.result, "what it found");
}

TEST(Child, ASignalIsToldWithTheLineThatSaysWhy) {
  const auto end = run_child(task("abort")).value();
  EXPECT_EQ(end.ending, ChildEnding::kCrashed);
  EXPECT_EQ(end.signal, SIGABRT);
  EXPECT_EQ(end.last_line, "file.c:12: GGML_ASSERT(a == b) failed");
  const Error error = error_of(end, {}, end.last_line);
  EXPECT_EQ(error.code(), kChildCrashed);
  EXPECT_EQ(error.message(), "it ended by SIGABRT: file.c:12: GGML_ASSERT(a == b) failed");
}

TEST(Child, AnEndWithoutAResultIsACrash) {
  const auto end = run_child(task("exit")).value();
  EXPECT_EQ(end.ending, ChildEnding::kCrashed);
  EXPECT_EQ(error_of(end, {}, "").message(), "it ended with status 3");
}

TEST(Child, AHangEndsAtTheTimeOnTheClock) {
  auto waiting = task("wait");
  waiting.limits.time_max = std::chrono::milliseconds(100);
  const auto end = run_child(waiting).value();
  EXPECT_EQ(end.ending, ChildEnding::kTimedOut);
  EXPECT_EQ(error_of(end, waiting.limits, "").code(), kChildTimedOut);
}

TEST(Child, ALoopEndsAtItsTimeOfComputing) {
  auto computing = task("compute");
  computing.limits.cpu_time_max = std::chrono::seconds(1);
  EXPECT_EQ(run_child(computing).value().ending, ChildEnding::kTimedOut);
}

TEST(Child, MemoryIsBounded) {
  auto greedy = task("memory");
  greedy.limits.memory_bytes_max = std::uint64_t{256} << 20;
  const auto end = run_child(greedy).value();
  // The system refuses the memory, which ends it by an exception, or the parent sees what it has taken.
  EXPECT_NE(end.ending, ChildEnding::kFinished);
  EXPECT_NE(end.ending, ChildEnding::kTimedOut);
}

TEST(Child, AResultIsBounded) { EXPECT_EQ(run_child(task("flood")).value().ending, ChildEnding::kWroteTooMuch); }

TEST(Child, AWriterWithoutEndIsEndedAndReported) {
  for (const char* where : {"write-errors", "write-result"}) {
    const auto end = run_child(task(where)).value();
    EXPECT_EQ(end.ending, ChildEnding::kWroteTooMuch) << where;
    EXPECT_LE(end.result.size(), std::size_t{256} << 10) << where;
    EXPECT_TRUE(error_of(end, {}, "x").message().contains("wrote more than 64 KiB")) << where;
  }
}

// Nothing but the time ends this one: the limits are looked at between two reads.
TEST(Child, ItsTimeEndsAlsoWhileItWrites) {
  auto writing = task("write-errors");
  writing.limits.time_max = std::chrono::milliseconds(0);
  EXPECT_EQ(run_child(writing).value().ending, ChildEnding::kTimedOut);
}

TEST(Child, ItEndsWhenTheParentWantsNoMore) {
  auto waiting = task("wait");
  waiting.keeps_going = [] { return false; };
  EXPECT_EQ(run_child(waiting).value().ending, ChildEnding::kStopped);
}

TEST(Child, ItHasNeitherOurEnvironmentNorOurDescriptors) {
  ::setenv("FOREBAY_TEST_SECRET", "do not tell", 1);
  const int secret = ::open("/dev/zero", O_RDONLY);  // without O_CLOEXEC, as libraries open files
  const auto end = run_child(task("surroundings")).value();
  ::close(secret);
  ::unsetenv("FOREBAY_TEST_SECRET");
  ASSERT_EQ(end.ending, ChildEnding::kFinished);
  EXPECT_FALSE(end.result.contains("do not tell"));
  // 0 to 3, and the one that lists them.
  EXPECT_TRUE(end.result.contains("fd 3\n"));
  EXPECT_FALSE(end.result.contains("fd 5\n")) << end.result;
}

TEST(Child, ItHasTheEnvironmentOfItsTask) {
  auto asking = task("surroundings");
  asking.environment = {"OF_THE_TASK=1"};
  EXPECT_TRUE(run_child(asking).value().result.contains("OF_THE_TASK=1\n"));
}

TEST(Child, ItReadsTheDescriptorsItIsGiven) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_EQ(::write(ends[1], "given", 5), 5);
  auto reading = task("read");
  reading.descriptors = {ends[0]};
  EXPECT_EQ(run_child(reading).value().result, "given");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Child, ItWritesNoFile) {
  const auto path = std::filesystem::temp_directory_path() / ("forebay-child-" + std::to_string(::getpid()));
  const auto end = run_child(task("write-file", path.string())).value();
  std::error_code none;
  EXPECT_EQ(end.result, "refused");
  EXPECT_EQ(std::filesystem::exists(path, none) ? std::filesystem::file_size(path, none) : 0, 0U);
  std::filesystem::remove(path, none);
}

TEST(Child, ItCannotGainPrivilegesOrLeaveACore) {
  auto limited = task("limits");
  limited.limits.files_max = 77;
  EXPECT_EQ(run_child(limited).value().result, "77 files, core 0, NoNewPrivs:\t1");
}

TEST(Child, SeveralRunAtTheSameTime) {
  std::vector<std::jthread> threads;
  std::array<std::string, 4> results;
  for (std::size_t i = 0; i < results.size(); ++i)
    threads.emplace_back([&results, i] { results[i] = run_child(task("echo", std::to_string(i))).value().result; });
  threads.clear();
  EXPECT_EQ(results, (std::array<std::string, 4>{"0", "1", "2", "3"}));
}

TEST(Child, TheCommandIsForChildrenOnly) {
  std::string command(kCommand);
  std::string limits = "1:1:1";
  std::array<char*, 2> arguments = {command.data(), limits.data()};
  EXPECT_EQ(enter_child(arguments).error().code(), kChildNotStarted);
}

TEST(Confinement, ItsTextIsReadBackAndNothingElseIs) {
  const Confinement made{.parent = 7, .memory_bytes_max = 1U << 30U, .cpu_seconds_max = 20, .files_max = 64};
  const auto read = confinement_in(to_text(made)).value();
  EXPECT_EQ(to_text(read), "7:1073741824:20:64");
  for (const char* wrong : {"", "7", "7:1:2", "7:1:2:3x", "a:1:2:3", "7:-1:2:3"}) EXPECT_FALSE(confinement_in(wrong)) << wrong;
}

}  // namespace
}  // namespace forebay::sandbox

// Reads one path a line and writes one JSON object a line: what came of opening that file as the server does, with one step of it, in a
// child process of its own. Model files are loaded and warmed; a *.json file is a tokenizer, which takes a few texts. Only for tests.
//   {"path": …, "verdict": "taken" | "refused" | "signal" | "hang" | "memory", "detail": code, signal or message, "seconds": …, "mib": …}
// Arguments: the longest time of a child in seconds (20), and the memory it may add in MiB (1024).
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <glaze/json.hpp>
#include <iostream>
#include <string>

#include "base/byte_budget.h"
#include "base/clock.h"
#include "base/log.h"
#include "engines/engines.h"
#include "models/model_loader.h"
#include "text/subword_tokenizer.h"

// Outside the unnamed namespace, because glaze looks at their linkage.
struct Verdict {
  std::string path;
  std::string verdict;
  std::string detail;
  double seconds = 0;
  long mib = 0;
};

namespace {
using namespace forebay;
using Seconds = std::chrono::duration<double>;

struct Limits {
  double seconds = 20;
  long mib = 1024;
};

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Result<> try_tokenizer(const std::filesystem::path& path) {
  TRY_ASSIGN(const auto tokenizer, text::SubwordTokenizer::read(text_of(path)));
  for (const std::string_view text : {"", "a", "Hello, world! 12345", "Grüße aus Köln \xf0\x9f\x98\x80 \t\n  x", "\xff\xfe\x00 broken"}) {
    for (const bool special : {false, true}) {
      const auto tokens = tokenizer->encode(text, {.add_special = special, .parse_special = special});
      if (!tokens) continue;
      for (const auto token : *tokens) static_cast<void>(tokenizer->piece(token, true));
    }
    static_cast<void>(tokenizer->encode_pair(text, text, {}));
  }
  return {};
}

Result<> try_model(const std::filesystem::path& path, std::span<const std::unique_ptr<engines::Engine>> engines) {
  const SystemClock clock;
  ByteBudget budget(std::size_t{4} << 30);
  models::ModelsOptions options;
  options.threads = 1;
  options.tune = false;
  options.tensors.workers = 1;
  options.generation.workers = 1;
  options.generation.sequences_max = 1;
  options.generation.threads = 1;
  options.generation.context_tokens = 512;
  models::LoaderContext context;
  context.engines = engines;
  context.clock = &clock;
  context.budget = &budget;
  const auto model = models::load_model({.name = "tried", .version = "1", .path = path}, options, context);
  if (!model) return std::unexpected(model.error());
  return {};
}

long resident_mib(pid_t child) {
  std::ifstream file("/proc/" + std::to_string(child) + "/statm");
  long all = 0;
  long resident = 0;
  file >> all >> resident;
  return resident * ::sysconf(_SC_PAGESIZE) / (1 << 20);
}

// What the child writes before it ends; kills it beyond the limits.
Verdict watch(pid_t child, int output, const Limits& limits) {
  Verdict verdict;
  const auto began = std::chrono::steady_clock::now();
  const long before = resident_mib(::getpid());
  std::string said;
  for (bool is_open = true; is_open;) {
    pollfd waiting{.fd = output, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 10) > 0) {
      std::array<char, 4096> part{};
      const auto got = ::read(output, part.data(), part.size());
      is_open = got > 0;
      if (is_open) said.append(part.data(), static_cast<std::size_t>(got));
    }
    verdict.seconds = Seconds(std::chrono::steady_clock::now() - began).count();
    const long added = resident_mib(child) - before;
    if (verdict.verdict.empty() && added > limits.mib) verdict.verdict = "memory";
    if (verdict.verdict.empty() && verdict.seconds > limits.seconds) verdict.verdict = "hang";
    if (!verdict.verdict.empty()) ::kill(child, SIGKILL);
  }
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  verdict.mib = usage.ru_maxrss / 1024 - before;
  if (!verdict.verdict.empty()) return verdict;
  if (WIFSIGNALED(status)) {
    verdict.verdict = "signal";
    verdict.detail = std::to_string(WTERMSIG(status)) + " " + ::strsignal(WTERMSIG(status));
  } else {
    verdict.verdict = WEXITSTATUS(status) == 0 ? "taken" : WEXITSTATUS(status) == 1 ? "refused" : "signal";
    verdict.detail = said.empty() && WEXITSTATUS(status) > 1 ? "exit status " + std::to_string(WEXITSTATUS(status)) : said;
  }
  return verdict;
}

Verdict try_file(const std::string& path, std::span<const std::unique_ptr<engines::Engine>> engines, const Limits& limits) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) std::abort();
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe[0]);
    const auto result = path.ends_with(".json") ? try_tokenizer(path) : try_model(path, engines);
    if (!result) {
      const std::string reason = std::string(result.error().code().name) + ": " + result.error().message();
      static_cast<void>(!::write(pipe[1], reason.data(), std::min<std::size_t>(reason.size(), 500)));
    }
    ::_exit(result ? 0 : 1);
  }
  ::close(pipe[1]);
  auto verdict = watch(child, pipe[0], limits);
  ::close(pipe[0]);
  std::ranges::replace_if(verdict.detail, [](char c) { return static_cast<unsigned char>(c) < ' '; }, '?');  // of a damaged file
  verdict.path = path;
  return verdict;
}
}  // namespace

int main(int count, char** arguments) {
  Limits limits;
  if (count > 1) limits.seconds = std::stod(arguments[1]);
  if (count > 2) limits.mib = std::stol(arguments[2]);
  log::configure({.level = log::Level::kOff});
  const auto engines = engines::make_engines();
  // Starts the libraries once, so that each child has them.
  for (const auto& engine : engines) static_cast<void>(engine->devices());
  for (std::string path; std::getline(std::cin, path);)
    std::cout << glz::write_json(try_file(path, engines, limits)).value_or("{}") << '\n' << std::flush;
  return 0;
}

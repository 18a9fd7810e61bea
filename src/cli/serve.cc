#include "cli/serve.h"

#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "accounts/key_authenticator.h"
#include "base/byte_budget.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/machine.h"
#include "cli/error_catalogue.h"
#include "cli/errors.h"
#include "cli/last_resort.h"
#include "cli/memory_watch.h"
#include "cli/model_cache_folder.h"
#include "cli/version.h"
#include "engines/engines.h"
#include "engines/numa.h"
#include "http/server.h"
#include "models/catalog.h"
#include "models/processor_list.h"
#include "telemetry/metrics.h"
#include "telemetry/serving_metrics.h"

namespace forebay::cli {

namespace {
constexpr int kStopWatching = SIGUSR2;  // our own word to the watching thread

// A closed terminal sends SIGHUP; what was started with nohup ignores it and goes on.
bool ignores(int number) {
  struct sigaction action{};
  return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

sigset_t watched_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, kStopWatching}) sigaddset(&signals, number);
  if (!ignores(SIGHUP)) sigaddset(&signals, SIGHUP);
  return signals;
}

// Waits for signals on a thread of its own, so that nothing has to be safe inside a handler.
// The first drains and stops, the second stops without waiting, the third ends the process.
class SignalWatcher {
 public:
  SignalWatcher(http::Server& server, const ServeOptions& options, LastResort& last_resort)
      : watcher_([&server, &options, &last_resort] {
          name_this_thread("signals");
          watch(server, options, last_resort);
        }) {}
  ~SignalWatcher() { pthread_kill(watcher_.native_handle(), kStopWatching); }

 private:
  static int next_signal() {
    const sigset_t signals = watched_signals();
    int number = 0;
    while (sigwait(&signals, &number) != 0) {
    }
    return number;
  }

  static void watch(http::Server& server, const ServeOptions& options, LastResort& last_resort) {
    std::jthread drainer;
    const auto drain_timeout = options.drain_timeout;
    for (int times = 1;; ++times) {
      const int number = next_signal();
      if (number == kStopWatching) return;
      if (times == 1) {
        log::info("draining", {{"signal", std::to_string(number)}, {"timeout_ms", std::to_string(drain_timeout.count())}});
        last_resort.arm(drain_timeout + options.stop_timeout);
        drainer = std::jthread([&server, drain_timeout] {
          name_this_thread("drain");
          server.drain(drain_timeout);
          server.stop();
        });
      } else if (times == 2) {
        log::warning("stopping without waiting for the rest");
        last_resort.arm(options.stop_timeout);
        server.stop();
      } else {
        ::_exit(128 + number);
      }
    }
  }

  std::jthread watcher_;
};

[[noreturn]] void end_without_the_rest() {
  log::error("a model or a thread did not end in time; the process ends without it", {{"code", kShutdownForced.id()}});
  ::_exit(exit_status_of(kShutdownForced));
}

// Bodies and tensors of megabytes come and go. Left to itself the heap learns from the first of them to keep what later ones leave behind,
// up to 32 MiB at a time in each thread's part: so large blocks are mapped, and given back, one by one.
void give_large_blocks_back() {
  ::mallopt(M_MMAP_THRESHOLD, 4 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 32 << 20);
}

std::size_t budget_bytes(std::uint64_t configured) { return configured != 0 ? configured : usable_memory_bytes() / 10 * 8; }
}  // namespace

Result<> serve(const ServeOptions& options, const ServeEvents& events) {
  // Before the first thread is made: every thread inherits the mask, and only the watcher takes these signals.
  const sigset_t signals = watched_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  give_large_blocks_back();

  LastResort last_resort(end_without_the_rest);
  const SystemClock clock;
  ByteBudget budget(budget_bytes(options.memory_budget_bytes));
  PressureGauge pressure;
  telemetry::Metrics metrics;
  telemetry::ServingMetrics serving_metrics(metrics, {.clock = &clock});
  serving_metrics.budget_bytes_max.set(static_cast<double>(budget.bytes_max()));
  serving_metrics.note_build(std::string(program_version()));
  TRY_ASSIGN(const auto authenticator, accounts::KeyAuthenticator::create(options.accounts));

  TRY(models::processors_of(options.models.cpu_affinity));  // else every model would fail to load
  engines::use_numa(options.models.numa);
  TRY_ASSIGN(const auto model_cache, open_model_cache(options.models.cache));

  // Members are taken down in the reverse order: server, catalog (with its runners), pools.
  ThreadPool background({.name = "background", .threads = options.background_threads});
  ThreadPool request_pool({.name = "request", .threads = options.request_threads});
  std::atomic<models::Catalog*> settled_catalog{nullptr};
  models::Catalog catalog(options.models, {.engines = engines::make_engines(),
                                           .clock = &clock,
                                           .budget = &budget,
                                           .pressure = &pressure,
                                           .cache = model_cache.get(),
                                           .probes = true,
                                           .metrics = &serving_metrics,
                                           .background = &background,
                                           .settled = [&] {
                                             if (events.settled) events.settled(settled_catalog.load()->all_ready());
                                           }});
  settled_catalog = &catalog;

  TRY_ASSIGN(auto server, http::Server::create(options.http, {.catalog = &catalog,
                                                              .authenticator = &authenticator,
                                                              .metrics = &metrics,
                                                              .serving_metrics = &serving_metrics,
                                                              .request_pool = &request_pool,
                                                              .budget = &budget,
                                                              .pressure = &pressure,
                                                              .clock = &clock,
                                                              .version = std::string(program_version())}));
  TRY(catalog.add(options.sources));
  const MemoryWatch memory_watch(options.memory_pressure, {}, budget, pressure, serving_metrics);
  const SignalWatcher watcher(*server, options, last_resort);
  TRY(server->run([&](std::uint16_t port) {
    if (events.listening) events.listening(port);
  }));
  return {};
}

}  // namespace forebay::cli

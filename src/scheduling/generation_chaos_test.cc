// Everything that can go wrong with generation, at once and at random, on the real runner with its threads: sessions break and are refused
// when they are to be opened again, steps fail, clients vanish, deadlines pass, cells run out, and the workers' number and strategy change.
// In the end every request has been answered exactly once, every finished text is what the model writes undisturbed, and every session,
// cell and byte is back.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "base/errors.h"
#include "engines/errors.h"
#include "scheduling/errors.h"
#include "scheduling/testing/runner_fixture.h"

namespace forebay::scheduling {
namespace {

using engines::fake_tokens;
using std::chrono::milliseconds;

constexpr int kClients = 12;
constexpr int kRequestsEach = 250;

struct Tally {
  std::atomic<std::uint64_t> accepted = 0, refused = 0, complete = 0, cancelled = 0, failed = 0, vanished = 0;
};

class Chaos : public RunnerFixture {
 protected:
  // What one client does from its own seed.
  class Client {
   public:
    Client(Chaos& chaos, GenerationRunner& runner, unsigned seed) : chaos_(chaos), runner_(runner), random_(seed) {}

    void run() {
      for (int i = 0; i < kRequestsEach; ++i) {
        if (below(25) == 0) disturb();
        ask();
      }
    }

   private:
    unsigned below(unsigned end) { return std::uniform_int_distribution<unsigned>(0, end - 1)(random_); }

    void ask() {
      const std::string prompt(1 + below(50), static_cast<char>('a' + below(3)));
      const auto tokens_max = static_cast<std::uint32_t>(1 + below(25));
      auto request = greedy(prompt, tokens_max);
      request.ticket.priority = static_cast<Priority>(below(3));
      request.ticket.client = std::to_string(below(3));
      const bool hurries = below(20) == 0;
      if (hurries) request.ticket.deadline = chaos_.clock_.now() + milliseconds(1 + below(5));
      const CancelToken cancel = request.ticket.cancel;
      auto channel = runner_.submit(std::move(request));
      if (!channel) return note_refusal(channel.error());
      ++chaos_.tally_.accepted;
      const unsigned fate = below(10);
      if (fate == 0) {
        ++chaos_.tally_.vanished;
        cancel.cancel(CancelReason::kClientGone);  // and nobody reads what comes
        return;
      }
      if (fate == 1) {
        const auto first = (*channel)->pop_until(chaos_.clock_.now() + std::chrono::minutes(1));
        ASSERT_TRUE(first.has_value());
        if (first->kind != TokenEvent::Kind::kToken) return;  // it has ended already
        cancel.cancel(CancelReason::kClientGone);
      }
      check(**channel, prompt, tokens_max, fate == 1, hurries);
    }

    void note_refusal(const Error& error) {
      ++chaos_.tally_.refused;
      const bool expected = error.code() == kOverloaded || error.code() == kBreakerOpen || error.code() == kDeadlinePassed;
      EXPECT_TRUE(expected) << error.to_string();
    }

    // A cancelled reader may have taken one token already.
    void check(TokenChannel& channel, const std::string& prompt, std::uint32_t tokens_max, bool cancelled, bool hurries) {
      const Stream stream = chaos_.read_to_end(channel);
      EXPECT_FALSE(channel.try_pop().has_value()) << "nothing follows the end";
      if (cancelled) return;
      EXPECT_EQ(stream.tokens, undisturbed(fake_tokens(prompt), stream.tokens.size()));
      if (stream.finished_with(FinishReason::kLength)) {
        EXPECT_EQ(stream.tokens.size(), tokens_max);
        ++chaos_.tally_.complete;
      } else {
        const bool expected = stream.failed_with(engines::kStepFailed) || (hurries && stream.failed_with(kDeadlinePassed));
        EXPECT_TRUE(expected) << (stream.end().error ? stream.end().error->to_string() : "ended otherwise");
        ++chaos_.tally_.failed;
      }
    }

    void disturb() {
      auto& control = chaos_.engine_.control();
      auto& switches = control.switches;
      static constexpr const char* kStrategies[] = {"round_robin", "least_loaded", "memory_aware", "prefix_affinity"};
      switch (below(8)) {
        case 0:
          switches.sessions_to_break = 1 + below(2);
          break;
        case 1:
          switches.step_fails_at = control.counters.steps + 1 + below(5);
          break;
        case 2:
          switches.cells_max = below(2) == 0 ? -1 : 80 + static_cast<int>(below(60));
          break;
        case 3:
          EXPECT_TRUE(runner_.set_workers(1 + below(4)).has_value());
          break;
        case 4:
          EXPECT_TRUE(runner_.set_strategy(kStrategies[below(4)]).has_value());
          break;
        case 5:
          switches.opens_to_fail = below(10);
          break;
        case 6:
          runner_.clear_cache();
          break;
        default:
          switches.abort_keeps_half = below(2) == 0;
      }
    }

    Chaos& chaos_;
    GenerationRunner& runner_;
    std::mt19937 random_;
  };

  static GenerationOptions options() {
    GenerationOptions options;
    options.admission.queue_requests_max = 64;
    options.workers = 2;
    options.cells = "unified";
    options.workers_max = 4;
    options.sequences_max = 4;
    options.context_tokens = 160;
    options.step_tokens_max = 32;
    options.drain_timeout = milliseconds(1);
    options.breaker.requests_min = 1'000'000;  // here every request is to be tried
    options.retry = {.request_share = 1, .per_second_min = 1'000, .burst_max = 1'000, .attempts_max = 100};
    options.health.restart_delay_min = milliseconds(1);
    options.health.restart_delay_max = milliseconds(4);
    options.health.probation_steps = 3;
    return options;
  }

  Tally tally_;
};

TEST_F(Chaos, EveryRequestIsAnsweredOnceEveryTextIsRightAndEverythingIsGivenBack) {
  auto with_disk = options();
  with_disk.cache = {.ram_bytes_max = 2'000, .disk_path = folder(), .disk_bytes_max = 6'000};
  auto runner = generation(with_disk);
  std::vector<std::thread> clients;
  for (unsigned seed = 0; seed < kClients; ++seed) {
    clients.emplace_back([&, seed] { Client(*this, *runner, seed).run(); });
  }
  for (auto& client : clients) client.join();

  // The storm is over: everybody is served again, by whatever is left.
  auto& control = engine_.control();
  control.switches.opens_to_fail = 0;
  control.switches.sessions_to_break = 0;
  control.switches.step_fails_at = 0;
  control.switches.cells_max = -1;
  ASSERT_TRUE(runner->set_workers(3).has_value());
  bool recovered = false;
  for (int i = 0; i < 1'000 && !recovered; ++i) {
    const Stream stream = generate(*runner, greedy("after the storm", 20));
    ++tally_.accepted;
    recovered = stream.finished_with(FinishReason::kLength);
  }
  EXPECT_TRUE(recovered);
  bool read_from_disk = false;  // more texts than cells and RAM hold take turns
  for (int i = 0; i < 1'000 && !read_from_disk; ++i) {
    generate(*runner, greedy(std::string(50, static_cast<char>('d' + i % 12)), 5));
    ++tally_.accepted;
    read_from_disk = runner->stats().prefix_cache.disk.hits > 0;
  }
  EXPECT_TRUE(read_from_disk);

  RunnerStats before;
  EXPECT_TRUE(eventually([&] {
    before = runner->stats();
    return before.accepted == before.finished + before.failed + before.cancelled && before.running == 0;
  })) << "the vanished are accounted for, too";
  runner.reset();
  RecordProperty("complete", static_cast<int>(tally_.complete));
  EXPECT_EQ(before.accepted, tally_.accepted);
  EXPECT_EQ(before.queued, 0U);
  EXPECT_EQ(before.refused, tally_.refused);
  EXPECT_GT(tally_.complete, kClients * kRequestsEach / 4U);
  EXPECT_GT(before.restarts, 0U) << "the storm was one";
  EXPECT_GT(before.retries, 0U);
  EXPECT_EQ(control.counters.sessions_open, 0U);
  EXPECT_EQ(control.counters.cells_held, 0U);
  EXPECT_EQ(control.counters.sequences_held, 0U);
  EXPECT_EQ(control.counters.bad_steps, 0U);
  EXPECT_EQ(control.counters.used_on_another_thread, 0U);
  EXPECT_EQ(budget_.bytes_held(), 0U);
  EXPECT_EQ(before.prefix_cache.disk.refused, 0U);
  std::uintmax_t on_disk = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_))
    on_disk += entry.is_regular_file() ? entry.file_size() : 0;
  EXPECT_LE(on_disk, with_disk.cache.disk_bytes_max);
}

}  // namespace
}  // namespace forebay::scheduling

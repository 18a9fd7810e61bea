// What a run of so many rows takes on this machine, learned from the runs themselves, and what follows for the next batch.
//   Sizes are kept in classes of a power of two, each with a moving average; between two known sizes it is a straight line.
// Threads: shared. Owner: a tensor runner.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/synchronized.h"

namespace forebay::scheduling {

class RunCost {
 public:
  // What waking another thread costs, both ways: shorter runs are not worth sharing out.
  static constexpr Duration kHandOver = std::chrono::microseconds(60);

  void note(std::size_t rows, Duration took);
  // Nothing before the first run.
  std::optional<Duration> of(std::size_t rows) const;
  // The largest batch that is expected to take no longer; 0 when not even one row does, or nothing is known.
  std::size_t rows_within(Duration longest, std::size_t rows_max) const;
  // How many of the rows that wait one worker takes, when so many others are idle: its share of them, but never more than what already
  // gives the best rate (more would only make the first wait for the last), and all of them when a run is too short to share out. Now and
  // then all of them anyway, to learn what a larger batch takes.
  std::size_t batch_rows(std::size_t waiting, std::size_t idle_workers, std::size_t rows_max);

 private:
  static constexpr std::size_t kClasses = 17;  // up to 65,536 rows
  struct Known {
    double rows = 0;
    double nanoseconds = 0;
    std::uint32_t runs = 0;
  };
  struct State {
    std::array<Known, kClasses> classes;
    std::uint64_t decisions = 0;

    std::optional<double> of(double rows) const;
    std::size_t best_rows(std::size_t rows_max) const;
  };
  Synchronized<State> state_;
};

}  // namespace forebay::scheduling

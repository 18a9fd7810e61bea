// The last requests that were accepted and could not be served, for whoever looks into it later. Never what was asked or answered.
// Threads: shared. Owner: RunnerCore.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/synchronized.h"

namespace forebay::scheduling {

struct DeadLetter {
  std::string request_id;
  std::string client;
  std::string model;
  std::string code;  // "FB3021 step_failed"
  std::string message;
  std::chrono::system_clock::time_point when;
  std::uint32_t attempts = 1;  // workers that had it
  std::uint32_t tokens_generated = 0;
};

class DeadLetters {
 public:
  // Keeps the last `letters_max`; 0 keeps none, and still counts.
  explicit DeadLetters(std::size_t letters_max) : letters_max_(letters_max) {}

  // What the client did itself (left, asked for the impossible, read too slowly) is not recorded.
  static bool belongs(const Error& error);
  void add(DeadLetter letter);
  std::vector<DeadLetter> newest_first() const;
  std::uint64_t count() const;  // of all that were ever added

 private:
  struct State {
    std::deque<DeadLetter> letters;
    std::uint64_t count = 0;
  };
  const std::size_t letters_max_;
  Synchronized<State> state_;
};

}  // namespace forebay::scheduling

// Ends runs of the library at their time: one thread for the process, which sleeps while nothing is due.
// Threads: shared. Owner: the process.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/synchronized.h"
#include "engines/onnx/onnx_api.h"

namespace forebay::engines {

class RunWatch {
 public:
  static RunWatch& of_process();
  RunWatch();
  ~RunWatch();
  RunWatch(const RunWatch&) = delete;
  RunWatch& operator=(const RunWatch&) = delete;

  // Terminates the run at `until`, unless the entry is destroyed before.
  class Entry {
   public:
    // Lifetime: `options` outlives the entry.
    Entry(RunWatch& watch, OrtRunOptions* options, Instant until);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    RunWatch& watch_;
    const std::pair<Instant, std::uint64_t> key_;
  };

 private:
  struct State {
    std::map<std::pair<Instant, std::uint64_t>, OrtRunOptions*> entries;
    std::uint64_t serial = 0;
    Instant wakes_at = Instant::max();  // when the thread looks again by itself
    bool stirred = false;               // it must look now
    bool closed = false;
  };
  void work();

  Synchronized<State> state_;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace forebay::engines

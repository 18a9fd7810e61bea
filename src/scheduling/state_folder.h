// Saved states in a folder of their own: what leaves RAM is found again later, and after a restart. A file per state (state_file.h),
// bounded by bytes; WeighedTexts says what goes first. The index is in memory, made by reading the heads of the files. What is damaged or
// was made by another model, version or setting is removed and never used.
//   Nothing here waits for the disk but open(), flush() and close(): files are written and removed by one executor, read by another.
// Threads: shared by all workers of one model. Owner: DiskTier. One process at a time has the folder (a lock on the file "lock").
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/digest.h"
#include "base/executor.h"
#include "base/result.h"
#include "base/synchronized.h"
#include "scheduling/prefix_cache_stats.h"
#include "scheduling/saved_state.h"
#include "scheduling/weighed_texts.h"

namespace forebay::scheduling {

struct StateFolderOptions {
  std::filesystem::path path;
  std::uint64_t bytes_max = 0;
  // Of everything that a state depends on, by adapter.
  std::vector<Digest> keys{Digest{}};
  bool covers_prefixes = true;  // a state serves every beginning of its text
  std::size_t tokens_min = 32;  // as SavedStatesOptions
};

// A state that is being read.
class StateFetch {
 public:
  bool done() const { return done_.load(std::memory_order_acquire); }
  // Once done: null when the file was of no use.
  const SavedStatePointer& state() const { return state_; }

 private:
  friend class StateFolder;
  std::atomic<bool> done_ = false;
  SavedStatePointer state_;
};

class StateFolder {
 public:
  static constexpr std::size_t kFilesMax = 65'536;
  // Of states that wait to be written. They are no longer part of the byte budget, so beyond this they are lost; one may always wait.
  static constexpr std::size_t kUnwrittenBytesMax = 64 << 20;

  // Makes the folder if need be and reads the heads. kStateFolderRefused when it cannot be used or others may write it; kStateFolderBusy
  // when another process has it. `writes` runs one task at a time; both outlive this.
  static Result<std::unique_ptr<StateFolder>> open(const StateFolderOptions& options, Executor& reads, Executor& writes);
  ~StateFolder();

  void put(const SavedStatePointer& saved);
  // The longest beginning of `text` that a state serves; `whole`: only states whose whole text that is.
  std::size_t longest(KeyedText text, bool whole) const;
  // Fetches that state if it has at least `tokens_min` tokens in common, else null. `then` is called when a read has ended, on the reading
  // thread; never for one that was done at once.
  std::shared_ptr<StateFetch> fetch(KeyedText text, std::size_t tokens_min, bool whole, std::function<void()> then);
  // Forgets everything and removes the files. A read in progress may still end well.
  void clear();
  // Until everything that was put is written.
  void flush();
  // Takes and gives nothing more; waits for reads and writes in progress.
  void close();
  TierStats stats() const;

 private:
  using Holder = WeighedTexts::Holder;
  struct Entry {
    std::uint64_t number = 0;  // of its file
    SavedStatePointer unwritten;
  };
  struct State {
    WeighedTexts texts;
    std::map<Holder, Entry> entries;
    std::vector<std::uint64_t> doomed;  // files that the next writing task removes
    std::uint64_t next_number = 1;
    std::size_t unwritten_bytes = 0;
    std::size_t writes = 0;  // tasks that were posted and have not ended
    std::size_t reads = 0;
    std::uint64_t evictions = 0;
    std::uint64_t refused = 0;
    bool closed = false;
    bool complaining = false;  // the last write failed, which was said once
  };
  StateFolder(const StateFolderOptions& options, Executor& reads, Executor& writes, int lock_file);
  void read_heads();
  bool take_file(State& state, const std::filesystem::path& path);
  bool accept(State& state, const SavedStatePointer& saved, Holder& holder);
  static void forget(State& state, Holder holder);
  void post_write(Holder holder);
  void write(Holder holder);
  void remove_doomed();
  void read(Holder holder, std::uint64_t number, StateFetch& fetch);
  Result<SavedState> read_file(const std::filesystem::path& path) const;
  std::filesystem::path path_of(std::uint64_t number) const;

  const StateFolderOptions options_;
  Executor& reads_;
  Executor& writes_;
  const int lock_file_;
  Synchronized<State> state_;
  std::condition_variable ended_;  // a task
};

}  // namespace forebay::scheduling

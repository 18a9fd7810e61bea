// The memory of runs: an allocator of the library's environment whose blocks are counted for the run that asked for them, so that a run
// ends at its limit and gives everything back. Blocks that outlive their run, its outputs, stay counted until they are freed.
//   There is no arena: an arena keeps the most that any run needed.
// Threads: shared. Owner: the environment, which is never destroyed.
#pragma once

#include <atomic>
#include <cstdint>

#include "engines/engine.h"
#include "engines/onnx/onnx_api.h"

namespace forebay::engines {

// What one run holds. It lives until its last block is freed.
class RunAccount {
 public:
  explicit RunAccount(const RunBounds& bounds) : bytes_max_(bounds.bytes_max), budget_(bounds.budget) {}
  bool exceeded() const { return exceeded_; }
  std::uint64_t most_bytes() const { return most_; }

 private:
  friend class RunMemory;
  friend class RunMemoryScope;
  void release() {
    if (--users_ == 0) delete this;
  }
  const std::uint64_t bytes_max_;
  ByteBudget* const budget_;
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> most_{0};
  std::atomic<bool> exceeded_{false};
  std::atomic<std::uint32_t> users_{1};  // the scope, and every block
};

// While it lives, what the library allocates on this thread is counted. A block beyond the limit or the budget is std::bad_alloc.
class RunMemoryScope {
 public:
  explicit RunMemoryScope(const RunBounds& bounds);
  ~RunMemoryScope();
  RunMemoryScope(const RunMemoryScope&) = delete;
  RunMemoryScope& operator=(const RunMemoryScope&) = delete;
  const RunAccount& account() const { return *account_; }

 private:
  RunAccount* const account_;
  RunAccount* const before_;
};

// The allocator. It throws as the library's own does.
class RunMemory : public OrtAllocator {
 public:
  RunMemory();

 private:
  static void* allocate(std::size_t size);
  static void free(void* block);
  const Ort::MemoryInfo info_;
};

// Makes sessions of these options use it.
void use_run_memory(Ort::SessionOptions& options);

}  // namespace forebay::engines

// The prefix cache's third tier: a folder of saved states with the thread that reads it and the thread that writes it.
// Threads: as StateFolder. Owner: the generation runner.
#pragma once

#include <memory>
#include <vector>

#include "base/executor.h"
#include "engines/generation_session.h"
#include "scheduling/runners.h"
#include "scheduling/state_folder.h"

namespace forebay::scheduling {

class DiskTier {
 public:
  // How long writing what is left may take in close().
  static constexpr auto kClosingTime = std::chrono::seconds(10);

  // Null where no folder is set, or another server has it (which is logged). kStateFolderRefused.
  static Result<std::unique_ptr<DiskTier>> open(const PrefixCacheOptions& options, const RunnerContext& context,
                                                const engines::GenerationSessionInfo& session);
  DiskTier() : reads_({.name = "states-read", .threads = 1}), writes_({.name = "states-write", .threads = 1}) {}

  StateFolder& folder() { return *folder_; }
  // Writes these, in this order, while there is time; afterwards nobody is called back any more.
  void close(const std::vector<SavedStatePointer>& last, const Clock& clock);

 private:
  ThreadPool reads_;
  ThreadPool writes_;
  std::unique_ptr<StateFolder> folder_;
};

}  // namespace forebay::scheduling

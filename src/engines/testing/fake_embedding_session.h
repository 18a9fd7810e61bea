// Embeds a text to numbers made from its tokens, whatever it is packed with.
// Threads: confined to the thread of the first call. Owner: the scheduler under test.
#pragma once

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "engines/testing/fake_engine.h"

namespace forebay::engines {

class FakeEmbeddingSession final : public EmbeddingSession {
 public:
  FakeEmbeddingSession(std::shared_ptr<LoadedModel> model, const std::shared_ptr<const FakeOptions>& options,
                       std::shared_ptr<FakeControl> control, const EmbeddingSessionOptions& wanted);
  ~FakeEmbeddingSession() override;
  const EmbeddingSessionInfo& info() const override { return info_; }
  Result<std::vector<std::vector<float>>> embed(const EmbeddingTexts& texts, const CancelToken& abort) override;
  void rest() override { ++control_->counters.rests; }

 private:
  bool on_own_thread();

  std::shared_ptr<LoadedModel> model_;
  std::shared_ptr<FakeControl> control_;
  EmbeddingSessionInfo info_;
  std::optional<std::thread::id> thread_;
};

}  // namespace forebay::engines

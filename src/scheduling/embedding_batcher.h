// Embeds the texts of many requests in shared batches, by a budget of tokens and without a timer. Requests take turns: each batch begins
// with the longest text of the next request and is filled with the texts nearest to it in length, whoever they belong to, because engines
// that pad pay for the longest. A text that fails alone fails its own request only. Threads: confined to its engine thread, which is that
// of the first run_once(); destroy it there. Owner: EmbeddingRunner.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <set>
#include <span>
#include <tuple>
#include <vector>

#include "engines/embedding_session.h"
#include "scheduling/request_ledger.h"
#include "scheduling/runners.h"
#include "scheduling/shared_queue.h"
#include "scheduling/step_watch.h"

namespace forebay::scheduling {

// What waits in the queue to be embedded; its ticket is in the queue.
struct EmbeddingWork {
  EmbeddingRequest request;
  EmbeddingRunner::Done done;
  std::uint64_t serial = 0;
  RequestLedger::Pass pass;
  CancelToken::Subscription on_cancel;
};
using EmbeddingQueue = SharedQueue<EmbeddingWork>;

struct EmbeddingSurroundings {
  RunnerContext context;
  EmbeddingQueue* queue = nullptr;
  StepWatch* watch = nullptr;
  RequestLedger* ledger = nullptr;
};

class EmbeddingBatcher {
 public:
  EmbeddingBatcher(std::unique_ptr<engines::EmbeddingSession> session, const EmbeddingOptions& options,
                   const EmbeddingSurroundings& surroundings);
  ~EmbeddingBatcher();

  // One batch. False when there was nothing to do: wait for a change of the queue.
  bool run_once();
  // There will be nothing to do for a while.
  void rest() { session_->rest(); }
  // Ends every request with kShuttingDown.
  void shut_down();

 private:
  using Queue = AdmissionQueue<EmbeddingWork>;
  struct Active {
    Queue::Taken taken;
    EmbeddingAnswer answer;
    std::vector<std::uint32_t> longest_first;  // indices of the texts
    std::size_t next = 0;                      // in longest_first; those before are embedded
    std::size_t left = 0;                      // texts not embedded yet
    std::uint64_t last_batch = 0;              // whose time is counted in the answer
    bool ended = false;                        // answered; removed before the next batch is chosen
  };
  struct Text {  // one that waits to be embedded
    std::size_t tokens;
    std::uint64_t serial;
    std::uint32_t index;
    Active* owner;
    bool operator<(const Text& other) const { return std::tie(tokens, serial, index) < std::tie(other.tokens, other.serial, other.index); }
  };

  bool leave(Instant now);
  bool join(Instant now);
  void activate(Queue::Taken taken);
  std::vector<Text> choose_batch();
  Text first_text();
  void embed(const std::vector<Text>& batch);
  // The vectors of these texts, measured; an error names no text.
  Result<std::vector<std::vector<float>>> compute(std::span<const Text> batch);
  void keep(const Text& text, std::vector<float> vector);
  void end(Active& active, Result<EmbeddingAnswer> answer);
  void remove_ended();

  std::unique_ptr<engines::EmbeddingSession> session_;
  const EmbeddingOptions options_;
  const EmbeddingSurroundings surroundings_;
  const Clock& clock_;
  std::list<Active> active_;  // the front has the next turn
  std::set<Text> texts_;
  std::uint64_t batches_ = 0;
  Duration last_took_{};
};

}  // namespace forebay::scheduling

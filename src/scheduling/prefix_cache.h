// Which text is in which sequence of the session, so that nothing is computed twice while it is still to be had: a text that begins takes
// the longest beginning that a running or finished sequence holds, or that was saved to RAM; and if a running one is just computing more
// of the same, it waits for that instead of computing it again.
//   Cells of finished texts are the first tier. They are given up, least recently used first, when somebody needs them, and beyond a
//   limit when one pool of cells serves all: every step attends over idle cells too (a 500-token prompt took twice as long beside 4,000
//   of them, 60 M parameters). What is given up is saved to the second tier (SavedStates), from where it comes back in a thousandth of
//   the time it took to compute (11 MB and 1 ms for 900 tokens). What RAM has no room for goes to the third tier (StateFolder), which
//   another thread reads: the text waits for it, the others go on.
//   Models that cannot drop part of a sequence (recurrent, hybrid) reuse whole texts only, and checkpoints of prompts: see checkpoint().
// Threads: confined to its engine thread. Owner: GenerationLoop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engines/generation_session.h"
#include "scheduling/prefix_tree.h"
#include "scheduling/saved_states.h"
#include "scheduling/state_folder.h"

namespace forebay::scheduling {

// Where states are that left their cells; all outlive the cache.
struct LowerTiers {
  SavedStates* ram = nullptr;     // null: none
  StateFolder* disk = nullptr;    // null: none
  std::function<void()> fetched;  // called on another thread when a read from disk has ended
};

class PrefixCache {
 public:
  // Fewer common tokens are not worth copying, saving or waiting for.
  static constexpr std::size_t kTokensMin = 32;
  // A prompt of a model that reuses whole texts only leaves a checkpoint after every so many tokens.
  static constexpr std::size_t kCheckpointTokens = 256;

  // Idle sequences of a pool hold `idle_cells_max` cells in all; the last one to finish may hold more, until a request comes that
  // cannot use it. Session and counters outlive this.
  PrefixCache(engines::GenerationSession& session, std::size_t idle_cells_max, LowerTiers lower, PrefixCacheCounters& counters);
  ~PrefixCache();

  struct Place {
    engines::SequenceId slot = 0;
    std::size_t computed = 0;  // leading tokens that the session holds: always fewer than were asked for
    std::size_t shared = 0;    // leading tokens whose cells it has, or will have, together with another running text
  };
  // A sequence for a text that runs from now on. Nothing when all are taken.
  std::optional<Place> enter(KeyedText text);
  // The same for a text whose first `computed` tokens were saved by its owner.
  std::optional<Place> enter_saved(KeyedText text, std::span<const std::byte> state, std::size_t computed);
  // Asked before a running text computes more of its prompt: whether it is being read from disk, or somebody who came before it is
  // computing it already. When that is done, its cells are filled or attached and `computed` grows.
  bool waits(engines::SequenceId slot, KeyedText text, std::size_t& computed);
  // The running text is another from now on, of which the first `kept` tokens are as before. Returns how many of them are still computed.
  std::size_t rewrite(engines::SequenceId slot, KeyedText text, std::size_t kept);
  // Leading tokens of a text that would begin now whose cells a running one has, or will have: it needs none for them.
  std::size_t shared_with_running(KeyedText text) const { return shared_with_running(SIZE_MAX, text); }
  // Keeps the state at this place of a prompt, where whole texts only are reused.
  void checkpoint(engines::SequenceId slot, KeyedText text);

  // The text has ended; its sequence keeps what it holds, or is emptied.
  void leave_holding(engines::SequenceId slot, KeyedText text);
  void leave_empty(engines::SequenceId slot);
  // Saves and empties the least recently used idle sequence; false when there is none.
  bool give_up_one();
  // Once a new text would have to displace one: whether an idle sequence is not saved yet, and saves it, so that it goes without a wait.
  bool can_save_ahead() const { return next_to_save() != slots_.size(); }
  void save_ahead();
  // Where every sequence has cells of its own, steps are fastest without gaps between their sequences: moves this one into a gap between
  // the lowest and the highest that run, if there is one. Returns where it is now.
  engines::SequenceId move_inward(engines::SequenceId slot);
  // Forgets every finished text, saving none; what runs now is no longer shared and leaves nothing behind.
  void clear();

  bool any_free() const { return free_ > 0; }

 private:
  enum class Use : std::uint8_t { kEmpty, kIdle, kRunning };
  struct Slot {
    Use use = Use::kEmpty;
    std::uint64_t since = 0;  // when its use began, in uses
    TextOrigin origin;
    std::vector<Token> holds;           // while idle
    bool saved_ahead = false;           // while idle
    bool forgotten = false;             // while running: it will leave nothing behind
    std::shared_ptr<StateFetch> fetch;  // while running: a longer beginning is being read
  };
  struct Source {
    std::size_t slot = 0;
    std::size_t tokens = 0;  // 0: none
  };
  Slot& at(engines::SequenceId slot) { return slots_[static_cast<std::size_t>(slot)]; }
  static engines::SequenceId id_of(std::size_t index) { return static_cast<engines::SequenceId>(index); }
  std::size_t held(std::size_t index) const { return static_cast<std::size_t>(session_.length(id_of(index))); }
  Source best_source(KeyedText text) const;
  bool should_take_over(const Source& source) const;
  std::size_t take_over(const Source& source);
  std::size_t attach(const Source& source, std::size_t index);
  std::size_t restore(std::size_t index, KeyedText text);
  bool restore(std::size_t index, std::span<const std::byte> state, std::size_t tokens);
  struct Span {  // from the lowest running slot to the highest; empty: nobody runs
    std::size_t lowest = SIZE_MAX;
    std::size_t highest = 0;
    std::size_t distance(std::size_t slot) const;
  };
  Span running_span() const;
  std::optional<std::size_t> free_slot(std::size_t except) const;
  void empty(std::size_t index, bool save);
  void save(std::size_t index);
  std::size_t next_to_save() const;
  Place run(std::size_t index, KeyedText text, std::size_t computed);
  std::size_t shared_with_running(std::size_t index, KeyedText text) const;
  std::size_t common_with_running(std::size_t index, KeyedText text) const;
  void start_fetch(std::size_t index, KeyedText text, std::size_t computed);
  void take_fetched(std::size_t index, KeyedText text, std::size_t& computed);
  void keep_idle_within(std::size_t cells);
  void stop_idling(std::size_t index);

  engines::GenerationSession& session_;
  const std::size_t idle_cells_max_;
  const LowerTiers lower_;
  PrefixCacheCounters& counters_;
  PrefixTree tree_;  // holders are indexes of slots; a running one has its whole prompt here, computed or not
  std::vector<Slot> slots_;
  std::size_t free_ = 0;
  std::size_t idle_cells_ = 0;
  std::uint64_t uses_ = 0;
};

}  // namespace forebay::scheduling

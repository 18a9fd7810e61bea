// The session's sequences: which are free, and what finished ones still hold, so that a request that continues a finished text
// need not compute it again. Their cells are given up, least recently used first, as soon as anybody needs them, and beyond a limit: with
// one pool of cells every step attends over the idle ones too (a 500-token prompt took twice as long beside 4,000 of them, 60 M
// parameters). (The prefix tree takes this place: it will also find prefixes that running sequences hold.) Threads: confined to its engine
// thread. Owner: GenerationLoop.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engines/text_session.h"

namespace forebay::scheduling {

class SequenceSlots {
 public:
  // Idle sequences hold `idle_cells_max` cells in all. The last one to finish may hold more, until a request comes that cannot use it.
  SequenceSlots(engines::TextSession& session, std::size_t idle_cells_max);

  struct Claim {
    engines::SequenceId id = 0;
    std::size_t reused = 0;  // leading tokens that the session already holds: always fewer than were asked for
  };
  // The slot that holds the longest prefix of `tokens`, else an empty one, else the least recently used one, emptied.
  // Nothing when all are taken.
  std::optional<Claim> claim(std::span<const engines::Token> tokens);
  // An empty slot.
  std::optional<engines::SequenceId> claim_empty();
  // Gives a slot back with what it holds, or emptied.
  void release_holding(engines::SequenceId id, std::span<const engines::Token> tokens);
  void release_empty(engines::SequenceId id);

  // Empties the least recently used free slot that holds something; false when none does.
  bool give_up_one();
  std::size_t cells_held_idle() const { return cells_held_idle_; }
  bool any_free() const { return free_ > 0; }

 private:
  struct Slot {
    bool taken = false;
    std::uint64_t released = 0;         // when, in releases
    std::vector<engines::Token> holds;  // while free
  };
  std::size_t usable_prefix(const Slot& slot, std::span<const engines::Token> tokens) const;
  void empty(std::size_t index);
  Claim take(std::size_t index, std::size_t reused);

  engines::TextSession& session_;
  const std::size_t idle_cells_max_;
  std::vector<Slot> slots_;
  std::size_t free_ = 0;
  std::size_t cells_held_idle_ = 0;
  std::uint64_t releases_ = 0;
};

}  // namespace forebay::scheduling

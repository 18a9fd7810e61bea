// One saved state as a file. Any file may be damaged or somebody else's: nothing of it is believed before its digests are right.
//   byte 0    "FBSTATE2"
//   byte 8    key: the digest of everything that the state depends on (32)
//   byte 40   number of tokens (8), bytes of the state (8)
//   byte 56   cache scope (8)
//   byte 64   digest of the state (32)
//   byte 96   digest of all bytes before this one, and of the tokens (32)
//   byte 128  tokens (4 each), state
// Numbers are as this kind of machine has them; another kind reads another number of tokens and refuses the file.
// Threads: as the stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <span>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "scheduling/saved_state.h"

namespace forebay::scheduling {

// Of the whole file.
std::size_t state_file_bytes(const SavedState& state);
// Everything before the state itself.
std::vector<std::byte> state_file_head(const Digest& key, const SavedState& state);

struct StateFileHead {
  std::vector<Token> tokens;
  std::size_t state_bytes = 0;
  Digest state_digest{};
  TextOrigin origin;  // the adapter is which of the keys it has
};
// From the start of a file of that length, of which it never allocates more. kStateFileRefused with the reason.
Result<StateFileHead> read_state_file_head(std::istream& file, std::size_t file_bytes, std::span<const Digest> keys);
// What follows the head.
Result<std::vector<std::byte>> read_state_of_file(std::istream& file, const StateFileHead& head);

}  // namespace forebay::scheduling

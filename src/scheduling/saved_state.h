// The state of a sequence outside its cells.
// Threads: immutable. Owner: shared by who keeps it and who is just using it.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "scheduling/keyed_text.h"

namespace forebay::scheduling {

struct SavedState {
  std::vector<Token> tokens;
  std::vector<std::byte> bytes;  // as GenerationSession::save() gave them
  TextOrigin origin;
  KeyedText text() const { return {tokens, origin}; }
  std::size_t size() const { return bytes.size() + tokens.size() * sizeof(Token); }
};
using SavedStatePointer = std::shared_ptr<const SavedState>;

}  // namespace forebay::scheduling

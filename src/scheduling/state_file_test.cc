#include "scheduling/state_file.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <sstream>

#include "scheduling/errors.h"

namespace forebay::scheduling {
namespace {

SavedState state() { return {.tokens = {5, 6, 7}, .bytes = std::vector<std::byte>(100, std::byte{9}), .origin = {0, 1234}}; }

std::string file_of(const SavedState& state, const Digest& key = {}) {
  const auto head = state_file_head(key, state);
  std::string file(reinterpret_cast<const char*>(head.data()), head.size());
  return file.append(reinterpret_cast<const char*>(state.bytes.data()), state.bytes.size());
}

Result<SavedState> read(const std::string& file, const Digest& key = {}) {
  std::istringstream stream(file);
  TRY_ASSIGN(auto head, read_state_file_head(stream, file.size(), std::span(&key, 1)));
  TRY_ASSIGN(auto bytes, read_state_of_file(stream, head));
  return SavedState{std::move(head.tokens), std::move(bytes), head.origin};
}

TEST(StateFile, ComesBackBitForBit) {
  const auto back = read(file_of(state()));
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(back->tokens, state().tokens);
  EXPECT_EQ(back->bytes, state().bytes);
  EXPECT_EQ(back->origin, state().origin);
  EXPECT_EQ(file_of(state()).size(), state_file_bytes(state()));
}

TEST(StateFile, OfAnotherKeyIsRefused) {
  Digest other{};
  other[0] = std::byte{1};
  EXPECT_EQ(read(file_of(state()), other).error().code(), kStateFileRefused);
}

TEST(StateFile, WithAnyByteChangedCutOrAddedIsRefused) {
  EXPECT_TRUE(rc::check("whatever happens to it", [] {
    std::string file = file_of(state());
    const auto place = *rc::gen::inRange<std::size_t>(0, file.size());
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        file[place] = static_cast<char>(file[place] ^ *rc::gen::inRange(1, 256));
        break;
      case 1:
        file.resize(place);
        break;
      default:
        file.insert(place, "x");
    }
    const auto back = read(file);
    RC_ASSERT(!back);
    RC_ASSERT(back.error().code() == kStateFileRefused);
  }));
}

TEST(StateFile, ThatPromisesMoreThanItHasAllocatesNothing) {
  std::string file = file_of(state());
  file.replace(40, 8, "\xff\xff\xff\xff\xff\xff\xff\x3f");
  EXPECT_EQ(read(file).error().code(), kStateFileRefused);
  EXPECT_EQ(read("").error().code(), kStateFileRefused);
}

}  // namespace
}  // namespace forebay::scheduling

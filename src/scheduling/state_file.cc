#include "scheduling/state_file.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "scheduling/errors.h"

namespace forebay::scheduling {

namespace {
constexpr std::string_view kMagic = "FBSTATE2";

struct FixedHead {
  char magic[8];
  Digest key;
  std::uint64_t tokens;
  std::uint64_t state_bytes;
  CacheScope scope;
  Digest state_digest;
  Digest head_digest;
};
static_assert(sizeof(FixedHead) == 128 && std::is_trivially_copyable_v<FixedHead>);

std::span<const std::byte> bytes_of(std::span<const Token> tokens) { return std::as_bytes(tokens); }

Digest digest_of_head(const FixedHead& head, std::span<const Token> tokens) {
  return Digester().add(std::as_bytes(std::span(&head, 1)).first(offsetof(FixedHead, head_digest))).add(bytes_of(tokens)).finish();
}

bool read(std::istream& file, void* to, std::size_t bytes) {
  return static_cast<bool>(file.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes)));
}
}  // namespace

std::size_t state_file_bytes(const SavedState& state) { return sizeof(FixedHead) + state.size(); }

std::vector<std::byte> state_file_head(const Digest& key, const SavedState& state) {
  FixedHead head{.magic = {},
                 .key = key,
                 .tokens = state.tokens.size(),
                 .state_bytes = state.bytes.size(),
                 .scope = state.origin.scope,
                 .state_digest = digest_of(state.bytes),
                 .head_digest = {}};
  std::ranges::copy(kMagic, head.magic);
  head.head_digest = digest_of_head(head, state.tokens);
  const auto fixed = std::as_bytes(std::span(&head, 1));
  std::vector<std::byte> bytes(fixed.begin(), fixed.end());
  const auto tokens = bytes_of(state.tokens);
  bytes.insert(bytes.end(), tokens.begin(), tokens.end());
  return bytes;
}

Result<StateFileHead> read_state_file_head(std::istream& file, std::size_t file_bytes, std::span<const Digest> keys) {
  FixedHead fixed;
  if (file_bytes < sizeof(FixedHead) || !read(file, &fixed, sizeof(fixed))) return fail(kStateFileRefused, "the file is too short");
  if (std::string_view(fixed.magic, sizeof(fixed.magic)) != kMagic) return fail(kStateFileRefused, "the file is no saved state");
  const auto key = std::ranges::find(keys, fixed.key);
  if (key == keys.end()) return fail(kStateFileRefused, "the state was made by another model, version or setting");
  const std::size_t rest = file_bytes - sizeof(FixedHead);
  if (fixed.tokens == 0 || fixed.tokens > rest / sizeof(Token)) return fail(kStateFileRefused, "the number of tokens is wrong");
  if (fixed.state_bytes == 0 || fixed.state_bytes != rest - fixed.tokens * sizeof(Token))
    return fail(kStateFileRefused, "the file has another length than it says");
  StateFileHead head{.tokens = std::vector<Token>(fixed.tokens),
                     .state_bytes = fixed.state_bytes,
                     .state_digest = fixed.state_digest,
                     .origin = {static_cast<AdapterIndex>(key - keys.begin()), fixed.scope}};
  if (!read(file, head.tokens.data(), head.tokens.size() * sizeof(Token))) return fail(kStateFileRefused, "the file is too short");
  if (digest_of_head(fixed, head.tokens) != fixed.head_digest) return fail(kStateFileRefused, "the head is damaged");
  return head;
}

Result<std::vector<std::byte>> read_state_of_file(std::istream& file, const StateFileHead& head) {
  std::vector<std::byte> state(head.state_bytes);
  if (!read(file, state.data(), state.size())) return fail(kStateFileRefused, "the file is too short");
  if (digest_of(state) != head.state_digest) return fail(kStateFileRefused, "the state is damaged");
  return state;
}

}  // namespace forebay::scheduling

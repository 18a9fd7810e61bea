#include "scheduling/disk_tier.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "scheduling/errors.h"

namespace forebay::scheduling {

namespace {
constexpr std::size_t kNameBytesMax = 64;

// A state serves only the weights, library, layout and adapter that it was made with.
Result<std::vector<Digest>> keys_of(const RunnerContext& context, const engines::GenerationSessionInfo& session) {
  const auto made_with = [&] {
    return std::move(Digester().add_text("forebay saved state").add(context.model_digest).add_text(session.state_format));
  };
  std::vector<Digest> keys{made_with().finish()};
  for (const AdapterSource& adapter : context.adapters) {
    TRY_ASSIGN(const Digest digest, digest_of_file(adapter.path), fmt::format("reading adapter '{}'", adapter.name));
    keys.push_back(made_with().add(digest).add(std::as_bytes(std::span(&adapter.scale, 1))).finish());
  }
  return keys;
}

// Of a model's name and version, without what a file's name cannot have; the digest keeps apart what that makes alike.
std::string folder_name(const RunnerContext& context) {
  const std::string digest = to_hex(Digester().add_text(context.model).add_text(context.version).finish());
  std::string name = context.model.substr(0, kNameBytesMax);
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  std::ranges::replace_if(name, [&](char c) { return !is_plain(c); }, '_');
  return fmt::format("states-{}-{}", name, digest.substr(0, 8));
}
}  // namespace

Result<std::unique_ptr<DiskTier>> DiskTier::open(const PrefixCacheOptions& options, const RunnerContext& context,
                                                 const engines::GenerationSessionInfo& session) {
  if (options.disk_path.empty()) return nullptr;
  TRY_ASSIGN(auto keys, keys_of(context, session));
  auto tier = std::make_unique<DiskTier>();
  auto folder = StateFolder::open({.path = std::filesystem::path(options.disk_path) / folder_name(context),
                                   .bytes_max = options.disk_bytes_max,
                                   .keys = std::move(keys),
                                   .covers_prefixes = session.can_trim},
                                  tier->reads_, tier->writes_);
  if (!folder && folder.error().code() == kStateFolderBusy) {
    log::warning("the prefix cache keeps nothing on disk", {{"model", context.model}, {"error", folder.error().to_log_string()}});
    return nullptr;
  }
  TRY_ASSIGN(tier->folder_, std::move(folder));
  return tier;
}

void DiskTier::close(const std::vector<SavedStatePointer>& last, const Clock& clock) {
  const Instant until = clock.now() + kClosingTime;
  for (const auto& state : last) {
    if (clock.now() >= until) break;
    folder_->put(state);
    folder_->flush();
  }
  folder_->close();
}

}  // namespace forebay::scheduling

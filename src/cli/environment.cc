#include "cli/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/nearest.h"
#include "cli/errors.h"
#include "cli/setting_rules.h"

namespace forebay::cli {

namespace {
using namespace std::string_view_literals;
constexpr std::string_view kPrefix = "FOREBAY_";
// Of ./dev and the tests, and the variable in which our own examples keep a client's key.
constexpr std::array kOthers = {"FOREBAY_CACHE"sv,  "FOREBAY_JOBS"sv, "FOREBAY_PRIVATE_ROOT"sv,
                                "FOREBAY_BINARY"sv, "FOREBAY_KEY"sv,  "FOREBAY_REFERENCE_MODELS"sv};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "80_TCP", "80_TCP_PROTO", "80_TCP_PORT", "80_TCP_ADDR".
bool is_port_suffix(std::string_view text) {
  const auto digits = text.substr(0, text.find('_'));
  if (!is_digits(digits) || digits.size() == text.size()) return false;
  auto rest = text.substr(digits.size() + 1);
  for (const auto protocol : {"TCP"sv, "UDP"sv, "SCTP"sv}) {
    if (!rest.starts_with(protocol)) continue;
    rest.remove_prefix(protocol.size());
    return rest.empty() || rest == "_PROTO" || rest == "_PORT" || rest == "_ADDR";
  }
  return false;
}

// What Kubernetes sets in every container for every Service of the namespace: NAME_SERVICE_HOST, NAME_SERVICE_PORT, NAME_SERVICE_PORT_HTTP,
// NAME_PORT=tcp://…, NAME_PORT_80_TCP and its parts (kubernetes.io/docs/concepts/services-networking/service, "Environment variables").
bool is_service_link(std::string_view name, std::string_view value) {
  if (name.ends_with("_SERVICE_HOST") || name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_")) return true;
  if (name.ends_with("_PORT") && (value.starts_with("tcp://") || value.starts_with("udp://") || value.starts_with("sctp://"))) return true;
  const auto port = name.find("_PORT_");
  return port != std::string_view::npos && is_port_suffix(name.substr(port + "_PORT_"sv.size()));
}

// A number for a switch, as many write it in the environment.
std::string value_for(const NamedSlot& slot, std::string_view value) {
  if (std::holds_alternative<bool*>(slot.slot)) {
    if (value == "1") return "true";
    if (value == "0") return "false";
  }
  return std::string(value);
}

// Names as they may be mistaken: whole, or from any '_' on, as in FOREBAY_API_KEYS for FOREBAY_ACCOUNTS_API_KEYS.
class Names {
 public:
  explicit Names(std::span<const NamedSlot> slots) {
    for (const auto& slot : slots) {
      const std::string name = environment_name(slot.path);
      slots_.emplace(name, &slot);
      for (std::size_t at = kPrefix.size() - 1; at != std::string::npos; at = name.find('_', at + 1))
        meant_.emplace(name.substr(at + 1), name);
    }
    for (const auto& [word, name] : meant_) words_.push_back(word);
  }
  const NamedSlot* find(std::string_view name) const {
    const auto found = slots_.find(name);
    return found == slots_.end() ? nullptr : found->second;
  }
  std::optional<std::string> meant(std::string_view name) const {
    const auto word = nearest(name.substr(kPrefix.size()), words_);
    return word ? std::optional(meant_.find(*word)->second) : std::nullopt;
  }

 private:
  std::map<std::string, const NamedSlot*, std::less<>> slots_;
  std::map<std::string, std::string, std::less<>> meant_;
  std::vector<std::string> words_;
};
}  // namespace

ReadEnvironment read_environment(std::span<const std::pair<std::string, std::string>> variables, std::span<const NamedSlot> slots) {
  const Names names(slots);
  ReadEnvironment read;
  for (const auto& [name, raw] : variables) {
    if (!name.starts_with(kPrefix)) continue;
    const auto value = trimmed(raw);
    const auto* slot = names.find(name);
    if (slot != nullptr && !is_service_link(name, value)) {
      const auto* rule = rule_of(slot->path);
      if (!value.empty())
        read.entries.push_back({slot->path, value_for(*slot, value), EntryKind::kPlain, "environment " + name});
      else if (rule != nullptr && rule->text == TextRule::kSecret)
        read.mistakes.emplace_back(
            kSettingWrongType, fmt::format("environment {}: it is empty, which could leave the server open; set a key or unset it", name));
    } else if (std::ranges::contains(kOthers, name)) {
      continue;
    } else if (const auto meant = is_service_link(name, value) ? std::nullopt : names.meant(name)) {
      read.mistakes.emplace_back(kUnknownSetting,
                                 fmt::format("environment {}: no setting has this name; did you mean '{}'?", name, *meant));
    } else {
      read.ignored.push_back(name);
    }
  }
  return read;
}

std::string environment_name(std::string_view path) {
  std::string name(kPrefix);
  for (const char c : path) name += c == '.' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

}  // namespace forebay::cli

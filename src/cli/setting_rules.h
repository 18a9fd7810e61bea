// What is said about every setting: a sentence, a range, and the rules between settings. The source of checks, JSON Schema and
// docs/configuration.md. Threads: immutable.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/configuration.h"

namespace forebay::cli {

enum class TextRule : std::uint8_t { kAny, kPath, kAdapter, kHost, kBackend, kOrigin, kHostName, kSecret, kProcessors, kChoice };

struct SettingRule {
  std::string_view path;         // '*' stands for one name
  std::string_view description;  // one sentence
  double least = 0;              // in the unit of the C++ type: bytes, milliseconds, …
  double most = 0;
  TextRule text = TextRule::kAny;
  std::span<const std::string_view> choices = {};  // of kChoice
};

// The row of a path, or null. Lists have the rule of their items; `least` and `most` then bound their number.
const SettingRule* rule_of(std::string_view path);
std::vector<std::string_view> rule_paths();

// Why the text is not acceptable, in words that follow the setting's name and never repeat a secret; empty when it is.
std::string text_problem(const SettingRule& rule, std::string_view text);

// Two settings that contradict each other.
struct Conflict {
  std::string first;
  std::string second;
  std::string problem;  // "models.tensors.admission.low_watermark must be below models.tensors.admission.high_watermark"
};
std::vector<Conflict> conflicts_in(const Configuration& configuration);

}  // namespace forebay::cli

#include "cli/setting_value.h"

#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <type_traits>

#include "cli/errors.h"
#include "cli/json_text.h"
#include "cli/setting_rules.h"
#include "models/repository.h"

namespace forebay::cli {

namespace {
using namespace std::string_view_literals;

// Largest first, so that rendering takes the first that divides the value.
struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array kDurationUnits = {Unit{"d", 86'400'000'000}, Unit{"h", 3'600'000'000}, Unit{"m", 60'000'000},
                                       Unit{"s", 1'000'000},      Unit{"ms", 1'000},        Unit{"us", 1}};
constexpr std::array kSizeUnits = {Unit{"TiB", 1ULL << 40},
                                   Unit{"GiB", 1ULL << 30},
                                   Unit{"MiB", 1ULL << 20},
                                   Unit{"KiB", 1ULL << 10},
                                   Unit{"TB", 1'000'000'000'000},
                                   Unit{"GB", 1'000'000'000},
                                   Unit{"MB", 1'000'000},
                                   Unit{"kB", 1'000},
                                   Unit{"B", 1}};
constexpr std::array kLevels = {"debug"sv, "info"sv, "warning"sv, "error"sv, "off"sv};
constexpr std::array kFormats = {"console"sv, "json"sv};

std::string shown(const Entry& entry) { return json_string(entry.text.size() > 80 ? entry.text.substr(0, 80) + "…" : entry.text); }

std::unexpected<Error> wrong_type(const Entry& entry, std::string_view wanted) {
  return fail(kSettingWrongType, fmt::format("{}: {} must be {}, not {}", entry.origin, entry.path, wanted,
                                             entry.kind == EntryKind::kNull ? "empty" : shown(entry)));
}
std::unexpected<Error> out_of_range(const NamedSlot& slot, const Entry& entry) {
  return fail(kSettingOutOfRange, fmt::format("{}: {} is {}, but must be {}", entry.origin, entry.path, entry.text, range_of(slot)));
}

// The rule, or no bounds for a setting that has none yet (a test refuses that).
SettingRule rule_for(std::string_view path) {
  const auto* rule = rule_of(path);
  return rule == nullptr ? SettingRule{.path = path, .description = "", .least = 0, .most = 1e18} : *rule;
}

enum class Outcome : std::uint8_t { kDone, kNotOne, kTooLarge };
struct Whole {
  Outcome outcome = Outcome::kNotOne;
  double approximate = 0;   // for the range
  std::uint64_t exact = 0;  // when done
};

// Parses an unsigned integer with a unit suffix. A number without a suffix is multiplied by `bare`; if `bare` is 0, only "0" may have none.
Whole parse_whole(std::string_view text, std::span<const Unit> units, std::uint64_t bare) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto digits = text.substr(0, std::min(text.find_first_not_of("0123456789"), text.size()));
  if (digits.empty()) return {};
  auto suffix = text.substr(digits.size());
  std::uint64_t factor = bare;
  if (!suffix.empty()) {
    if (suffix.front() == ' ') suffix.remove_prefix(1);
    factor = 0;
    for (const auto& unit : units)
      if (unit.name == suffix) factor = unit.factor;
    if (factor == 0) return {};
  }
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (factor == 0) {
    if (parsed.ec != std::errc{} || number != 0) return {};
    factor = 1;
  }
  std::uint64_t product = 0;
  if (parsed.ec != std::errc{} || negative || __builtin_mul_overflow(number, factor, &product)) return {Outcome::kTooLarge};
  return {Outcome::kDone, static_cast<double>(product), product};
}

// Values of a list slot written as one text.
std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    auto item = text.substr(0, end);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return items;
}

// "[3].name" after the slot's own path: the index and what follows it.
struct ItemPlace {
  std::size_t index = 0;
  std::string_view member;
};
// Nothing when the path is the slot's own. kUnknownSetting for anything but "[digits]" and "[digits].member".
Result<std::optional<ItemPlace>> item_place(const NamedSlot& slot, const Entry& entry) {
  auto rest = std::string_view(entry.path).substr(slot.path.size());
  if (rest.empty()) return std::nullopt;
  ItemPlace place;
  const auto* end = rest.data() + rest.size();
  const auto parsed = std::from_chars(std::min(rest.data() + 1, end), end, place.index);
  const auto after = std::string_view(parsed.ptr, end);
  const bool is_place =
      rest.starts_with('[') && parsed.ec == std::errc{} && (after == "]" || (after.starts_with("].") && after.size() > 2));
  if (!is_place) {
    return fail(kUnknownSetting, fmt::format("{}: unknown setting {}; an item of a list is {}[0], {}[1], …", entry.origin,
                                             json_string(entry.path), slot.path, slot.path));
  }
  if (after.size() > 2) place.member = after.substr(2);
  return place;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

class Assignment {
 public:
  Assignment(const NamedSlot& slot, const Entry& entry) : slot_(slot), entry_(entry), rule_(rule_for(slot.path)) {}

  Result<> operator()(bool* target) const {
    const std::string word = lower(entry_.text);
    if (entry_.kind != EntryKind::kPlain || (word != "true" && word != "false")) return wrong_type(entry_, "true or false");
    *target = word == "true";
    return {};
  }

  template <class T>
    requires std::is_unsigned_v<T>
  Result<> operator()(T* target) const {
    const bool size = is_size(slot_.path);
    const auto whole = parse_whole(entry_.text, size ? std::span<const Unit>(kSizeUnits) : std::span<const Unit>(), 1);
    const bool right_kind = entry_.kind == EntryKind::kPlain || (size && entry_.kind == EntryKind::kText);
    if (!right_kind || whole.outcome == Outcome::kNotOne)
      return wrong_type(entry_, size ? "a size such as 64MiB" : "a whole number without quotes");
    if (whole.outcome == Outcome::kTooLarge || whole.approximate < rule_.least || whole.approximate > rule_.most)
      return out_of_range(slot_, entry_);
    *target = static_cast<T>(whole.exact);
    return {};
  }

  Result<> operator()(double* target) const {
    double number = 0;
    const auto* end = entry_.text.data() + entry_.text.size();
    const auto parsed = std::from_chars(entry_.text.data(), end, number);
    if (entry_.kind != EntryKind::kPlain || parsed.ptr != end || parsed.ec == std::errc::invalid_argument || std::isnan(number))
      return wrong_type(entry_, "a number without quotes");
    if (parsed.ec != std::errc{} || !(number >= rule_.least && number <= rule_.most)) return out_of_range(slot_, entry_);
    *target = number;
    return {};
  }

  template <class Rep, class Period>
  Result<> operator()(std::chrono::duration<Rep, Period>* target) const {
    constexpr auto kTick = static_cast<std::uint64_t>(std::chrono::microseconds(std::chrono::duration<Rep, Period>(1)).count());
    const auto whole = parse_whole(entry_.text, kDurationUnits, 0);
    if (entry_.kind == EntryKind::kNull || whole.outcome == Outcome::kNotOne ||
        (whole.outcome == Outcome::kDone && whole.exact % kTick != 0))
      return wrong_type(entry_, "a duration such as 30s, 250ms or 5m");
    const double ticks = whole.approximate / static_cast<double>(kTick);
    if (whole.outcome == Outcome::kTooLarge || ticks < rule_.least || ticks > rule_.most) return out_of_range(slot_, entry_);
    *target = std::chrono::duration<Rep, Period>(static_cast<Rep>(whole.exact / kTick));
    return {};
  }

  Result<> operator()(std::string* target) const {
    TRY_ASSIGN(auto value, text());
    // An address of IPv6 may be written as in a URL.
    if (rule_.text == TextRule::kHost && value.starts_with('[') && value.ends_with(']')) value = value.substr(1, value.size() - 2);
    if (static_cast<double>(value.size()) > rule_.most)
      return out_of_range(slot_, {.path = entry_.path, .text = "longer", .origin = entry_.origin});
    *target = std::move(value);
    return {};
  }
  Result<> operator()(log::Level* target) const { return choose(kLevels, target); }
  Result<> operator()(log::Format* target) const { return choose(kFormats, target); }

  Result<> operator()(std::vector<std::string>* target) const {
    if (entry_.kind == EntryKind::kList) return target->clear(), Result<>();
    TRY_ASSIGN(const auto place, item_place(slot_, entry_));
    if (place) {
      if (!place->member.empty()) return wrong_type(entry_, "a text");
      TRY_ASSIGN(auto item, text());
      TRY(make_room(*target, place->index));
      (*target)[place->index] = std::move(item);
    } else {
      target->clear();
      for (auto& item : split_at_commas(entry_.text)) {
        TRY(check_text(item));
        target->push_back(std::move(item));
      }
    }
    return check_length(target->size());
  }

  Result<> operator()(std::vector<ModelEntry>* target) const {
    if (entry_.kind == EntryKind::kList) return target->clear(), Result<>();
    TRY_ASSIGN(const auto place, item_place(slot_, entry_));
    if (!place) {
      target->clear();
      for (const auto& item : split_at_commas(entry_.text)) target->push_back(model_entry(item));
      return check_length(target->size());
    }
    TRY_ASSIGN(auto value, text());
    TRY(make_room(*target, place->index));
    auto& item = (*target)[place->index];
    if (place->member.empty())
      item = model_entry(value);
    else if (place->member == "name")
      item.name = value;
    else if (place->member == "path")
      item.path = value;
    else
      return fail(kUnknownSetting, fmt::format("{}: unknown setting '{}'; a model has name and path", entry_.origin, entry_.path));
    return check_length(target->size());
  }

 private:
  static ModelEntry model_entry(std::string_view text) {
    auto file = models::parse_named_file(text);
    return {std::move(file.name), std::move(file.path)};
  }
  // Items are set one after the other, so that a list has no gaps.
  template <class T>
  Result<> make_room(std::vector<T>& items, std::size_t index) const {
    TRY(check_length(std::max(items.size(), index + 1)));
    if (index > items.size())
      return fail(kSettingOutOfRange,
                  fmt::format("{}: {} leaves a gap: the list has {} item(s)", entry_.origin, entry_.path, items.size()));
    if (index == items.size()) items.emplace_back();
    return {};
  }
  Result<> check_text(const std::string& value) const {
    const std::string problem = text_problem(rule_, value);
    if (problem.empty()) return {};
    if (rule_.text == TextRule::kSecret) return fail(kSettingOutOfRange, fmt::format("{}: {} {}", entry_.origin, entry_.path, problem));
    return fail(kSettingOutOfRange, fmt::format("{}: {} is {}, but {}", entry_.origin, entry_.path, shown(entry_), problem));
  }
  Result<> check_length(std::size_t length) const {
    if (static_cast<double>(length) <= rule_.most) return {};
    return fail(kSettingOutOfRange, fmt::format("{}: {} has more than {} items", entry_.origin, slot_.path, rule_.most));
  }
  Result<std::string> text() const {
    if (entry_.kind == EntryKind::kNull || entry_.kind == EntryKind::kList) return wrong_type(entry_, "a text");
    TRY(check_text(entry_.text));
    return entry_.text;
  }
  template <std::size_t kCount, class T>
  Result<> choose(const std::array<std::string_view, kCount>& names, T* target) const {
    const std::string word = lower(entry_.text);
    for (std::size_t i = 0; i < kCount; ++i) {
      if (names[i] != word) continue;
      *target = static_cast<T>(i);
      return {};
    }
    return wrong_type(entry_, fmt::format("one of {}", fmt::join(names, ", ")));
  }

  const NamedSlot& slot_;
  const Entry& entry_;
  SettingRule rule_;
};

std::string render_model(const ModelEntry& model) {
  return fmt::format("{{name: {}, path: {}}}", json_string(model.name), json_string(model.path));
}

struct Rendering {
  const std::string& path;
  TextRule rule;
  std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
  template <class T>
    requires std::is_unsigned_v<T>
  std::string operator()(const T* value) const {
    return is_size(path) ? render_size(*value) : fmt::format("{}", *value);
  }
  std::string operator()(const double* value) const { return fmt::format("{}", *value); }
  template <class Rep, class Period>
  std::string operator()(const std::chrono::duration<Rep, Period>* value) const {
    return render_duration(static_cast<std::uint64_t>(std::chrono::microseconds(*value).count()));
  }
  std::string text(const std::string& value) const { return json_string(rule == TextRule::kSecret ? "***" : value); }
  std::string operator()(const std::string* value) const { return text(*value); }
  std::string operator()(const log::Level* value) const { return std::string(kLevels[static_cast<std::size_t>(*value)]); }
  std::string operator()(const log::Format* value) const { return std::string(kFormats[static_cast<std::size_t>(*value)]); }
  std::string operator()(const std::vector<std::string>* value) const {
    std::vector<std::string> items;
    for (const auto& item : *value) items.push_back(text(item));
    return fmt::format("[{}]", fmt::join(items, ", "));
  }
  std::string operator()(const std::vector<ModelEntry>* value) const {
    std::vector<std::string> items;
    for (const auto& item : *value) items.push_back(render_model(item));
    return fmt::format("[{}]", fmt::join(items, ", "));
  }
};

std::string render_with(std::span<const Unit> units, std::uint64_t value) {
  for (const auto& unit : units)
    if (value != 0 && value % unit.factor == 0) return fmt::format("{}{}", value / unit.factor, unit.name);
  return "0";
}
}  // namespace

bool is_size(std::string_view path) { return path.ends_with("_bytes") || path.ends_with("_bytes_max") || path.ends_with(".bytes_max"); }
std::string render_duration(std::uint64_t microseconds) { return render_with(kDurationUnits, microseconds); }
std::string render_size(std::uint64_t bytes) {
  // Binary units only, and plain bytes without a suffix: 1500 stays 1500.
  return bytes % 1024 == 0 ? render_with(std::span(kSizeUnits).first(4), bytes) : fmt::format("{}", bytes);
}

Result<> set_value(const NamedSlot& slot, const Entry& entry) {
  const bool is_list =
      std::holds_alternative<std::vector<std::string>*>(slot.slot) || std::holds_alternative<std::vector<ModelEntry>*>(slot.slot);
  if (!is_list && entry.kind == EntryKind::kList) {
    return fail(kSettingWrongType, fmt::format("{}: {} must be {}, not a list", entry.origin, entry.path, type_of(slot)));
  }
  if (!is_list && entry.path != slot.path) {
    return fail(kUnknownSetting, fmt::format("{}: unknown setting {}; {} is no list", entry.origin, json_string(entry.path), slot.path));
  }
  if (entry.kind == EntryKind::kNull) return wrong_type(entry, type_of(slot));
  return std::visit(Assignment(slot, entry), slot.slot);
}

std::string render_value(const NamedSlot& slot) { return std::visit(Rendering{slot.path, rule_for(slot.path).text}, slot.slot); }

std::span<const std::string_view> choices_of(const NamedSlot& slot) {
  if (std::holds_alternative<log::Level*>(slot.slot)) return kLevels;
  if (std::holds_alternative<log::Format*>(slot.slot)) return kFormats;
  const auto* rule = rule_of(slot.path);
  return rule == nullptr ? std::span<const std::string_view>() : rule->choices;
}

std::string type_of(const NamedSlot& slot) {
  struct Types {
    const std::string& path;
    std::string operator()(const bool*) const { return "true or false"; }
    std::string operator()(const std::uint16_t*) const { return "number"; }
    std::string operator()(const std::uint32_t*) const { return is_size(path) ? "size" : "number"; }
    std::string operator()(const std::uint64_t*) const { return is_size(path) ? "size" : "number"; }
    std::string operator()(const double*) const { return "number"; }
    std::string operator()(const std::chrono::microseconds*) const { return "duration"; }
    std::string operator()(const std::chrono::milliseconds*) const { return "duration"; }
    std::string operator()(const std::string*) const {
      const auto* rule = rule_of(path);
      return rule == nullptr || rule->choices.empty() ? "text" : fmt::format("{}", fmt::join(rule->choices, ", "));
    }
    std::string operator()(const log::Level*) const { return fmt::format("{}", fmt::join(kLevels, ", ")); }
    std::string operator()(const log::Format*) const { return fmt::format("{}", fmt::join(kFormats, ", ")); }
    std::string operator()(const std::vector<std::string>*) const { return "list of texts"; }
    std::string operator()(const std::vector<ModelEntry>*) const { return "list of models"; }
  };
  return std::visit(Types{slot.path}, slot.slot);
}

std::string range_of(const NamedSlot& slot) {
  const SettingRule rule = rule_for(slot.path);
  if (rule.least == rule.most || !rule.choices.empty()) return {};
  const auto least = static_cast<std::uint64_t>(rule.least);
  const auto most = static_cast<std::uint64_t>(rule.most);
  if (std::holds_alternative<std::chrono::milliseconds*>(slot.slot))
    return fmt::format("{} to {}", render_duration(least * 1'000), render_duration(most * 1'000));
  if (std::holds_alternative<std::chrono::microseconds*>(slot.slot))
    return fmt::format("{} to {}", render_duration(least), render_duration(most));
  if (type_of(slot) == "size") return fmt::format("{} to {}", render_size(least), render_size(most));
  if (type_of(slot) == "text") return fmt::format("{} to {} characters", least, most);
  if (type_of(slot).starts_with("list")) return fmt::format("at most {} items", most);
  if (std::holds_alternative<double*>(slot.slot)) return fmt::format("{} to {}", rule.least, rule.most);
  return fmt::format("{} to {}", least, most);
}

}  // namespace forebay::cli

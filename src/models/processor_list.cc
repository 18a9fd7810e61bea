#include "models/processor_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "models/errors.h"

namespace forebay::models {

namespace {
constexpr std::uint32_t kNumberMax = 8'191;

struct Range {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

std::optional<std::uint32_t> number_in(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > kNumberMax) return std::nullopt;
  return number;
}

std::optional<Range> range_in(std::string_view entry) {
  const auto hyphen = entry.find('-');
  const auto first = number_in(entry.substr(0, hyphen));
  const auto last = hyphen == std::string_view::npos ? first : number_in(entry.substr(hyphen + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return Range{*first, *last};
}
}  // namespace

Result<Processors> processors_of(std::span<const std::string> entries) {
  Processors wanted;
  const Processors usable = entries.empty() ? Processors() : usable_processors();
  for (const std::string& entry : entries) {
    const auto range = range_in(entry);
    if (!range) return fail(kAffinitySettingInvalid, fmt::format("'{}' is no processor and no range of them", entry));
    for (std::uint32_t number = range->first; number <= range->last; ++number) {
      if (!std::ranges::contains(usable, number)) {
        return fail(kAffinitySettingInvalid,
                    fmt::format("processor {} is not one of those this process may use: {}", number, to_text(usable)));
      }
      wanted.push_back(number);
    }
  }
  std::ranges::sort(wanted);
  const auto repeated = std::ranges::unique(wanted);
  wanted.erase(repeated.begin(), repeated.end());
  return wanted;
}

}  // namespace forebay::models

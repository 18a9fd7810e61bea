#include <fmt/format.h>

#include <algorithm>
#include <optional>

// The parser asserts what a file such as "[," does not keep, and in release builds tells the compiler to assume it. What comes after
// its assertions treats the same case as an error of the file, so they are left out, in every kind of build.
#undef NDEBUG
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.hpp>

#include "cli/errors.h"
#include "cli/setting_entry.h"
#include "cli/setting_key.h"

namespace forebay::cli {

namespace {
bool is_ascii(char character) { return static_cast<unsigned char>(character) < 0x80; }

// Behind the escape that begins here: the character after the backslash, or all white space that it swallows. Nothing when a character
// beyond ASCII follows either.
std::optional<std::size_t> end_of_escape(std::string_view text, std::size_t backslash) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  std::size_t end = backslash + 1;
  if (end >= text.size()) return end;
  if (is_ascii(text[end]) && !kSpace.contains(text[end])) return end + 1;
  end = std::min(text.size(), text.find_first_not_of(kSpace, end));
  if (end < text.size() && !is_ascii(text[end])) return std::nullopt;
  return end;
}

// Returns the line of the first character beyond ASCII that stands outside strings and comments, or right after a backslash or the white
// space that it swallows. toml++ has undefined behaviour for most of them. Up to the first mistake both agree on what a string is.
std::optional<std::size_t> misplaced_character(std::string_view text) {
  std::size_t line = 1;
  std::string_view until;  // of the string or comment this is in
  char before = '\n';      // this, other than blanks: a quote in the middle of a word begins no string
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::string_view rest = text.substr(at);
    line += rest.front() == '\n' ? 1 : 0;
    if (!until.empty()) {
      if (until.front() == '"' && rest.front() == '\\') {
        const auto end = end_of_escape(text, at);
        if (!end) return line;
        line += static_cast<std::size_t>(std::ranges::count(text.substr(at, *end - at), '\n'));
        at = *end - 1;
      } else if (rest.starts_with(until)) {
        at += until.size() - 1;
        // A long string may end with two more quotes of its own.
        for (int more = 0; until.size() == 3 && more < 2 && at + 1 < text.size() && text[at + 1] == until.front(); ++more) ++at;
        before = until.back();
        until = {};
      }
      continue;
    }
    if (!is_ascii(rest.front())) return line;
    for (const std::string_view quote : {R"(""")", "'''", "\"", "'"}) {
      if (!rest.starts_with(quote) || !std::string_view("\r\n=,[{").contains(before)) continue;
      until = quote;
      at += quote.size() - 1;
      break;
    }
    if (rest.front() == '#') until = "\n";
    if (rest.front() != ' ' && rest.front() != '\t') before = rest.front();
  }
  return std::nullopt;
}

class Flattener {
 public:
  Flattener(const std::string& name, const FileLimits& limits) : name_(name), limits_(limits) {}
  std::vector<Entry> take() {
    // toml++ sorts its tables: back into the order of the file, list items after their list.
    std::ranges::stable_sort(found_, {}, &Found::line);
    std::vector<Entry> entries;
    for (auto& found : found_) entries.push_back(std::move(found.entry));
    return entries;
  }

  Result<> table(const toml::table& table, const std::string& path, std::size_t depth) {
    if (depth > limits_.depth_max)
      return fail(kConfigurationTooLarge, fmt::format("{}: deeper than {} levels", place(table), limits_.depth_max));
    for (const auto& [key, node] : table) {
      if (!is_setting_key(key.str()))
        return fail(kUnknownSetting, fmt::format("{}: {} cannot be the name of a setting", place(node), quoted_key(key.str())));
      TRY(value(node, path.empty() ? std::string(key.str()) : path + "." + std::string(key.str()), depth));
    }
    return {};
  }

 private:
  struct Found {
    unsigned line;
    Entry entry;
  };
  std::string place(const toml::node& node) const { return fmt::format("{}:{}", name_, node.source().begin.line); }
  Result<> add(const toml::node& node, const std::string& path, std::string text, EntryKind kind) {
    if (found_.size() >= limits_.entries_max)
      return fail(kConfigurationTooLarge, fmt::format("{}: more than {} values", place(node), limits_.entries_max));
    found_.push_back({static_cast<unsigned>(node.source().begin.line), {path, std::move(text), kind, place(node)}});
    return {};
  }
  Result<> list(const toml::array& array, const std::string& path, std::size_t depth) {
    TRY(add(array, path, "", EntryKind::kList));
    for (std::size_t i = 0; i < array.size(); ++i) {
      if (array[i].is_array()) return fail(kConfigurationSyntax, fmt::format("{}: no setting is a list of lists", place(array[i])));
      TRY(value(array[i], fmt::format("{}[{}]", path, i), depth + 1));
    }
    return {};
  }
  Result<> value(const toml::node& node, const std::string& path, std::size_t depth) {
    if (const auto* table_node = node.as_table()) return table(*table_node, path, depth + 1);
    if (const auto* array = node.as_array()) return list(*array, path, depth);
    if (const auto* text = node.as_string()) return add(node, path, text->get(), EntryKind::kText);
    if (const auto* whole = node.as_integer()) return add(node, path, fmt::format("{}", whole->get()), EntryKind::kPlain);
    if (const auto* real = node.as_floating_point()) return add(node, path, fmt::format("{}", real->get()), EntryKind::kPlain);
    if (const auto* truth = node.as_boolean()) return add(node, path, truth->get() ? "true" : "false", EntryKind::kPlain);
    return fail(kSettingWrongType, fmt::format("{}: {} is a date or time, and no setting is", place(node), path));
  }

  const std::string& name_;
  const FileLimits& limits_;
  std::vector<Found> found_;
};
}  // namespace

Result<std::vector<Entry>> flatten_toml(std::string_view text, const std::string& name, const FileLimits& limits) {
  if (text.size() > limits.bytes_max)
    return fail(kConfigurationTooLarge, fmt::format("{} is larger than {} bytes", name, limits.bytes_max));
  const bool has_mark = text.starts_with("\xEF\xBB\xBF");
  if (const auto line = misplaced_character(has_mark ? text.substr(3) : text))
    return fail(kConfigurationSyntax, fmt::format("{}:{}: characters beyond ASCII stand in strings and comments only", name, *line));
  try {
    const toml::table document = toml::parse(text, name);
    Flattener flattener(name, limits);
    TRY(flattener.table(document, "", 1));
    return flattener.take();
  } catch (const toml::parse_error& error) {
    const std::string_view reason = error.description();
    const bool twice = reason.find("redefine") != std::string_view::npos || reason.find("already") != std::string_view::npos;
    return fail(twice ? kDuplicateSetting : kConfigurationSyntax, fmt::format("{}:{}: {}", name, error.source().begin.line, reason));
  } catch (const std::exception& exception) {
    return fail(kConfigurationSyntax, fmt::format("{}: {}", name, exception.what()));
  }
}

}  // namespace forebay::cli

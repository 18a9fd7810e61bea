#include "formats/label_list.h"

#include <charconv>
#include <map>
#include <optional>

#include "formats/display_text.h"

namespace forebay::formats {

namespace {
constexpr std::size_t kLabelsMax = 100'000;

// Reads the literals of a flat list or dict.
class Literal {
 public:
  explicit Literal(std::string_view text) : rest_(text) {}

  bool accept(char wanted) {
    skip_blanks();
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool at_end() {
    skip_blanks();
    return rest_.empty();
  }

  std::optional<std::string> quoted() {
    skip_blanks();
    if (rest_.empty() || (rest_.front() != '"' && rest_.front() != '\'')) return std::nullopt;
    const char quote = rest_.front();
    std::string text;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == quote) {
        rest_.remove_prefix(i + 1);
        return as_utf8(text);
      }
      if (rest_[i] == '\\' && i + 1 < rest_.size()) ++i;
      text += rest_[i];
    }
    return std::nullopt;
  }

  std::optional<std::size_t> index() {
    skip_blanks();
    const bool is_quoted = rest_.starts_with('"');  // JSON objects have their numbers as strings.
    if (is_quoted) rest_.remove_prefix(1);
    std::size_t number = 0;
    const auto [end, problem] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (problem != std::errc()) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    if (is_quoted && !accept('"')) return std::nullopt;
    return number;
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n' || rest_.front() == '\t' || rest_.front() == '\r'))
      rest_.remove_prefix(1);
  }
  std::string_view rest_;
};

std::vector<std::string> parse_list(Literal literal) {
  std::vector<std::string> labels;
  literal.accept('[');
  while (labels.size() < kLabelsMax) {
    auto label = literal.quoted();
    if (!label) return {};
    labels.push_back(std::move(*label));
    if (literal.accept(']')) return literal.at_end() ? labels : std::vector<std::string>();
    if (!literal.accept(',')) return {};
  }
  return {};
}

std::vector<std::string> parse_dict(Literal literal) {
  std::map<std::size_t, std::string> labels;
  literal.accept('{');
  while (labels.size() < kLabelsMax) {
    const auto index = literal.index();
    if (!index || !literal.accept(':')) return {};
    auto label = literal.quoted();
    if (!label) return {};
    labels.insert_or_assign(*index, std::move(*label));
    if (literal.accept('}')) break;
    if (!literal.accept(',')) return {};
  }
  std::vector<std::string> ordered;
  for (auto& [index, label] : labels) {
    if (index != ordered.size()) return {};
    ordered.push_back(std::move(label));
  }
  return ordered;
}

std::vector<std::string> parse_separated(std::string_view text, char separator) {
  std::vector<std::string> labels;
  while (!text.empty() && labels.size() < kLabelsMax) {
    const auto end = std::min(text.find(separator), text.size());
    auto label = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto first = label.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) continue;
    label = label.substr(first, label.find_last_not_of(" \t\r") - first + 1);
    labels.push_back(as_utf8(label));
  }
  return labels;
}
}  // namespace

std::vector<std::string> parse_labels(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  text = text.substr(first);
  if (text.starts_with('[')) return parse_list(Literal(text));
  if (text.starts_with('{')) return parse_dict(Literal(text));
  if (text.contains('\n')) return parse_separated(text, '\n');
  if (text.contains(',')) return parse_separated(text, ',');
  return {};
}

}  // namespace forebay::formats

#include "engines/llama/grammar_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "engines/errors.h"
#include "text/stream_text.h"

namespace forebay::engines {

namespace {
std::unexpected<Error> refused(std::string why) { return fail(Error(kBadSampling, "grammar: " + std::move(why)).with_field("grammar")); }

// Walks the characters once, without recursion, and counts.
class GrammarScan {
 public:
  GrammarScan(std::string_view grammar, const GrammarLimits& limits) : rest_(grammar), limits_(limits) {}

  Result<> run() {
    while (!rest_.empty()) TRY(next());
    if (groups_.size() > 1) return refused("a group is not closed");
    if (defined_.empty()) return refused("it has no rule");
    if (!defined_.contains("root")) return refused("it has no rule 'root'");
    // The library would write the whole grammar to standard error.
    for (const std::string_view name : used_) {
      if (!defined_.contains(name)) return refused(fmt::format("the rule '{}' is not defined", name));
    }
    return {};
  }

 private:
  // Elements of a group so far, and of its last item, which a repetition multiplies.
  struct Group {
    std::uint64_t elements = 0;
    std::uint64_t last = 0;
  };

  Result<> next() {
    const char c = rest_.front();
    if (c == '"' || c == '[' || c == '<') return skip_quoted(c == '"' ? '"' : c == '[' ? ']' : '>');
    if (c == '{') return repeat();
    if (c == '(') return open();
    if (c == ')') return close();
    if (c == '#') {
      rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      return {};
    }
    if (rest_.starts_with("::=")) {
      rest_.remove_prefix(3);
      if (used_.empty()) return refused("a '::=' without a name");
      defined_.insert(used_.back());
      used_.pop_back();
      if (defined_.size() > limits_.rules_max) return refused(fmt::format("more than {} rules", limits_.rules_max));
      return {};
    }
    if (is_word(c)) {
      const std::size_t size = static_cast<std::size_t>(std::ranges::find_if_not(rest_, is_word) - rest_.begin());
      used_.push_back(rest_.substr(0, size));
      rest_.remove_prefix(size);
      return add(1);
    }
    rest_.remove_prefix(1);
    return c == '.' ? add(1) : Result<>();
  }

  static bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }

  Result<> add(std::uint64_t elements) {
    groups_.back().elements += elements;
    groups_.back().last = elements;
    if (groups_.back().elements > limits_.elements_max) return refused(fmt::format("more than {} elements", limits_.elements_max));
    return {};
  }

  Result<> skip_quoted(char end) {
    std::uint64_t characters = 0;
    for (rest_.remove_prefix(1); !rest_.empty(); rest_.remove_prefix(1), ++characters) {
      if (rest_.front() == end) {
        rest_.remove_prefix(1);
        return add(std::max<std::uint64_t>(characters, 1));
      }
      if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
    }
    return refused(fmt::format("a '{}' is missing", end));
  }

  Result<> open() {
    rest_.remove_prefix(1);
    if (groups_.size() > limits_.depth_max) return refused(fmt::format("groups are nested deeper than {}", limits_.depth_max));
    groups_.emplace_back();
    return {};
  }

  Result<> close() {
    rest_.remove_prefix(1);
    if (groups_.size() == 1) return refused("a ')' without its '('");
    const std::uint64_t elements = groups_.back().elements;
    groups_.pop_back();
    return add(std::max<std::uint64_t>(elements, 1));
  }

  // {m}, {m,} or {m,n}. With n below m the library would write out nearly 2^64 copies.
  Result<> repeat() {
    std::uint64_t least = 0;
    std::uint64_t number = 0;
    bool has_comma = false;
    bool has_most = false;
    for (rest_.remove_prefix(1); !rest_.empty() && rest_.front() != '}'; rest_.remove_prefix(1)) {
      const char c = rest_.front();
      if (c >= '0' && c <= '9') {
        number = std::min<std::uint64_t>(number * 10 + static_cast<std::uint64_t>(c - '0'), limits_.repetition_max + 1);
        has_most = has_comma;
      } else if (c == ',') {
        has_comma = true;
        least = std::exchange(number, 0);
      }
    }
    if (rest_.empty()) return refused("a '}' is missing");
    rest_.remove_prefix(1);
    if (has_most && number < least) return refused(fmt::format("a repetition of at least {} and at most {}", least, number));
    const std::uint64_t largest = std::max<std::uint64_t>({least, number, 1});
    if (largest > limits_.repetition_max) return refused(fmt::format("a repetition of more than {}", limits_.repetition_max));
    const std::uint64_t last = groups_.back().last;
    TRY(add(last * (largest - 1)));
    groups_.back().last = last * largest;
    return {};
  }

  std::string_view rest_;
  const GrammarLimits& limits_;
  std::vector<Group> groups_{1};
  std::set<std::string_view> defined_;
  std::vector<std::string_view> used_;  // names of rules, until "::=" makes the last one a definition
};
}  // namespace

Result<> check_grammar(std::string_view grammar, const GrammarLimits& limits) {
  if (grammar.size() > limits.bytes_max) return refused(fmt::format("{} bytes, at most {} are allowed", grammar.size(), limits.bytes_max));
  if (grammar.find('\0') != grammar.npos) return refused("it contains a zero byte");
  if (!text::is_valid_utf8(grammar)) return refused("it is not valid UTF-8");
  return GrammarScan(grammar, limits).run();
}

}  // namespace forebay::engines

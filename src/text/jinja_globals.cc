#include "text/jinja_globals.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "text/errors.h"
#include "text/jinja_arguments.h"
#include "text/jinja_evaluator.h"
#include "text/jinja_operators.h"
#include "text/jinja_text.h"

namespace forebay::text::jinja {

namespace {

constexpr std::uint64_t kRangeItemsMax = 100'000;  // As Jinja's sandbox.

Result<Value> range(Evaluator& evaluator, const Value&, Arguments& arguments) {
  if (!arguments.named.empty()) return fail(kTemplateFailed, "range() takes no keyword arguments");
  TRY_ASSIGN(const Bound bound, bind(arguments, {"start", "stop", "step"}, 1));
  for (const Value& given : arguments.positional) {
    if (!given.is_whole()) return fail(kTemplateFailed, fmt::format("'{}' object cannot be interpreted as an integer", type_name(given)));
  }
  const bool only_stop = arguments.positional.size() == 1;
  const std::int64_t start = only_stop ? 0 : arguments.positional[0].whole();
  const std::int64_t stop = arguments.positional[only_stop ? 0 : 1].whole();
  TRY_ASSIGN(const std::int64_t step, bound.whole(2, 1));
  if (step == 0) return fail(kTemplateFailed, "range() arg 3 must not be zero");
  std::uint64_t count = 0;
  if (step > 0 ? start < stop : start > stop) {
    const std::uint64_t distance = step > 0 ? static_cast<std::uint64_t>(stop) - static_cast<std::uint64_t>(start)
                                            : static_cast<std::uint64_t>(start) - static_cast<std::uint64_t>(stop);
    const std::uint64_t stride = step > 0 ? static_cast<std::uint64_t>(step) : std::uint64_t{0} - static_cast<std::uint64_t>(step);
    count = (distance - 1) / stride + 1;
  }
  if (count > kRangeItemsMax) return fail(kTemplateLimit, fmt::format("a range has more than {} items", kRangeItemsMax));
  return evaluator.heap().range(start, stop, step, count);
}

// Members from mappings and keyword arguments, as Python's dict().
Result<> fill(Evaluator& evaluator, Dict& dict, const Arguments& arguments) {
  for (const Value& given : arguments.positional) {
    if (given.is(Kind::kDict)) {
      for (const auto& [key, value] : given.dict().entries) TRY(evaluator.heap().set(dict, key, value));
      continue;
    }
    TRY_ASSIGN(const std::vector<Value> pairs, iterate(evaluator.heap(), given));
    for (const Value& pair : pairs) {
      TRY_ASSIGN(const std::vector<Value> entry, iterate(evaluator.heap(), pair));
      if (entry.size() != 2) return fail(kTemplateFailed, "dictionary update sequence elements must have length 2");
      TRY(evaluator.heap().set(dict, entry[0], entry[1]));
    }
  }
  for (const auto& [name, value] : arguments.named) TRY(evaluator.heap().set(dict, Value::string(name), value));
  return {};
}

Result<Value> dict(Evaluator& evaluator, const Value&, Arguments& arguments) {
  if (arguments.positional.size() > 1) return fail(kTemplateFailed, "dict() takes at most one positional argument");
  TRY_ASSIGN(Dict * made, evaluator.heap().dict());
  TRY(fill(evaluator, *made, arguments));
  return Value::dict(made);
}

Result<Value> namespace_(Evaluator& evaluator, const Value&, Arguments& arguments) {
  if (arguments.positional.size() > 1) return fail(kTemplateFailed, "namespace() takes at most one positional argument");
  TRY_ASSIGN(Namespace * made, evaluator.heap().space());
  TRY(fill(evaluator, made->members, arguments));
  return Value::space(made);
}

// Gives nothing the first time it is called, and its separator from then on.
Result<Value> next_separator(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  Dict& state = self.space().members;
  if (state.find("used") != nullptr) return *state.find("separator");
  TRY(evaluator.heap().set(state, Value::string("used"), Value::boolean(true)));
  return Value::string("");
}

Result<Value> joiner(Evaluator& evaluator, const Value&, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"sep"}));
  TRY_ASSIGN(Namespace * state, evaluator.heap().space());
  TRY(evaluator.heap().set(state->members, Value::string("separator"), bound.value(0, Value::string(", "))));
  return evaluator.heap().callable({.name = "joiner", .builtin = next_separator, .self = Value::space(state)});
}

Result<Value> raise_exception(Evaluator& evaluator, const Value&, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"message"}, 1));
  TRY_ASSIGN(const std::string_view message, text_of(evaluator.heap(), bound.value(0)));
  return fail(kTemplateRefused, std::string(message.substr(0, 1000)));
}

struct Moment {
  std::chrono::year_month_day date;
  int hour = 0, minute = 0, second = 0;
};

// "2026-11-21" or "2026-11-21T17:05:00".
Result<Moment> parse_moment(std::string_view text) {
  int fields[6] = {1970, 1, 1, 0, 0, 0};
  std::size_t count = 0;
  for (const char* at = text.data(); count < 6 && at < text.data() + text.size(); ++count) {
    const auto [end, problem] = std::from_chars(at, text.data() + text.size(), fields[count]);
    if (problem != std::errc()) break;
    at = end + 1;
  }
  const std::chrono::year_month_day date{std::chrono::year(fields[0]), std::chrono::month(static_cast<unsigned>(fields[1])),
                                         std::chrono::day(static_cast<unsigned>(fields[2]))};
  if (count < 3 || !date.ok()) return fail(kTemplateFailed, "the template asks for the date, and none was given");
  return Moment{date, fields[3], fields[4], fields[5]};
}

// One directive of strftime in the C locale.
std::string format_directive(const Moment& moment, char directive) {
  constexpr std::string_view kDays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
  constexpr std::string_view kMonths[] = {"January", "February", "March",     "April",   "May",      "June",
                                          "July",    "August",   "September", "October", "November", "December"};
  const std::chrono::sys_days days(moment.date);
  const std::string_view weekday = kDays[std::chrono::weekday(days).c_encoding()];
  const unsigned month = static_cast<unsigned>(moment.date.month());
  const unsigned day = static_cast<unsigned>(moment.date.day());
  const int year = static_cast<int>(moment.date.year());
  const auto first = std::chrono::sys_days(std::chrono::year_month_day(moment.date.year(), std::chrono::January, std::chrono::day(1)));
  switch (directive) {
    case 'Y':
      return fmt::format("{:04}", year);
    case 'y':
      return fmt::format("{:02}", year % 100);
    case 'm':
      return fmt::format("{:02}", month);
    case 'd':
      return fmt::format("{:02}", day);
    case 'e':
      return fmt::format("{:2}", day);
    case 'B':
      return std::string(kMonths[month - 1]);
    case 'b':
    case 'h':
      return std::string(kMonths[month - 1].substr(0, 3));
    case 'A':
      return std::string(weekday);
    case 'a':
      return std::string(weekday.substr(0, 3));
    case 'j':
      return fmt::format("{:03}", (days - first).count() + 1);
    case 'u':
      return fmt::format("{}", std::chrono::weekday(days).iso_encoding());
    case 'w':
      return fmt::format("{}", std::chrono::weekday(days).c_encoding());
    case 'H':
      return fmt::format("{:02}", moment.hour);
    case 'I':
      return fmt::format("{:02}", (moment.hour + 11) % 12 + 1);
    case 'M':
      return fmt::format("{:02}", moment.minute);
    case 'S':
      return fmt::format("{:02}", moment.second);
    case 'p':
      return moment.hour < 12 ? "AM" : "PM";
    case 'F':
      return fmt::format("{:04}-{:02}-{:02}", year, month, day);
    case 'T':
      return fmt::format("{:02}:{:02}:{:02}", moment.hour, moment.minute, moment.second);
    case 'D':
      return fmt::format("{:02}/{:02}/{:02}", month, day, year % 100);
    case 'n':
      return "\n";
    case 't':
      return "\t";
    case '%':
      return "%";
    default:
      return std::string("%") + directive;
  }
}

Result<Value> strftime_now(Evaluator& evaluator, const Value&, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"format"}, 1));
  TRY_ASSIGN(const std::string_view format, bound.text(0, ""));
  TRY_ASSIGN(const Moment moment, parse_moment(evaluator.now()));
  TRY(evaluator.heap().spend(format.size()));
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    const bool directive = format[i] == '%' && i + 1 < format.size();
    if (directive) {
      out += format_directive(moment, format[++i]);
    } else {
      out += format[i];
    }
  }
  return evaluator.heap().string(std::move(out));
}

}  // namespace

const Callable* find_global(std::string_view name) {
  static const Callable kGlobals[] = {
      {.name = "range", .builtin = range},
      {.name = "dict", .builtin = dict},
      {.name = "namespace", .builtin = namespace_},
      {.name = "joiner", .builtin = joiner},
      {.name = "raise_exception", .builtin = raise_exception},
      {.name = "strftime_now", .builtin = strftime_now},
  };
  const auto found = std::ranges::find(kGlobals, name, &Callable::name);
  return found == std::end(kGlobals) ? nullptr : found;
}

}  // namespace forebay::text::jinja

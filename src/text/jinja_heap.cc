#include "text/jinja_heap.h"

#include <fmt/format.h>

#include "text/errors.h"

namespace forebay::text::jinja {

Result<> Heap::spend(std::uint64_t steps) {
  if (steps > limits_.steps_max - steps_) {
    steps_ = limits_.steps_max;
    return fail(kTemplateLimit, fmt::format("the template needs more than {} steps", limits_.steps_max));
  }
  steps_ += steps;
  return {};
}

Result<> Heap::reserve(std::size_t bytes) {
  if (bytes > limits_.memory_bytes_max - bytes_) {
    return fail(kTemplateLimit, fmt::format("the template needs more than {} bytes of memory", limits_.memory_bytes_max));
  }
  bytes_ += bytes;
  return {};
}

namespace {
// Macros that call each other, and their data, may nest deeper than the source. A level takes up to 10 KiB of stack with sanitizers.
constexpr std::uint32_t kRunningDepthFactor = 4;
}  // namespace

bool Heap::Descent::too_deep() const { return heap_.depth_ > kRunningDepthFactor * heap_.limits_.depth_max; }

std::unexpected<Error> Heap::too_deep() const {
  return fail(kTemplateLimit, fmt::format("the template or its data nests deeper than {}", kRunningDepthFactor * limits_.depth_max));
}

Result<Value> Heap::string(std::string text) {
  TRY(reserve(text.size() + sizeof(std::string)));
  TRY(scan(text.size()));
  strings_.push_back(std::move(text));
  return Value::string(strings_.back());
}

Result<Value> Heap::repeat(std::string_view text, std::uint64_t copies) {
  if (text.empty() || copies == 0) return Value::string("");
  if (copies > limits_.memory_bytes_max / text.size()) return fail(kTemplateLimit, "the template repeats a text too often");
  TRY(reserve(text.size() * copies));
  TRY(scan(text.size() * copies));
  std::string repeated;
  repeated.reserve(text.size() * copies);
  for (std::uint64_t i = 0; i < copies; ++i) repeated += text;
  strings_.push_back(std::move(repeated));
  return Value::string(strings_.back());
}

Result<Value> Heap::list(std::vector<Value> items, ListFlavor flavor) {
  TRY(spend(items.size()));
  TRY(reserve(sizeof(List) + items.size() * sizeof(Value)));
  lists_.push_back(List{.flavor = flavor, .items = std::move(items)});
  return Value::list(&lists_.back());
}

Result<Value> Heap::range(std::int64_t start, std::int64_t stop, std::int64_t step, std::uint64_t count) {
  TRY(spend(count));
  std::vector<Value> items;
  items.reserve(count);
  // Unsigned, because i * step alone may not fit although the sum always does.
  const auto stride = static_cast<std::uint64_t>(step);
  for (std::uint64_t i = 0; i < count; ++i)
    items.push_back(Value::integer(static_cast<std::int64_t>(static_cast<std::uint64_t>(start) + i * stride)));
  TRY(list(std::move(items), ListFlavor::kRange));
  lists_.back().start = start;
  lists_.back().stop = stop;
  lists_.back().step = step;
  return Value::list(&lists_.back());
}

Result<Dict*> Heap::dict() {
  TRY(reserve(sizeof(Dict)));
  dicts_.emplace_back();
  return &dicts_.back();
}

Result<> Heap::set(Dict& dict, const Value& key, const Value& value) {
  if (!is_hashable(key)) return fail(kTemplateFailed, fmt::format("unhashable type: '{}'", type_name(key)));
  // Keys that are not strings are looked up by a scan.
  TRY(spend(key.is(Kind::kString) ? 1 : 1 + dict.entries.size() / 4));
  TRY(reserve(4 * sizeof(Value)));
  dict.set(key, value);
  return {};
}

Result<Namespace*> Heap::space() {
  TRY(reserve(sizeof(Namespace)));
  spaces_.emplace_back();
  return &spaces_.back();
}

Result<Value> Heap::callable(Callable callable) {
  TRY(reserve(sizeof(Callable)));
  callables_.push_back(callable);
  return Value::callable(&callables_.back());
}

Result<Scope*> Heap::scope(Scope* outer) {
  TRY(reserve(sizeof(Scope)));
  scopes_.push_back(Scope{.outer = outer});
  return &scopes_.back();
}

Result<Loop*> Heap::loop(Loop loop) {
  TRY(reserve(sizeof(Loop) + loop.size() * sizeof(Value)));
  loops_.push_back(std::move(loop));
  return &loops_.back();
}

}  // namespace forebay::text::jinja

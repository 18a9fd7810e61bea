// Where one rendering keeps what it makes, and what it may spend: steps, and bytes of everything made on the way. Nothing is freed before
// the rendering ends, so values are plain borrowed pointers and cycles are harmless.
// Threads: confined to one rendering. Owner: ChatTemplate::render.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/chat_template.h"
#include "text/jinja_loop.h"
#include "text/jinja_objects.h"
#include "text/jinja_value.h"

namespace forebay::text::jinja {

class Heap {
 public:
  explicit Heap(const TemplateLimits& limits) : limits_(limits) {}

  const TemplateLimits& limits() const { return limits_; }
  // kTemplateLimit when the sum exceeds steps_max.
  Result<> spend(std::uint64_t steps = 1);
  // Looking at text costs a step for every 64 bytes.
  Result<> scan(std::size_t bytes) { return spend(bytes / 64); }
  // Before making something of that size. kTemplateLimit when the sum exceeds memory_bytes_max.
  Result<> reserve(std::size_t bytes);

  // Nesting of what runs: expressions, macros, and walks through nested data.
  class Descent {
   public:
    explicit Descent(Heap& heap) : heap_(heap) { ++heap_.depth_; }
    ~Descent() { --heap_.depth_; }
    Descent(const Descent&) = delete;
    Descent& operator=(const Descent&) = delete;
    bool too_deep() const;

   private:
    Heap& heap_;
  };
  std::unexpected<Error> too_deep() const;

  Result<Value> string(std::string text);
  // `copies` of the text; refused before anything is allocated.
  Result<Value> repeat(std::string_view text, std::uint64_t copies);
  Result<Value> list(std::vector<Value> items, ListFlavor flavor = ListFlavor::kList);
  Result<Value> range(std::int64_t start, std::int64_t stop, std::int64_t step, std::uint64_t count);
  Result<Dict*> dict();
  // Charges for the entry as well.
  Result<> set(Dict& dict, const Value& key, const Value& value);
  Result<Namespace*> space();
  Result<Value> callable(Callable callable);
  Result<Scope*> scope(Scope* outer);
  Result<Loop*> loop(Loop loop);

 private:
  TemplateLimits limits_;
  std::uint64_t steps_ = 0;
  std::size_t bytes_ = 0;
  std::uint32_t depth_ = 0;
  std::deque<std::string> strings_;
  std::deque<List> lists_;
  std::deque<Dict> dicts_;
  std::deque<Namespace> spaces_;
  std::deque<Callable> callables_;
  std::deque<Scope> scopes_;
  std::deque<Loop> loops_;
};

}  // namespace forebay::text::jinja

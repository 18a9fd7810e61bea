// What values refer to: lists, dicts, callables, frames of variables. All of them live in the rendering's heap.
// Threads: confined to one rendering. Owner: Heap.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/jinja_value.h"

namespace forebay::text::jinja {

class Evaluator;
struct Node;
struct Scope;

// What Python makes of a run of values: they differ in how they print, compare and count.
enum class ListFlavor : std::uint8_t { kList, kTuple, kGroup, kGenerator, kRange, kKeys, kValues, kItems };

struct List {
  ListFlavor flavor = ListFlavor::kList;
  mutable bool spent = false;  // a generator gives its items once
  std::vector<Value> items;
  std::int64_t start = 0, stop = 0, step = 1;  // of a range, for printing

  bool is_tuple() const { return flavor == ListFlavor::kTuple || flavor == ListFlavor::kGroup; }
  // Has a length and can be indexed.
  bool is_sequence() const { return flavor == ListFlavor::kList || is_tuple() || flavor == ListFlavor::kRange; }
};

// Keeps the order of insertion. Keys are hashable values; most are strings.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;
  std::map<std::string_view, std::size_t> by_name;  // only once there are many entries

  const Value* find(std::string_view key) const;
  const Value* find(const Value& key) const;
  void set(const Value& key, const Value& value);
};

struct Namespace {
  Dict members;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string_view, Value>> named;
};

// One signature for filters (self is the subject), tests, methods (self is the receiver) and globals.
using Builtin = Result<Value> (*)(Evaluator& evaluator, const Value& self, Arguments& arguments);

struct Callable {
  std::string_view name;
  Builtin builtin = nullptr;  // else a macro
  Value self;
  const Node* macro = nullptr;
  Scope* scope = nullptr;  // where the macro was defined
};

// A frame of variables. `set` writes to the innermost one, reading goes outwards.
struct Scope {
  Scope* outer = nullptr;
  std::map<std::string_view, Value> variables;
  bool captured = false;  // a macro defined here may still read it
};

}  // namespace forebay::text::jinja

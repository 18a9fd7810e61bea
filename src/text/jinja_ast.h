// A parsed template: one kind of node, whose parts are named per kind below.
// Threads: immutable after parsing. Owner: the compiled template.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja_objects.h"
#include "text/jinja_value.h"

namespace forebay::text::jinja {

enum class NodeKind : std::uint8_t {
  // Expressions.                     text            parts
  kConstant,       //                 -               - (value)
  kName,           //                 name            -
  kTuple,          //                 -               items
  kList,           //                 -               items
  kDict,           //                 -               key, value, key, value, …
  kAttribute,      // a.b             b               a
  kSubscript,      // a[b]            -               a, b
  kSlice,          // a[b:c:d]        -               a, b, c, d (each may be null)
  kCall,           // a(…)            -               a, arguments
  kFilter,         // a|b(…)          b               a, arguments
  kTest,           // a is b(…)       b               a, arguments
  kCaptured,       // the text a filter block or a block assignment has captured
  kNamedArgument,  // b=a             b               a
  kStarArgument,   // *a              -               a
  kMapArgument,    // **a             -               a
  kNot,            //                 -               a
  kSign,           // -a, +a          "-" or "+"      a
  kBinary,         // a + b           operator        a, b
  kConcat,         // a ~ b ~ c       -               a, b, c
  kCompare,        // a < b < c       -               a, then kOperand
  kOperand,        // < b             operator        b
  kAnd,            //                 -               a, b
  kOr,             //                 -               a, b
  kConditional,    // a if b else c   -               a, b, c (may be null)
  // Statements.
  kBlock,        // body in a scope of its own
  kText,         //                 text            -
  kOutput,       //                 -               expressions
  kFor,          //                 -               target, iterable, filter (may be null); body; otherwise
  kIf,           //                 -               condition, further kIf (elif); body; otherwise
  kSet,          //                 -               target, value
  kSetBlock,     //                 -               target, filters over kCaptured; body
  kMacro,        //                 name            kParameter; body
  kParameter,    //                 name            default (may be missing)
  kCallBlock,    //                 -               call, kParameter; body
  kFilterBlock,  //                 -               filters over kCaptured; body
  kWith,         //                 -               target, value, target, value, …; body
  kMember,       // ns.a as target  a               kName
  kBreak,
  kContinue,
};

struct Node;
using NodePtr = std::unique_ptr<Node>;
using Nodes = std::vector<NodePtr>;

// What a macro's body asks for beyond its parameters.
enum MacroWants : std::uint8_t { kWantsCaller = 1, kWantsPositional = 2, kWantsNamed = 4 };

struct Node {
  NodeKind kind = NodeKind::kConstant;
  bool recursive = false;    // of kFor
  std::uint8_t wants = 0;    // of kMacro and kCallBlock: MacroWants
  std::uint16_t height = 1;  // of the tree below; bounded by depth_max
  std::uint32_t line = 1;
  std::string_view text;  // into the template's source or its literals
  Value value;            // of kConstant
  Nodes parts;
  Nodes body;
  Nodes otherwise;
};

struct Template {
  std::string source;                // with newlines normalised; nodes look into it
  std::deque<std::string> literals;  // strings with escapes, resolved
  Nodes body;
};

}  // namespace forebay::text::jinja

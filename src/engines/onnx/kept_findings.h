// What was measured when a model was loaded, as the model cache keeps it.
// Threads: shared (no state). Owner: none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "engines/model_cache.h"

namespace forebay::engines {

// Of keeping the optimized graph.
struct GraphFindings {
  double plain_ms = 0;  // opening a session of the file
  double kept_ms = 0;   // of the kept graph, finding and checking it included
  bool gains = false;
  std::string reason;  // the library's, when it cannot do it
};

// Of running the model with neutral values.
struct RowsFinding {
  std::uint32_t rows = 1;
  double ms = 0;
};
struct RunFindings {
  std::uint32_t threads = 0;      // 0: not tried with more than one
  double one_ms = 0;              // with one thread
  double all_ms = 0;              // with `threads`
  std::vector<RowsFinding> rows;  // ascending
};

// Whether rows are independent, from running different ones alone and together.
struct RowsIndependence {
  bool independent = false;
  std::string why;
};

// Nothing when there are none, or they cannot be true.
template <class Findings>
std::optional<Findings> find_findings(ModelCache& cache, const Digest& key);
template <class Findings>
bool keep_findings(ModelCache& cache, const Digest& key, const Findings& findings);

// Of the text that is kept; for the above and their test.
template <class Findings>
std::optional<Findings> findings_in(std::string_view text);

}  // namespace forebay::engines

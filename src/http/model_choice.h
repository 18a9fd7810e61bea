// Which model a request means: its body may name one, and so may the URL's query (?model=).
// Threads: immutable.
#pragma once

#include <string>

#include "base/result.h"

namespace forebay::http {

class Exchange;

// The name in the body or path (`given`), else the one in the query; empty when neither names one. kFieldConflict when they differ.
Result<std::string> model_name(const Exchange& exchange, const std::string& given);
Result<std::string> model_version(const Exchange& exchange, const std::string& given);

}  // namespace forebay::http

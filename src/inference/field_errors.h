// Errors about the fields of a call, by the names that its front door gave them.
// Thread safety: no state.
#pragma once

#include <string>

#include "base/error.h"

namespace forebay::inference {

// Returns the error about this field, unless it names one itself.
Error about(Error error, const std::string& field);
// Returns the error of a runner, which calls every text "input[i]", about `field` if there is one text, else about "field[i]".
Error about_texts(Error error, const std::string& field, std::size_t texts);

}  // namespace forebay::inference

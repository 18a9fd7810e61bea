// What the answers of the plain routes share.
// Threads: immutable.
#pragma once

#include <chrono>

#include "base/result.h"
#include "http/json_writer.h"
#include "tensors/tensor.h"

namespace forebay::http::predict {

// "output": … when there is one, and always "outputs": {"name": …}, as members of the open object. tensors' kArrayNotText.
Result<> write_outputs(JsonWriter& json, const tensors::NamedTensors& outputs);
double milliseconds(std::chrono::microseconds time);

}  // namespace forebay::http::predict

// One request for tensors, the same for every dialect: submitted, and the answer brought back to the request's loop.
// Threads: called on the request's loop or pool. Not here: any dialect's JSON, and how inputs fit a model (inference/tensor_inputs.h).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "formats/model_description.h"
#include "http/exchange.h"
#include "http/json_body.h"
#include "scheduling/request.h"

namespace forebay::http {

// Reads a JSON value as this input, with errors about its path. The codes of inference::input_from_json.
Result<tensors::Tensor> input_from_json(const formats::TensorSpec& spec, const JsonValue& value);

// `then` runs on the loop, with the answer or the refusal (also one that comes at once), unless the exchange has ended meanwhile. The
// exchange keeps the model.
void submit_tensors(const ExchangePtr& exchange, const models::Lease& model, scheduling::TensorRequest request,
                    std::function<void(Result<scheduling::TensorAnswer> answer)> then);
// The same for one run that is the whole answer: refusals are answered.
void run_tensors(const ExchangePtr& exchange, const models::Lease& model, scheduling::TensorRequest request,
                 std::function<void(const models::ServedModel& model, scheduling::TensorAnswer answer)> then);

// Reading and writing this much takes well below a millisecond; more is done on the request pool, because a loop has other connections.
inline constexpr std::size_t kLoopJsonBytesMax = std::size_t{128} << 10;
inline constexpr std::size_t kLoopBinaryBytesMax = std::size_t{4} << 20;  // copied at most
// So are few enough numbers.
bool fit_on_loop(const tensors::NamedTensors& outputs);

// The Server-Timing header: "queue;dur=0.1, inference;dur=0.4", and ", answer;desc=cache" (or shared) when it was not a run of its own.
std::pair<std::string, std::string> server_timing(const scheduling::TensorAnswer& answer);

}  // namespace forebay::http

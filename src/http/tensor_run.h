// One request for tensors, the same for every dialect: inputs checked against the model's own description, submitted, and the answer
// brought back to the request's loop.
// Threads: called on the request's loop or pool. Not here: any dialect's JSON.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "formats/model_description.h"
#include "http/exchange.h"
#include "http/json_body.h"
#include "scheduling/request.h"

namespace forebay::http {

// The input of that name; kInputUnknown with the nearest name.
Result<const formats::TensorSpec*> input_of(const formats::ModelDescription& description, std::string_view name);
// An error of reading an input: its message begins with the input's name, and it is about `field` of the request.
Error about_input(const Error& error, std::string_view name, std::string field);
// One JSON value as this input: nested or flat, a batch or one of it. kInputMismatch and tensors' codes, with `field`.
Result<tensors::Tensor> input_from_json(const formats::TensorSpec& spec, const JsonValue& value);
// Every input that is not optional is there, once. kInputMissing, kFieldConflict.
Result<> check_complete(const formats::ModelDescription& description, const tensors::NamedTensors& inputs);
// Type and shape as the model wants them. kInputMismatch.
Result<> check_input(const formats::TensorSpec& spec, const tensors::Tensor& tensor);
// The tensor in the shape that the model wants: a scalar may come as [1], and what is wanted as [1] as a scalar. kInputMismatch.
Result<tensors::Tensor> fitted_input(const formats::TensorSpec& spec, tensors::Tensor tensor);

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

// The body of POST /v2/models/{model}/infer: JSON, or JSON followed by binary tensors.
// Source: open-inference-protocol, specification/protocol/inference_rest.md and Triton's extension_binary_data.md. Threads: immutable.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/model_description.h"
#include "http/json_body.h"
#include "http/json_writer.h"
#include "http/urgency.h"
#include "tensors/tensor.h"

namespace forebay::http::oip {

struct WantedOutput {
  std::string name;
  bool binary = false;
  std::uint32_t classes = 0;  // Triton's "classification": that many best classes instead of the numbers; 0: the numbers
};

struct InferRequest {
  std::string id;             // echoed; empty: none was given
  std::string model_name;     // as KServe's clients repeat them; empty: not given
  std::string model_version;  // the same
  tensors::NamedTensors inputs;
  std::vector<WantedOutput> outputs;  // empty: all
  Urgency urgency;                    // "parameters": "priority", "timeout_ms", and Triton's "timeout" in microseconds
  bool all_binary = false;            // "binary_data_output", for outputs not named
};

// `header_length` is the value of Inference-Header-Content-Length: absent for plain JSON, 0 for a body that is one raw tensor.
// Binary tensors view `body` where they are aligned; `keeper` keeps it alive. kBinarySizes, kInputUnknown, kInputMissing, kInputMismatch,
// kFieldConflict, and the codes of json_body and tensors.
Result<InferRequest> read_infer_request(std::string_view body, std::optional<std::string_view> header_length,
                                        const formats::ModelDescription& description, const JsonLimits& limits,
                                        std::shared_ptr<const void> keeper);

struct InferAnswer {
  std::string body;
  std::optional<std::size_t> header_length;  // set when binary tensors follow the JSON
};
// `labels` are those of the model's classes. tensors' kArrayNotText for bytes that are not text and not asked for as binary;
// kScoreNotFinite and kFieldRange for what cannot be classified.
Result<InferAnswer> write_infer_answer(const std::string& model, const std::string& version, const InferRequest& request,
                                       const tensors::NamedTensors& outputs, std::span<const std::string> labels = {});

}  // namespace forebay::http::oip

// POST /predict with a picture: decoded and prepared on the request pool, run like any tensor, and answered with what the model sees.
// Threads: called on a loop thread, except where said otherwise.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "http/http_options.h"
#include "http/json_writer.h"
#include "http/predict/picture_request.h"
#include "http/routes.h"
#include "models/served_model.h"
#include "scheduling/request.h"
#include "tensors/image.h"
#include "tensors/vision.h"

namespace forebay::http::predict {

// The body is the picture; what JSON would say is in the query.
void predict_image(const ExchangePtr& exchange);
// A form of multipart/form-data with one file and fields beside it.
void predict_form(const ExchangePtr& exchange);
// {"image": "base64"}.
void predict_image_json(const ExchangePtr& exchange);

// --- on any thread
tensors::ImageLimits image_limits(const HttpOptions& options);

struct PictureInputs {
  tensors::NamedTensors inputs;
  tensors::Seen seen;
};
// A picture as all of a model's inputs: others must be optional. kInputMissing, and the codes of inference::image_input.
Result<PictureInputs> inputs_from_image(std::span<const std::byte> file, const formats::ModelDescription& description,
                                        const tensors::ImageLimits& limits);

struct PictureForm {
  PictureFields fields;                 // of the form, else of the query
  std::vector<std::string_view> files;  // they view the request's body
};
// kFormInvalid (no form, no file, more than files_max), kFieldUnknown, kFieldRange.
Result<PictureForm> read_picture_form(const Exchange& exchange, std::size_t files_max);

// What the model sees, as members of the open object: the task and its answer, "image", and the outputs where they are wanted. Takes
// milliseconds. kVisionOutput, kTensorTooLarge.
Result<> write_seen(JsonWriter& json, const models::ServedModel& model, const PictureFields& fields, const tensors::Seen& seen,
                    const scheduling::TensorAnswer& result);

}  // namespace forebay::http::predict

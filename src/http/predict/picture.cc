#include "http/predict/picture.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/leases.h"
#include "http/multipart.h"
#include "http/predict/picture_request.h"
#include "http/predict/predict_answer.h"
#include "http/tensor_run.h"
#include "inference/declared_steps.h"
#include "inference/tensor_inputs.h"
#include "models/served_model.h"
#include "tensors/vision_json.h"

namespace forebay::http::predict {

namespace {

struct Asked {
  PictureFields fields;
  tensors::Seen seen;
};

Result<Reply> reply_of(const models::ServedModel& model, const Asked& asked, const scheduling::TensorAnswer& result) {
  JsonWriter json;
  json.object().field("model", model.name).field("version", model.version);
  TRY(write_seen(json, model, asked.fields, asked.seen, result));
  json.field("inference_time_ms", milliseconds(result.inference)).end();
  return Reply{.body = json.take(), .headers = {server_timing(result)}};
}

// On the request pool.
Result<> start(const ExchangePtr& exchange, PictureFields fields, std::span<const std::byte> picture) {
  TRY(exchange->set_urgency(fields.urgency));
  TRY_ASSIGN(auto model, lease_tensors(*exchange, fields.model, fields.version));
  scheduling::TensorRequest request;
  TRY_ASSIGN(auto made, inputs_from_image(picture, model->description, image_limits(exchange->parts().options)));
  request.inputs = std::move(made.inputs);
  // The completion must not keep the model from ending while the runner holds it; once it is back here it may.
  run_tensors(exchange, model, std::move(request),
              [exchange, weak = models::WeakLease(model), asked = Asked{std::move(fields), made.seen}](const models::ServedModel&,
                                                                                                       scheduling::TensorAnswer result) {
                auto served = weak.lock();
                if (!served) return;
                // Masks and overlaps take milliseconds: too long for a loop.
                exchange->on_pool([exchange, served = std::move(served), asked, result = std::move(result)] {
                  auto reply = reply_of(*served, asked, result);
                  if (!reply) return exchange->refuse(reply.error());
                  exchange->answer(*std::move(reply));
                });
              });
  return {};
}

}  // namespace

tensors::ImageLimits image_limits(const HttpOptions& options) {
  return {.bytes_max = options.image_bytes_max, .pixels_max = options.image_pixels_max, .side_max = options.image_side_max};
}

Result<PictureInputs> inputs_from_image(std::span<const std::byte> file, const formats::ModelDescription& description,
                                        const tensors::ImageLimits& limits) {
  TRY_ASSIGN(auto made, inference::image_input(file, description, limits));
  PictureInputs inputs{.inputs = {std::move(made.input)}, .seen = made.seen};
  TRY(inference::check_complete(description, inputs.inputs));
  return inputs;
}

Result<PictureForm> read_picture_form(const Exchange& exchange, std::size_t files_max) {
  TRY_ASSIGN(const auto parts, read_form(exchange.header("content-type"), exchange.body()));
  const auto count = static_cast<std::size_t>(std::ranges::count_if(parts, &FormPart::is_file));
  if (count == 0 || count > files_max) {
    Error error(kFormInvalid, fmt::format("the form has {} files, and {} wanted", count,
                                          files_max == 1 ? "one picture is" : fmt::format("1 to {} pictures are", files_max)));
    if (count > 1 && files_max == 1) error = std::move(error).with_hint("POST /predict/batch takes several files");
    return fail(std::move(error).with_field("image"));
  }
  for (const auto& part : parts) {
    if (!part.is_file && !std::ranges::contains(kPictureFields, part.name))
      return fail(Error(kFieldUnknown, fmt::format("the form's field '{}' is not known", part.name.substr(0, 100)))
                      .with_field(part.name.substr(0, 100)));
  }
  const auto text_of = [&](const std::string& name) {
    const auto found = std::ranges::find_if(parts, [&](const FormPart& part) { return !part.is_file && part.name == name; });
    return found == parts.end() ? exchange.query(name) : std::string(found->content);
  };
  PictureForm read;
  TRY_ASSIGN(read.fields, read_picture_fields(text_of));
  for (const auto& part : parts) {
    if (part.is_file) read.files.push_back(part.content);
  }
  return read;
}

Result<> write_seen(JsonWriter& json, const models::ServedModel& model, const PictureFields& fields, const tensors::Seen& seen,
                    const scheduling::TensorAnswer& result) {
  const auto& recipe = *model.description.vision;
  TRY_ASSIGN(const auto answer, tensors::interpret(result.outputs, recipe, thresholds_of(recipe, fields), model.description.labels, seen));
  TRY_ASSIGN(const auto members, tensors::json_members(answer));
  for (const auto& [name, value] : members) json.key(name).raw(value);
  json.key("image").object().field("width", seen.width).field("height", seen.height).end();
  using tensors::VisionTask;
  if (fields.raw.value_or(recipe.task == VisionTask::kTensors || recipe.task == VisionTask::kClassification))
    return write_outputs(json, result.outputs);
  return {};
}

void predict_image(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(auto fields, read_picture_fields([&](const std::string& name) { return exchange->query(name); }));
    const auto body = exchange->body();
    return start(exchange, std::move(fields), std::as_bytes(std::span(body)));
  });
}

void predict_form(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(auto form, read_picture_form(*exchange, 1));
    return start(exchange, std::move(form.fields), std::as_bytes(std::span(form.files.front())));
  });
}

void predict_image_json(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(auto body, read_picture_body(exchange->body(), exchange->parts().json_limits()));
    exchange->drop_body();
    return start(exchange, std::move(body.fields), body.picture);
  });
}

}  // namespace forebay::http::predict

#include "http/predict/picture.h"

#include <drogon/MultiPart.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/predict/image.h"
#include "http/predict/picture_request.h"
#include "http/predict/predict_answer.h"
#include "http/tensor_run.h"
#include "models/served_model.h"
#include "tensors/vision_json.h"

namespace forebay::http::predict {

namespace {

struct Asked {
  PictureFields fields;
  tensors::Seen seen;
};

bool wants_raw(const Asked& asked, tensors::VisionTask task) {
  return asked.fields.raw.value_or(task == tensors::VisionTask::kTensors || task == tensors::VisionTask::kClassification);
}

Result<Reply> reply_of(const models::ServedModel& model, const Asked& asked, const scheduling::TensorAnswer& result) {
  const auto& recipe = *model.description.vision;
  TRY_ASSIGN(const auto answer,
             tensors::interpret(result.outputs, recipe, thresholds_of(recipe, asked.fields), model.description.labels, asked.seen));
  TRY_ASSIGN(const auto members, tensors::json_members(answer));
  JsonWriter json;
  json.object().field("model", model.name).field("version", model.version);
  for (const auto& [name, value] : members) json.key(name).raw(value);
  json.key("image").object().field("width", asked.seen.width).field("height", asked.seen.height).end();
  if (wants_raw(asked, recipe.task)) write_outputs(json, result.outputs);
  json.field("inference_time_ms", milliseconds(result.inference)).end();
  return Reply{.body = json.take(), .headers = {server_timing(result)}};
}

// On the request pool.
Result<> start(const ExchangePtr& exchange, PictureFields fields, std::span<const std::byte> picture) {
  TRY(exchange->set_urgency(fields.urgency));
  TRY_ASSIGN(auto model, lease_tensors(*exchange, fields.model, fields.version));
  const auto& options = exchange->parts().options;
  const tensors::ImageLimits limits{
      .bytes_max = options.image_bytes_max, .pixels_max = options.image_pixels_max, .side_max = options.image_side_max};
  TRY_ASSIGN(auto made, inputs_from_image(picture, model->description, limits));
  scheduling::TensorRequest request;
  request.inputs = std::move(made.inputs);
  // The completion must not keep the model alive while the runner holds it; once it is back here it may.
  run_tensors(exchange, model, std::move(request),
              [exchange, weak = std::weak_ptr(model), asked = Asked{std::move(fields), made.seen}](const models::ServedModel&,
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

Result<> start_form(const ExchangePtr& exchange) {
  drogon::MultiPartParser form;
  if (form.parse(exchange->request()) != 0)
    return fail(kFormInvalid, "the body is no multipart/form-data with the boundary that Content-Type states");
  if (form.getFiles().size() != 1)
    return fail(
        Error(kFormInvalid, fmt::format("the form has {} files, and one picture is wanted", form.getFiles().size())).with_field("image"));
  std::vector<std::string> known(std::begin(kPictureFields), std::end(kPictureFields));
  for (const auto& [name, value] : form.getParameters()) {
    if (!std::ranges::contains(known, name))
      return fail(
          Error(kFieldUnknown, fmt::format("the form's field '{}' is not known", name.substr(0, 100))).with_field(name.substr(0, 100)));
  }
  const auto text_of = [&](const std::string& name) {
    const auto found = form.getParameters().find(name);
    return found == form.getParameters().end() ? exchange->query(name) : found->second;
  };
  TRY_ASSIGN(auto fields, read_picture_fields(text_of));
  const std::string_view picture = form.getFiles().front().fileContent();
  return start(exchange, std::move(fields), std::as_bytes(std::span(picture)));
}

}  // namespace

void predict_image(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(auto fields, read_picture_fields([&](const std::string& name) { return exchange->query(name); }));
    const auto body = exchange->body();
    return start(exchange, std::move(fields), std::as_bytes(std::span(body)));
  });
}

void predict_form(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange] { return start_form(exchange); });
}

void predict_image_json(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(auto body, read_picture_body(exchange->body(), exchange->parts().json_limits()));
    return start(exchange, std::move(body.fields), body.picture);
  });
}

}  // namespace forebay::http::predict

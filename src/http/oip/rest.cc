#include <fmt/format.h>

#include <algorithm>

#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/leases.h"
#include "http/oip/handlers.h"
#include "http/oip/infer_request.h"
#include "http/tensor_run.h"
#include "models/served_model.h"

namespace forebay::http::oip {

namespace {

const std::string kNone;

// The version is in the URL or absent.
const std::string& version_of(const Exchange& exchange) { return exchange.match().parameters.size() > 1 ? exchange.parameter(1) : kNone; }

void write_specs(JsonWriter& json, std::string_view key, const std::vector<formats::TensorSpec>& specs) {
  json.key(key).array();
  for (const auto& spec : specs) {
    json.object().field("name", spec.name).field("datatype", tensors::oip_name_of(spec.dtype)).key("shape").array();
    for (const auto dimension : spec.shape) json.value(dimension);
    json.end().end();
  }
  json.end();
}

std::string platform_of(formats::Format format) {
  if (format == formats::Format::kOnnx) return "onnx_onnxv1";
  return std::string(name_of(format));
}

}  // namespace

void server(const ExchangePtr& exchange) {
  JsonWriter json;
  json.object().field("name", "forebay").field("version", exchange->parts().context.version);
  json.key("extensions").array().value("binary_tensor_data").value("classification").end().end();
  exchange->answer_json(json.take());
}

void live(const ExchangePtr& exchange) { exchange->answer_json(R"({"live":true})"); }

void ready(const ExchangePtr& exchange) {
  const auto& parts = exchange->parts();
  if (!parts.draining.load() && parts.context.catalog->all_ready()) return exchange->answer_json(R"({"ready":true})");
  exchange->answer({.status = 503, .body = R"({"ready":false})", .headers = {{"Retry-After", "1"}}});
}

void models(const ExchangePtr& exchange) {
  JsonWriter json;
  json.object().key("models").array();
  std::string last;
  for (const auto& status : exchange->parts().context.catalog->list()) {
    if (status.name != last) json.value(status.name);
    last = status.name;
  }
  json.end().end();
  exchange->answer_json(json.take());
}

void model(const ExchangePtr& exchange) {
  const auto lease = lease_any(*exchange, exchange->parameter(0), version_of(*exchange));
  if (!lease) return exchange->refuse(lease.error());
  const auto& description = (*lease)->description;
  JsonWriter json;
  json.object().field("name", (*lease)->name).key("versions").array();
  for (const auto& status : exchange->parts().context.catalog->list()) {
    if (status.name == (*lease)->name) json.value(status.version);
  }
  json.end().field("platform", platform_of(description.format));
  write_specs(json, "inputs", description.inputs);
  write_specs(json, "outputs", description.outputs);
  json.end();
  exchange->answer_json(json.take());
}

void model_ready(const ExchangePtr& exchange) {
  const auto lease = lease_any(*exchange, exchange->parameter(0), version_of(*exchange));
  if (!lease) return exchange->refuse(lease.error());
  JsonWriter json;
  json.object().field("name", (*lease)->name).field("ready", true).end();
  exchange->answer_json(json.take());
}

namespace {

struct Served {
  std::string name, version;
  std::vector<std::string> labels;
};

void answer_infer(Exchange& exchange, const InferRequest& request, const Served& served, const scheduling::TensorAnswer& result) {
  auto answer = write_infer_answer(served.name, served.version, request, result.outputs, served.labels);
  if (!answer) return exchange.refuse(answer.error());
  Reply reply{.body = std::move(answer->body), .headers = {server_timing(result)}};
  if (answer->header_length) {
    reply.content_type = "application/octet-stream";
    reply.headers.emplace_back("Inference-Header-Content-Length", std::to_string(*answer->header_length));
  }
  exchange.answer(std::move(reply));
}

// The URL says which model; what the body repeats must agree with it.
Result<> check_repeated(const InferRequest& request, const forebay::models::ServedModel& model) {
  const auto conflict = [](const char* field, const std::string& given, const std::string& served) {
    return fail(
        Error(kFieldConflict, fmt::format("'{}' is '{}', and the URL means '{}'", field, given.substr(0, 100), served)).with_field(field));
  };
  if (!request.model_name.empty() && request.model_name != model.name) return conflict("model_name", request.model_name, model.name);
  if (!request.model_version.empty() && request.model_version != model.version)
    return conflict("model_version", request.model_version, model.version);
  return {};
}

Result<> infer_now(const ExchangePtr& exchange) {
  TRY_ASSIGN(auto lease, lease_tensors(*exchange, exchange->parameter(0), version_of(*exchange)));
  const std::string_view length = exchange->header("inference-header-content-length");
  TRY_ASSIGN(auto request, read_infer_request(exchange->body(), length.empty() ? std::nullopt : std::optional(length), lease->description,
                                              exchange->parts().json_limits(), exchange->body_keeper()));
  TRY(check_repeated(request, *lease));
  exchange->drop_body();
  TRY(exchange->set_urgency(request.urgency));
  scheduling::TensorRequest run;
  run.inputs = std::move(request.inputs);
  for (const auto& output : request.outputs) run.outputs.push_back(output.name);
  run_tensors(exchange, lease, std::move(run),
              [exchange, request = std::move(request)](const forebay::models::ServedModel& model, scheduling::TensorAnswer result) {
                const bool classified = std::ranges::any_of(request.outputs, [](const WantedOutput& output) { return output.classes > 0; });
                Served served{model.name, model.version, classified ? model.description.labels : std::vector<std::string>()};
                if (!classified && fit_on_loop(result.outputs)) return answer_infer(*exchange, request, served, result);
                exchange->on_pool([exchange, request, served = std::move(served), result = std::move(result)] {
                  answer_infer(*exchange, request, served, result);
                });
              });
  return {};
}

}  // namespace

void infer(const ExchangePtr& exchange) {
  const auto type = exchange->content_type();
  const bool binary = !exchange->header("inference-header-content-length").empty();
  if (!type.empty() && !exchange->is_json() && !(binary && type == "application/octet-stream")) {
    return exchange->refuse(
        refused_type(type, "infer takes application/json, or application/octet-stream with Inference-Header-Content-Length"));
  }
  if (exchange->body().size() > (binary ? kLoopBinaryBytesMax : kLoopJsonBytesMax))
    return prepare_on_pool(exchange, [exchange] { return infer_now(exchange); });
  if (auto started = infer_now(exchange); !started) exchange->refuse(started.error());
}

}  // namespace forebay::http::oip

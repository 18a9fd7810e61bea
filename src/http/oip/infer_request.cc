#include "http/oip/infer_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "http/errors.h"
#include "http/oip/binary.h"
#include "inference/field_errors.h"
#include "inference/tensor_inputs.h"
#include "tensors/array_json.h"
#include "tensors/errors.h"
#include "tensors/postprocess.h"

namespace forebay::http::oip {

namespace {

constexpr std::size_t kTensorsMax = 1024;
constexpr std::size_t kRankMax = 32;
constexpr std::int64_t kClassesMax = 100'000;

struct Context {
  const formats::ModelDescription& description;
  BinaryPart& binary;
};

// The input of that name; with one input any name will do, because MLServer's examples call it "predict" or "input-0".
Result<const formats::TensorSpec*> spec_of(const formats::ModelDescription& description, const JsonValue& name_field) {
  if (description.inputs.size() == 1) return &description.inputs.front();
  TRY_ASSIGN(const auto name, name_field.string());
  auto spec = inference::input_of(description, name);
  if (!spec) return fail(std::move(spec).error().with_field(name_field.path()));
  return spec;
}

Result<tensors::Shape> read_shape(const JsonValue& field) {
  TRY_ASSIGN(const auto items, field.items(kRankMax));
  tensors::Shape shape;
  for (const auto& item : items) {
    TRY_ASSIGN(const auto dimension, item.integer(0, std::numeric_limits<std::int64_t>::max()));
    shape.push_back(dimension);
  }
  if (!tensors::element_count(shape))
    return fail(Error(kFieldRange, fmt::format("'{}' has more elements than a computer can hold", field.path())).with_field(field.path()));
  return shape;
}

// Of an input or output: in shared memory there would be nothing, and the client would read what was there before.
Result<> refuse_shared_memory(const JsonObject& parameters) {
  for (const auto* name : {"shared_memory_region", "shared_memory_offset", "shared_memory_byte_size"}) {
    if (const auto field = parameters.find(name))
      return fail(
          Error(kFieldNotSupported, "shared memory is not supported: send and take the tensor in the body").with_field(field->path()));
  }
  return {};
}

Result<std::optional<std::size_t>> binary_size(const JsonObject& input) {
  const auto parameters = input.find("parameters");
  if (!parameters) return std::nullopt;
  TRY_ASSIGN(const auto object, JsonObject::of(*parameters));
  TRY(refuse_shared_memory(object));
  const auto size = object.find("binary_data_size");
  if (!size) return std::nullopt;
  TRY_ASSIGN(const auto bytes, size->integer(0, std::numeric_limits<std::int64_t>::max()));
  return static_cast<std::size_t>(bytes);
}

// Triton's own "timeout" has microseconds.
Result<Urgency> read_parameters_urgency(const JsonObject& parameters) {
  TRY_ASSIGN(auto urgency, read_urgency(parameters));
  const auto timeout = parameters.find("timeout");
  if (!timeout) return urgency;
  if (urgency.timeout) return fail(Error(kFieldConflict, "both 'timeout' and 'timeout_ms' are given").with_field(timeout->path()));
  TRY_ASSIGN(const auto microseconds, timeout->integer(0, std::chrono::microseconds(kTimeoutMost).count()));
  if (microseconds > 0) urgency.timeout = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::microseconds(microseconds));
  return urgency;
}

Result<tensors::DType> read_dtype(const JsonObject& input) {
  TRY_ASSIGN(const auto field, input.need("datatype"));
  TRY_ASSIGN(const auto name, field.string());
  if (const auto dtype = tensors::dtype_of_oip(name)) return *dtype;
  return fail(
      Error(kFieldRange, fmt::format("'{}' is no datatype; BOOL, UINT8 … UINT64, INT8 … INT64, FP16, BF16, FP32, FP64 and BYTES are",
                                     name.substr(0, 40)))
          .with_field(field.path()));
}

Result<tensors::NamedTensor> read_input(const JsonValue& item, const Context& context, bool is_only) {
  TRY_ASSIGN(const auto input, JsonObject::of(item));
  TRY(input.only({"name", "shape", "datatype", "parameters", "data"}));
  TRY_ASSIGN(const auto name_field, input.need("name"));
  TRY_ASSIGN(const auto name, name_field.string());
  TRY_ASSIGN(const auto* spec, spec_of(context.description, name_field));
  TRY_ASSIGN(const auto dtype, read_dtype(input));
  if (dtype != spec->dtype) {
    return fail(Error(kInputMismatch, fmt::format("the input '{}' is {}, and the model wants {}", spec->name, tensors::oip_name_of(dtype),
                                                  tensors::oip_name_of(spec->dtype)))
                    .with_field(item.path() + ".datatype"));
  }
  TRY_ASSIGN(const auto shape_field, input.need("shape"));
  TRY_ASSIGN(auto shape, read_shape(shape_field));
  TRY_ASSIGN(auto bytes, binary_size(input));
  const auto data = input.find("data");
  if (data && bytes)
    return fail(Error(kFieldConflict, fmt::format("'{}' has both data and binary_data_size", name)).with_field(item.path() + ".data"));
  if (!data && !bytes && is_only && context.binary.left() > 0)
    bytes = context.binary.left();  // OpenVINO Model Server's clients leave it out
  if (!data && !bytes) return fail(Error(kFieldMissing, fmt::format("'{}' has no data", name)).with_field(item.path() + ".data"));
  const std::string where = item.path() + (bytes ? ".parameters.binary_data_size" : ".data");
  if (!bytes && (dtype == tensors::DType::kFloat16 || dtype == tensors::DType::kBfloat16))
    return fail(
        Error(kFieldNotSupported, fmt::format("input '{}': FP16 and BF16 travel as binary tensors only", spec->name)).with_field(where));
  auto tensor = bytes ? context.binary.take(dtype, std::move(shape), *bytes)
                      : tensors::tensor_from_json(data->raw(), dtype, shape, tensors::NanPolicy::kAllow);
  if (!tensor) return fail(inference::about_input(tensor.error(), spec->name, where));
  auto fitted = inference::fitted_input(*spec, *std::move(tensor));
  if (!fitted) return fail(std::move(fitted).error().with_field(item.path() + ".shape"));
  return tensors::NamedTensor{spec->name, *std::move(fitted)};
}

Result<std::vector<WantedOutput>> read_outputs(const JsonObject& body, const formats::ModelDescription& description, bool all_binary) {
  std::vector<WantedOutput> outputs;
  const auto field = body.find("outputs");
  if (!field) return outputs;
  TRY_ASSIGN(const auto items, field->items(kTensorsMax));
  for (const auto& item : items) {
    TRY_ASSIGN(const auto output, JsonObject::of(item));
    TRY(output.only({"name", "parameters"}));
    TRY_ASSIGN(const auto name_field, output.need("name"));
    WantedOutput wanted{.name = {}, .binary = all_binary, .classes = 0};
    TRY_ASSIGN(wanted.name, name_field.string());
    if (std::ranges::find(description.outputs, wanted.name, &formats::TensorSpec::name) == description.outputs.end()) {
      return fail(
          Error(kInputUnknown, fmt::format("the model has no output '{}'", wanted.name.substr(0, 100))).with_field(name_field.path()));
    }
    if (std::ranges::find(outputs, wanted.name, &WantedOutput::name) != outputs.end()) {
      return fail(Error(kFieldConflict, fmt::format("the output '{}' is asked for twice", wanted.name)).with_field(name_field.path()));
    }
    if (const auto parameters = output.find("parameters")) {
      TRY_ASSIGN(const auto object, JsonObject::of(*parameters));
      TRY(refuse_shared_memory(object));
      TRY_ASSIGN(const auto classes, object.integer_or("classification", 0, 0, kClassesMax));
      wanted.classes = static_cast<std::uint32_t>(classes);
      TRY_ASSIGN(wanted.binary, object.boolean_or("binary_data", all_binary));
    }
    outputs.push_back(std::move(wanted));
  }
  return outputs;
}

// A body that is nothing but one tensor: the shape is the model's, with its one free dimension counted from the bytes.
Result<tensors::NamedTensor> read_raw_input(std::string_view body, const formats::TensorSpec& spec, std::shared_ptr<const void> keeper) {
  if (!spec.has_shape) return fail(kBinarySizes, "a raw body needs a model whose file states the shape of its input");
  tensors::Shape shape = spec.shape;
  const auto free = std::ranges::count_if(shape, [](std::int64_t dimension) { return dimension < 0; });
  if (free > 1)
    return fail(kBinarySizes,
                fmt::format("a raw body needs a shape with at most one free dimension, and it is {}", tensors::to_string(shape)));
  if (spec.dtype == tensors::DType::kString) {
    std::ranges::replace_if(shape, [](std::int64_t dimension) { return dimension < 0; }, 1);
    if (tensors::element_count(shape) != 1U) return fail(kBinarySizes, "a raw body of BYTES is one element");
    TRY_ASSIGN(auto text, tensors::Tensor::from_strings(std::move(shape), {std::string(body)}));
    return tensors::NamedTensor{spec.name, std::move(text)};
  }
  tensors::Shape fixed = shape;
  std::ranges::replace_if(fixed, [](std::int64_t dimension) { return dimension < 0; }, 1);
  const std::size_t row = tensors::element_count(fixed).value_or(0) * tensors::element_bytes(spec.dtype);
  if (free == 1 && row > 0)
    std::ranges::replace_if(shape, [](std::int64_t dimension) { return dimension < 0; }, static_cast<std::int64_t>(body.size() / row));
  BinaryPart binary(body, std::move(keeper));
  TRY_ASSIGN(auto tensor, binary.take(spec.dtype, std::move(shape), body.size()));
  return tensors::NamedTensor{spec.name, std::move(tensor)};
}

Result<InferRequest> read_raw(std::string_view body, const formats::ModelDescription& description, std::shared_ptr<const void> keeper) {
  if (description.inputs.size() != 1)
    return fail(
        Error(kBinarySizes, fmt::format("a raw body is one input, and the model has {}", description.inputs.size())).with_field("inputs"));
  const auto& spec = description.inputs.front();
  auto input = read_raw_input(body, spec, std::move(keeper));
  if (!input) return fail(inference::about_input(input.error(), spec.name, "inputs[0]"));
  InferRequest request;
  request.all_binary = true;
  request.inputs.push_back(*std::move(input));
  return request;
}

Result<std::size_t> read_header_length(std::string_view text, std::size_t body_bytes) {
  std::size_t length = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), length);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || length > body_bytes) {
    return fail(Error(kBinarySizes,
                      fmt::format("Inference-Header-Content-Length is '{}', and the body has {} bytes", text.substr(0, 40), body_bytes))
                    .with_field("Inference-Header-Content-Length"));
  }
  return length;
}

}  // namespace

Result<InferRequest> read_infer_request(std::string_view body, std::optional<std::string_view> header_length,
                                        const formats::ModelDescription& description, const JsonLimits& limits,
                                        std::shared_ptr<const void> keeper) {
  std::size_t json_bytes = body.size();
  if (header_length) {
    TRY_ASSIGN(json_bytes, read_header_length(*header_length, body.size()));
    if (json_bytes == 0) return read_raw(body, description, std::move(keeper));
  }
  TRY_ASSIGN(const auto object, JsonObject::parse(body.substr(0, json_bytes), limits));
  TRY(object.only({"id", "model_name", "model_version", "parameters", "inputs", "outputs"}));
  InferRequest request;
  TRY_ASSIGN(request.id, object.string_or("id", ""));
  TRY_ASSIGN(request.model_name, object.string_or("model_name", ""));
  TRY_ASSIGN(request.model_version, object.string_or("model_version", ""));
  if (const auto parameters = object.find("parameters")) {
    TRY_ASSIGN(const auto values, JsonObject::of(*parameters));
    for (const auto* sequence : {"sequence_id", "sequence_start", "sequence_end"}) {
      if (const auto field = values.find(sequence))
        return fail(Error(kFieldNotSupported, "stateful sequences are not supported").with_field(field->path()));
    }
    TRY_ASSIGN(request.all_binary, values.boolean_or("binary_data_output", false));
    TRY_ASSIGN(request.urgency, read_parameters_urgency(values));
  }
  TRY_ASSIGN(const auto inputs_field, object.need("inputs"));
  TRY_ASSIGN(const auto inputs, inputs_field.items(kTensorsMax));
  BinaryPart binary(body.substr(json_bytes), std::move(keeper));
  for (const auto& item : inputs) {
    TRY_ASSIGN(auto input, read_input(item, {description, binary}, inputs.size() == 1));
    request.inputs.push_back(std::move(input));
  }
  if (binary.left() > 0)
    return fail(Error(kBinarySizes, fmt::format("{} bytes follow the last tensor", binary.left())).with_field("inputs"));
  TRY(inference::check_complete(description, request.inputs));
  TRY_ASSIGN(request.outputs, read_outputs(object, description, request.all_binary));
  return request;
}

namespace {

// Triton's "score:index:label" of the best classes of each row, or of the whole where there are no rows.
Result<tensors::Tensor> best_classes(const tensors::NamedTensor& output, std::uint32_t count, std::span<const std::string> labels) {
  const auto& scores = output.tensor;
  const auto& shape = scores.shape();
  const std::string field = fmt::format("outputs.{}", output.name);
  const std::size_t rows = shape.size() < 2 ? 1 : static_cast<std::size_t>(shape[0]);
  if (shape.empty() || scores.size() == 0 || scores.dtype() == tensors::DType::kString)
    return fail(Error(kFieldRange, fmt::format("the output '{}' has no scores of classes", output.name)).with_field(field));
  const std::size_t classes = scores.size() / rows;
  const std::uint32_t most = static_cast<std::uint32_t>(std::min<std::size_t>(count, classes));
  TRY_ASSIGN(const auto rankings, tensors::top_k(scores, most, labels.size() == classes ? labels : std::span<const std::string>()));
  std::vector<std::string> texts;
  for (const auto& ranking : rankings) {
    for (const auto& item : ranking) {
      if (std::isnan(item.score))
        return fail(Error(tensors::kScoreNotFinite, fmt::format("the output '{}' has NaN as a score", output.name)).with_field(field));
      texts.push_back(fmt::format("{:f}:{}", item.score, item.index) + (item.label.empty() ? "" : ":" + item.label));
    }
  }
  tensors::Shape made = shape.size() < 2 ? tensors::Shape{} : tensors::Shape{shape[0]};
  made.push_back(most);
  return tensors::Tensor::from_strings(std::move(made), std::move(texts));
}

}  // namespace

Result<InferAnswer> write_infer_answer(const std::string& model, const std::string& version, const InferRequest& request,
                                       const tensors::NamedTensors& outputs, std::span<const std::string> labels) {
  JsonWriter json;
  json.object().field("model_name", model).field("model_version", version);
  if (!request.id.empty()) json.field("id", request.id);
  json.key("outputs").array();
  std::string tail;
  bool any_binary = false;
  for (const auto& output : outputs) {
    const auto wanted = std::ranges::find(request.outputs, output.name, &WantedOutput::name);
    // Numbers of 16 bits have no JSON form in the protocol.
    tensors::Tensor tensor = output.tensor;
    if (wanted != request.outputs.end() && wanted->classes > 0) {
      TRY_ASSIGN(tensor, best_classes(output, wanted->classes, labels));
    }
    const auto dtype = tensor.dtype();
    const bool binary = wanted == request.outputs.end() ? request.all_binary : wanted->binary;
    json.object().field("name", output.name).field("datatype", tensors::oip_name_of(dtype)).key("shape").array();
    for (const auto dimension : tensor.shape()) json.value(dimension);
    json.end();
    if (binary || dtype == tensors::DType::kFloat16 || dtype == tensors::DType::kBfloat16) {
      any_binary = true;
      const std::size_t before = tail.size();
      append_binary(tail, tensor);
      json.key("parameters").object().field("binary_data_size", tail.size() - before).end();
    } else {
      auto written = tensors::append_json_flat(json.key("data").begin_value(), tensor);
      if (!written) return fail(inference::about(std::move(written).error(), fmt::format("outputs.{}", output.name)));
    }
    json.end();
  }
  json.end().end();
  InferAnswer answer{.body = json.take(), .header_length = std::nullopt};
  if (any_binary) {
    answer.header_length = answer.body.size();
    answer.body += tail;
  }
  return answer;
}

}  // namespace forebay::http::oip

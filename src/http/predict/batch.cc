#include <algorithm>
#include <memory>
#include <optional>

#include "http/exchange.h"
#include "http/predict/handlers.h"
#include "http/predict/predict_answer.h"
#include "http/predict/predict_request.h"
#include "http/tensor_run.h"
#include "models/served_model.h"

namespace forebay::http::predict {

namespace {

// The results of one batch in the order of its items; confined to the loop.
struct Batch {
  std::string model;
  std::string version;
  std::vector<std::optional<Result<scheduling::TensorAnswer>>> results;
  std::size_t missing = 0;
};

void answer(Exchange& exchange, const Batch& batch) {
  std::size_t failed = 0;
  std::chrono::microseconds longest{0};
  JsonWriter json;
  json.object().field("model", batch.model).field("version", batch.version).key("results").array();
  for (const auto& result : batch.results) {
    if (*result) {
      json.object();
      write_outputs(json, (*result)->outputs);
      json.field("inference_time_ms", milliseconds((*result)->inference)).end();
      longest = std::max(longest, (*result)->inference);
    } else {
      ++failed;
      write_error(json, result->error(), Dialect::kPlain, exchange.id());
    }
  }
  json.end()
      .field("succeeded", batch.results.size() - failed)
      .field("failed", failed)
      .field("inference_time_ms", milliseconds(longest))
      .end();
  exchange.answer_json(json.take());
}

void finish(const ExchangePtr& exchange, const std::shared_ptr<Batch>& batch, std::size_t index, Result<scheduling::TensorAnswer> result) {
  batch->results[index] = std::move(result);
  if (--batch->missing == 0) answer(*exchange, *batch);
}

Result<> start(const ExchangePtr& exchange) {
  const auto& options = exchange->parts().options;
  TRY_ASSIGN(const auto body, read_batch_body(exchange->body(), exchange->parts().json_limits(), options.batch_items_max));
  TRY(exchange->set_urgency(body.urgency));
  auto batch = std::make_shared<Batch>();
  TRY_ASSIGN(const auto model, lease_tensors(*exchange, body.model, body.version));
  batch->model = model->name;
  batch->version = model->version;
  std::vector<Result<tensors::NamedTensors>> inputs;
  for (const auto& item : body.items) inputs.push_back(read_item(item, model->description));
  // Back on the loop, where results are put together.
  exchange->on_loop([exchange, batch, model, inputs = std::move(inputs)]() mutable {
    if (exchange->ended()) return;
    batch->missing = inputs.size();
    batch->results.resize(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i]) {
        finish(exchange, batch, i, fail(std::move(inputs[i]).error()));
        continue;
      }
      scheduling::TensorRequest request;
      request.inputs = *std::move(inputs[i]);
      submit_tensors(exchange, model, std::move(request),
                     [exchange, batch, i](Result<scheduling::TensorAnswer> result) { finish(exchange, batch, i, std::move(result)); });
    }
  });
  return {};
}

}  // namespace

void batch(const ExchangePtr& exchange) {
  exchange->on_pool([exchange] {
    if (auto started = start(exchange); !started) exchange->refuse(started.error());
  });
}

}  // namespace forebay::http::predict

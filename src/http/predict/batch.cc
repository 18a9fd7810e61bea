// POST /predict/batch: every item is prepared, run and answered by itself; what one gets wrong is its own.
#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>

#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/leases.h"
#include "http/predict/handlers.h"
#include "http/predict/picture.h"
#include "http/predict/predict_answer.h"
#include "http/predict/predict_request.h"
#include "http/tensor_run.h"
#include "models/served_model.h"

namespace forebay::http::predict {

namespace {

// Pictures that are prepared or running at once: enough to fill a batch, and a small file can become megabytes of input.
constexpr std::size_t kPicturesAtOnce = 16;
// Tasks of one request in the request pool at once. Each prepares one picture, or some of the smaller items, and goes to the end of the
// queue, because a large picture takes tens of milliseconds and other requests are waiting.
constexpr std::size_t kTasksAtOnce = 2;
constexpr std::size_t kItemsATask = 64;

// What came: JSON items, or the files of a form. Both view the request's body.
struct Items {
  PictureFields fields;
  std::vector<JsonValue> values;
  std::vector<std::string_view> files;
  std::size_t size() const { return values.size() + files.size(); }
};

struct Prepared {
  tensors::NamedTensors inputs;
  std::optional<tensors::Seen> seen;  // of a picture
};

Result<Prepared> prepare_picture(std::span<const std::byte> file, const models::ServedModel& model, const HttpOptions& options) {
  TRY_ASSIGN(auto made, inputs_from_image(file, model.description, image_limits(options)));
  return Prepared{std::move(made.inputs), made.seen};
}

// `is_picture`: whether a picture was decoded, or tried to be.
Result<Prepared> prepare(const Items& items, std::size_t index, const models::ServedModel& model, const HttpOptions& options,
                         bool& is_picture) {
  is_picture = !items.files.empty();
  if (is_picture) return prepare_picture(std::as_bytes(std::span(items.files[index])), model, options);
  const JsonValue& item = items.values[index];
  if (item.type() == JsonType::kObject) {
    TRY_ASSIGN(const auto object, JsonObject::of(item));
    if (const auto image = object.find("image")) {
      TRY(object.only({"image"}));
      is_picture = true;
      TRY_ASSIGN(const auto file, read_base64_picture(*image));
      return prepare_picture(file, model, options);
    }
  }
  TRY_ASSIGN(auto inputs, read_item(item, model.description));
  return Prepared{std::move(inputs), std::nullopt};
}

Result<std::string> item_json(const models::ServedModel& model, const PictureFields& fields, const std::optional<tensors::Seen>& seen,
                              const scheduling::TensorAnswer& result) {
  JsonWriter json;
  json.object();
  if (seen) {
    TRY(write_seen(json, model, fields, *seen, result));
  } else {
    TRY(write_outputs(json, result.outputs));
  }
  json.field("inference_time_ms", milliseconds(result.inference)).end();
  return json.take();
}

// One request. Confined to the loop, but for the items, which do not change, and the next one, which tasks of the pool take from each
// other. Completions hold it, and it holds the model weakly: the exchange keeps that.
class BatchRun : public std::enable_shared_from_this<BatchRun> {
 public:
  BatchRun(const ExchangePtr& exchange, Items items, const models::Lease& model)
      : exchange_(exchange), items_(std::move(items)), model_(model), results_(items_.size()), missing_(items_.size()) {
    exchange->keep(model);
  }

  // Prepares the next items on the pool while there is room for the picture that each task may make.
  void advance() {
    while (tasks_ < kTasksAtOnce && next_ < items_.size() && pictures_ + tasks_ < kPicturesAtOnce && !exchange_->ended()) {
      ++tasks_;
      exchange_->on_pool([self = shared_from_this()] { self->prepare_some(); });
    }
  }

 private:
  struct Made {
    std::size_t index;
    Result<Prepared> item;
  };

  void prepare_some() {
    const auto model = model_.lock();
    if (model == nullptr) return;
    std::vector<Made> made;
    for (bool picture = false; !picture && made.size() < kItemsATask && !exchange_->cancel().cancelled();) {
      const std::size_t index = next_++;
      if (index >= items_.size()) break;
      made.push_back({index, prepare(items_, index, *model, exchange_->parts().options, picture)});
    }
    exchange_->on_loop([self = shared_from_this(), made = std::move(made)]() mutable { self->submit(std::move(made)); });
  }

  void submit(std::vector<Made> made) {
    --tasks_;
    const auto model = model_.lock();
    if (model == nullptr || exchange_->ended()) return;
    pictures_ += static_cast<std::size_t>(std::ranges::count_if(made, [](const Made& one) { return one.item && one.item->seen; }));
    for (auto& [index, item] : made) {
      if (!item) {
        finish(index, fail(std::move(item).error()));
        continue;
      }
      scheduling::TensorRequest request;
      request.inputs = std::move(item->inputs);
      submit_tensors(exchange_, model, std::move(request),
                     [self = shared_from_this(), index, seen = item->seen](Result<scheduling::TensorAnswer> result) mutable {
                       self->computed(index, seen, std::move(result));
                     });
    }
    advance();
  }

  void computed(std::size_t index, const std::optional<tensors::Seen>& seen, Result<scheduling::TensorAnswer> result) {
    if (seen && !result) --pictures_;
    if (!result) return finish(index, fail(std::move(result).error()));
    longest_ = std::max(longest_, result->inference);
    const auto model = model_.lock();
    if (model == nullptr) return;
    if (!seen && fit_on_loop(result->outputs)) return finish(index, item_json(*model, items_.fields, seen, *result));
    // Masks and overlaps take milliseconds: too long for a loop.
    exchange_->on_pool([self = shared_from_this(), index, seen, result = *std::move(result)] {
      const auto served = self->model_.lock();
      if (served == nullptr || self->exchange_->cancel().cancelled()) return;
      auto json = item_json(*served, self->items_.fields, seen, result);
      self->exchange_->on_loop([self, index, seen, json = std::move(json)]() mutable {
        if (seen) --self->pictures_;
        if (!self->exchange_->ended()) self->finish(index, std::move(json));
      });
    });
  }

  void finish(std::size_t index, Result<std::string> json) {
    const auto most = exchange_->parts().options.batch_answer_bytes_max;
    if (json && json->size() > most - bytes_)
      json = fail(kAnswerTooLarge, "the results before this one have used up the bytes of an answer");
    if (json) {
      bytes_ += json->size();
      ++succeeded_;
    } else {
      JsonWriter error;
      write_error(error, json.error(), Dialect::kPlain, exchange_->id());
      json = error.take();
    }
    results_[index] = *std::move(json);
    if (--missing_ == 0) return answer();
    advance();
  }

  void answer() {
    const auto model = model_.lock();
    if (model == nullptr) return;
    JsonWriter json;
    json.object().field("model", model->name).field("version", model->version).key("results").array();
    for (auto& result : results_) json.raw(std::exchange(result, std::string()));
    json.end().field("succeeded", succeeded_).field("failed", results_.size() - succeeded_);
    json.field("inference_time_ms", milliseconds(longest_)).end();
    exchange_->answer_json(json.take());
  }

  const ExchangePtr exchange_;
  const Items items_;
  const models::WeakLease model_;
  std::vector<std::string> results_;
  std::size_t missing_;
  std::atomic<std::size_t> next_{0};  // not taken by a task yet
  std::size_t tasks_ = 0;             // in the pool
  std::size_t pictures_ = 0;          // prepared, not yet answered
  std::size_t succeeded_ = 0;
  std::size_t bytes_ = 0;
  std::chrono::microseconds longest_{0};
};

Result<Items> read_items(const Exchange& exchange) {
  const auto& options = exchange.parts().options;
  Items items;
  if (exchange.content_type() == "multipart/form-data") {
    TRY_ASSIGN(auto form, read_picture_form(exchange, options.batch_items_max));
    items.fields = std::move(form.fields);
    items.files = std::move(form.files);
    return items;
  }
  TRY_ASSIGN(auto body, read_batch_body(exchange.body(), exchange.parts().json_limits(), options.batch_items_max));
  items.fields = std::move(body.fields);
  items.values = std::move(body.items);
  return items;
}

Result<> start(const ExchangePtr& exchange) {
  TRY_ASSIGN(auto items, read_items(*exchange));
  TRY(exchange->set_urgency(items.fields.urgency));
  TRY_ASSIGN(const auto model, lease_tensors(*exchange, items.fields.model, items.fields.version));
  const auto run = std::make_shared<BatchRun>(exchange, std::move(items), model);
  exchange->on_loop([run] { run->advance(); });
  return {};
}

}  // namespace

void batch(const ExchangePtr& exchange) {
  const auto type = exchange->content_type();
  if (!type.empty() && !exchange->is_json() && type != "multipart/form-data")
    return exchange->refuse(refused_type(type, "this route takes application/json and multipart/form-data"));
  prepare_on_pool(exchange, [exchange] { return start(exchange); });
}

}  // namespace forebay::http::predict

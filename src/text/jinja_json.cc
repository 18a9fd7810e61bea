#include "text/jinja_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <glaze/json.hpp>
#include <glaze/json/generic.hpp>

#include "text/errors.h"
#include "text/json_depth.h"

namespace forebay::text::jinja {

namespace {

using Json = glz::generic_json<glz::num_mode::i64>;

Result<Value> convert(Heap& heap, const Json& json) {
  TRY(heap.spend());
  if (const auto* text = json.get_if<std::string>()) return heap.string(*text);
  if (const auto* whole = json.get_if<std::int64_t>()) return Value::integer(*whole);
  if (const auto* real = json.get_if<double>()) return Value::number(*real);
  if (const auto* truth = json.get_if<bool>()) return Value::boolean(*truth);
  if (const auto* array = json.get_if<Json::array_t>()) {
    std::vector<Value> items;
    for (const Json& entry : *array) {
      TRY_ASSIGN(const Value item, convert(heap, entry));
      items.push_back(item);
    }
    return heap.list(std::move(items));
  }
  if (const auto* object = json.get_if<Json::object_t>()) {
    TRY_ASSIGN(Dict * dict, heap.dict());
    for (const auto& [name, entry] : *object) {
      TRY_ASSIGN(const Value key, heap.string(name));
      TRY_ASSIGN(const Value value, convert(heap, entry));
      TRY(heap.set(*dict, key, value));
    }
    return Value::dict(dict);
  }
  return Value::none();
}

}  // namespace

Result<Value> parse_json(Heap& heap, std::string_view json) {
  if (nests_deeper_than(json, heap.limits().depth_max)) {
    return fail(kTemplateInput, fmt::format("JSON nests deeper than {}", heap.limits().depth_max));
  }
  TRY(heap.reserve(json.size()));
  TRY(heap.scan(json.size()));
  Json parsed;
  if (const auto problem = glz::read<glz::opts{.null_terminated = false}>(parsed, json)) {
    return fail(kTemplateInput, fmt::format("not JSON: {}", glz::format_error(problem, std::string_view())));
  }
  return convert(heap, parsed);
}

}  // namespace forebay::text::jinja

#include "http/generation_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "http/errors.h"
#include "http/urgency.h"

namespace forebay::http {

namespace {

constexpr std::size_t kStopsMax = 16;
constexpr std::size_t kStopTokensMax = 16;
constexpr std::size_t kStopBytesMax = 1024;
constexpr std::size_t kBiasesMax = 1024;
constexpr std::int64_t kTokensMax = std::numeric_limits<std::int32_t>::max();

constexpr std::string_view kNames[] = {"temperature",
                                       "top_p",
                                       "top_k",
                                       "min_p",
                                       "typical_p",
                                       "repeat_penalty",
                                       "repetition_penalty",
                                       "frequency_penalty",
                                       "presence_penalty",
                                       "seed",
                                       "stop",
                                       "stop_token_ids",
                                       "include_stop_str_in_output",
                                       "skip_special_tokens",
                                       "logit_bias",
                                       "min_tokens",
                                       "ignore_eos",
                                       "max_tokens",
                                       "return_partial",
                                       "overflow",
                                       "overflow_keep_tokens",
                                       "adapter",
                                       kPriorityField,
                                       kTimeoutField};

// Accepted and not needed to answer: they say who asks, or how OpenAI should store and bill it.
constexpr std::string_view kHarmless[] = {
    "user", "metadata", "store", "service_tier", "parallel_tool_calls", "prompt_cache_key", "prompt_cache_retention", "safety_identifier"};
constexpr std::string_view kUnsupported[] = {
    "tools",      "tool_choice",      "functions", "function_call",      "response_format", "audio",       "modalities",
    "prediction", "reasoning_effort", "verbosity", "web_search_options", "grammar",         "json_schema", "suffix"};

Result<std::vector<std::string>> read_stops(const JsonObject& body) {
  std::vector<std::string> stops;
  const auto field = body.find("stop");
  if (!field) return stops;
  std::vector<JsonValue> values{*field};
  if (field->type() == JsonType::kArray) {
    TRY_ASSIGN(values, field->items(kStopsMax));
  }
  for (const auto& value : values) {
    TRY_ASSIGN(auto text, value.string());
    if (text.empty() || text.size() > kStopBytesMax) {
      return fail(Error(kFieldRange, fmt::format("a stop string has 1 to {} bytes", kStopBytesMax)).with_field(value.path()));
    }
    stops.push_back(std::move(text));
  }
  return stops;
}

Result<std::map<text::Token, float>> read_bias(const JsonObject& body) {
  std::map<text::Token, float> bias;
  const auto field = body.find("logit_bias");
  if (!field) return bias;
  TRY_ASSIGN(const auto object, JsonObject::of(*field));
  if (object.members().size() > kBiasesMax)
    return fail(Error(kTooManyItems, fmt::format("'logit_bias' has more than {} tokens", kBiasesMax)).with_field("logit_bias"));
  for (const auto& member : object.members()) {
    text::Token token = 0;
    const auto read = std::from_chars(member.name.data(), member.name.data() + member.name.size(), token);
    if (read.ec != std::errc() || read.ptr != member.name.data() + member.name.size() || token < 0) {
      return fail(Error(kFieldType, fmt::format("'logit_bias' names '{}', which is no token id", member.name.substr(0, 40)))
                      .with_field("logit_bias"));
    }
    TRY_ASSIGN(const double value, member.value.number(-100, 100));
    bias[token] = static_cast<float>(value);
  }
  return bias;
}

Result<std::vector<text::Token>> read_stop_tokens(const JsonObject& body) {
  std::vector<text::Token> tokens;
  const auto field = body.find("stop_token_ids");
  if (!field) return tokens;
  TRY_ASSIGN(const auto items, field->items(kStopTokensMax));
  for (const auto& item : items) {
    TRY_ASSIGN(const auto token, item.integer(0, kTokensMax));
    tokens.push_back(static_cast<text::Token>(token));
  }
  return tokens;
}

// By the names of the route; -1 is the most there is, as llama-server has it.
Result<> read_max_tokens(const JsonObject& body, const GenerationRules& rules, scheduling::GenerationRequest& request) {
  std::optional<std::int64_t> most;
  for (const auto name : rules.max_tokens_names) {
    const auto field = body.find(name);
    if (!field) continue;
    TRY_ASSIGN(const auto tokens, field->integer(-1, kTokensMax));
    if (tokens == 0 && !rules.takes_no_tokens)
      return fail(Error(kFieldRange, fmt::format("'{}' is 0, and must be at least 1, or -1 for what the context leaves", name))
                      .with_field(std::string(name)));
    if (most && *most != tokens)
      return fail(Error(kFieldConflict, "two names of max_tokens are given, with different values").with_field(std::string(name)));
    most = tokens;
  }
  request.prompt_only = most == 0;
  request.tokens_max = static_cast<std::uint32_t>(std::max<std::int64_t>(0, most.value_or(0)));
  if (request.tokens_max != 0 && request.tokens_min > request.tokens_max)
    return fail(Error(kFieldConflict, "'min_tokens' is larger than 'max_tokens'").with_field("min_tokens"));
  if (!most && rules.tokens_default != 0) request.tokens_max = std::max(rules.tokens_default, request.tokens_min);
  return {};
}

// vLLM's name and ours.
Result<float> read_repeat_penalty(const JsonObject& body, float otherwise) {
  constexpr double kAboveZero = 1e-9;
  TRY_ASSIGN(const double ours, body.number_or("repeat_penalty", otherwise, kAboveZero, 10));
  TRY_ASSIGN(const double theirs, body.number_or("repetition_penalty", ours, kAboveZero, 10));
  if (body.find("repeat_penalty") && theirs != ours)
    return fail(Error(kFieldConflict, "'repeat_penalty' and 'repetition_penalty' have different values").with_field("repetition_penalty"));
  return static_cast<float>(theirs);
}

Result<float> read_float(const JsonObject& body, std::string_view name, float otherwise, double min, double max) {
  TRY_ASSIGN(const double value, body.number_or(name, otherwise, min, max));
  return static_cast<float>(value);
}

// What happens when the time or the context ends.
Result<> read_endings(const JsonObject& body, scheduling::GenerationRequest& request) {
  TRY_ASSIGN(request.partial_at_deadline, body.boolean_or("return_partial", false));
  TRY_ASSIGN(const auto name, body.string_or("overflow", std::string(name_of(request.overflow))));
  const auto overflow = scheduling::overflow_named(name);
  if (!overflow) {
    return fail(Error(kFieldRange, fmt::format("'overflow' is '{}', and must be refuse, truncate or shift", name.substr(0, 40)))
                    .with_field("overflow"));
  }
  request.overflow = *overflow;
  if (body.find("overflow_keep_tokens") && request.overflow == scheduling::Overflow::kRefuse) {
    return fail(
        Error(kFieldConflict, "'overflow_keep_tokens' needs 'overflow': \"truncate\" or \"shift\"").with_field("overflow_keep_tokens"));
  }
  TRY_ASSIGN(const auto keep, body.integer_or("overflow_keep_tokens", request.overflow_keep_tokens, 0, kTokensMax));
  request.overflow_keep_tokens = static_cast<std::uint32_t>(keep);
  return {};
}

}  // namespace

Result<scheduling::GenerationRequest> read_generation_fields(const JsonObject& body, const GenerationRules& rules) {
  constexpr double kAboveZero = 1e-9;
  scheduling::GenerationRequest request;
  auto& sampling = request.sampling;
  TRY_ASSIGN(sampling.temperature, read_float(body, "temperature", sampling.temperature, 0, 2));
  TRY_ASSIGN(sampling.top_p, read_float(body, "top_p", sampling.top_p, kAboveZero, 1));
  TRY_ASSIGN(sampling.min_p, read_float(body, "min_p", sampling.min_p, 0, 1));
  TRY_ASSIGN(sampling.typical_p, read_float(body, "typical_p", sampling.typical_p, kAboveZero, 1));
  TRY_ASSIGN(sampling.repeat_penalty, read_repeat_penalty(body, sampling.repeat_penalty));
  TRY_ASSIGN(sampling.frequency_penalty, read_float(body, "frequency_penalty", sampling.frequency_penalty, -2, 2));
  TRY_ASSIGN(sampling.presence_penalty, read_float(body, "presence_penalty", sampling.presence_penalty, -2, 2));
  TRY_ASSIGN(const auto top_k, body.integer_or("top_k", sampling.top_k, -1, kTokensMax));
  sampling.top_k = static_cast<std::int32_t>(std::max<std::int64_t>(0, top_k));
  if (const auto seed = body.find("seed")) {
    // OpenAI's seeds have 64 bits, the sampler's 32: folding keeps the same seed the same.
    TRY_ASSIGN(const auto value, seed->integer(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()));
    const auto bits = static_cast<std::uint64_t>(value);
    sampling.seed = bits >> 32 == 0 ? static_cast<std::uint32_t>(bits) : static_cast<std::uint32_t>(bits ^ (bits >> 32));
  }
  TRY_ASSIGN(sampling.logit_bias, read_bias(body));
  TRY_ASSIGN(request.stop_strings, read_stops(body));
  TRY_ASSIGN(request.stop_tokens, read_stop_tokens(body));
  TRY_ASSIGN(request.shows_stop_string, body.boolean_or("include_stop_str_in_output", false));
  TRY_ASSIGN(const bool skips_special, body.boolean_or("skip_special_tokens", true));
  request.shows_special_tokens = !skips_special;
  TRY_ASSIGN(const auto tokens_min, body.integer_or("min_tokens", 0, 0, kTokensMax));
  request.tokens_min = static_cast<std::uint32_t>(tokens_min);
  TRY(read_max_tokens(body, rules, request));
  TRY_ASSIGN(request.ignore_end_token, body.boolean_or("ignore_eos", false));
  TRY_ASSIGN(request.adapter, body.string_or("adapter", ""));
  TRY(read_endings(body, request));
  return request;
}

std::vector<std::string_view> generation_field_names() { return {std::begin(kNames), std::end(kNames)}; }

Result<> refuse_unsupported(const JsonObject& body) {
  for (const auto name : kUnsupported) {
    const auto field = body.find(name);
    if (!field) continue;
    // What says "as if it were not there" is let pass.
    const auto raw = field->raw();
    if (raw == "[]" || (name == "tool_choice" && (raw == "\"none\"" || raw == "\"auto\"")) ||
        (name == "function_call" && raw == "\"none\""))
      continue;
    if (name == "modalities" && raw == "[\"text\"]") continue;
    if (name == "suffix" && raw == "\"\"") continue;
    if (name == "response_format" && field->type() == JsonType::kObject) {
      TRY_ASSIGN(const auto format, JsonObject::of(*field));
      TRY_ASSIGN(const auto type, format.string_or("type", ""));
      if (type == "text") continue;
    }
    return fail(Error(kFieldNotSupported, fmt::format("'{}' is not supported yet", name)).with_field(std::string(name)));
  }
  return {};
}

Result<> check_openai_fields(const JsonObject& body, std::initializer_list<std::string_view> known) {
  TRY(refuse_unsupported(body));
  std::vector<std::string_view> names(known);
  names.insert(names.end(), std::begin(kNames), std::end(kNames));
  names.insert(names.end(), std::begin(kHarmless), std::end(kHarmless));
  names.insert(names.end(), std::begin(kUnsupported), std::end(kUnsupported));
  return body.only(names);
}

}  // namespace forebay::http

#include "http/openai/completions_request.h"

#include <fmt/format.h>

#include "http/embedding_run.h"
#include "http/errors.h"
#include "http/generation_fields.h"

namespace forebay::http::openai {

namespace {

// "logprobs": a number of alternatives, 0 to 5.
Result<> read_legacy_logprobs(const JsonObject& body, scheduling::GenerationRequest& settings) {
  const auto field = body.find("logprobs");
  if (!field) return {};
  TRY_ASSIGN(const auto count, field->integer(0, 5));
  settings.wants_logprobs = true;
  settings.logprobs = static_cast<std::uint32_t>(count);
  return {};
}

Result<> check_together(const CompletionsRequest& request) {
  if (request.best_of < request.choices) return fail(Error(kFieldConflict, "'best_of' is smaller than 'n'").with_field("best_of"));
  if (request.stream && request.best_of > request.choices) {
    return fail(Error(kFieldConflict, "'best_of' cannot be streamed: the best one is known at the end").with_field("best_of"));
  }
  if (request.echo && request.settings.wants_logprobs) {
    return fail(
        Error(kFieldNotSupported, "'echo' with 'logprobs' is not supported: there are none for the prompt's tokens").with_field("echo"));
  }
  return {};
}

}  // namespace

Result<CompletionsRequest> read_completions_request(std::string_view text, const RequestLimits& limits) {
  TRY_ASSIGN(const auto body, JsonObject::parse(text, limits.json));
  TRY(check_openai_fields(body, {"model", "prompt", "n", "best_of", "echo", "stream", "stream_options", "logprobs"}));
  CompletionsRequest request;
  TRY_ASSIGN(request.model, body.string_or("model", ""));
  TRY_ASSIGN(const auto prompt, body.need("prompt"));
  TRY_ASSIGN(request.prompts, read_texts(prompt, limits.prompts_max));
  TRY_ASSIGN(request.settings, read_generation_fields(body, {"max_tokens"}));
  TRY_ASSIGN(request.urgency, read_urgency(body));
  TRY(read_legacy_logprobs(body, request.settings));
  TRY_ASSIGN(const auto fields, read_stream_fields(body, limits));
  request.choices = fields.choices;
  request.stream = fields.stream;
  request.stream_usage = fields.stream_usage;
  TRY_ASSIGN(request.echo, body.boolean_or("echo", false));
  TRY_ASSIGN(const auto best_of, body.integer_or("best_of", request.choices, 1, limits.choices_max));
  request.best_of = static_cast<std::uint32_t>(best_of);
  TRY(check_together(request));
  return request;
}

}  // namespace forebay::http::openai

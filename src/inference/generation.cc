#include "inference/generation.h"

#include <fmt/format.h>

#include <utility>

#include "inference/errors.h"

namespace forebay::inference {

namespace {

// More sequences than the queue takes at once would be refused however often the request comes.
Result<> check_count(const models::ServedModel& model, const GenerationParams& params) {
  const std::size_t sequences = params.prompts.size() * params.sequences_per_prompt;
  const std::size_t most = model.generation->queue_requests_max();
  if (sequences <= most) return {};
  return fail(Error(kTooManyItems, fmt::format("{} prompts times {} make {} sequences, and the model's queue takes {}",
                                               params.prompts.size(), params.sequences_per_prompt, sequences, most))
                  .with_field(params.prompts.size() > 1 ? "prompt" : "n")
                  .with_hint("split the request, or raise models.generation.admission.queue_requests_max"));
}

}  // namespace

Result<std::vector<std::shared_ptr<scheduling::TokenChannel>>> generate(const Call& call, models::ServedModel& model,
                                                                        const GenerationParams& params) {
  TRY(check_count(model, params));
  std::vector<std::shared_ptr<scheduling::TokenChannel>> channels;
  for (const auto& prompt : params.prompts) {
    for (std::uint32_t i = 0; i < params.sequences_per_prompt; ++i) {
      scheduling::GenerationRequest request = params.settings;
      request.ticket = call.ticket;
      request.prompt = prompt;
      if (request.sampling.seed) *request.sampling.seed += i;
      TRY_ASSIGN(auto channel, model.generation->submit(std::move(request)));
      channels.push_back(std::move(channel));
    }
  }
  return channels;
}

}  // namespace forebay::inference

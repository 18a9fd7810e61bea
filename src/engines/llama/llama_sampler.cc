#include "engines/llama/llama_sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "engines/errors.h"
#include "engines/library_message.h"
#include "engines/llama/grammar_check.h"

namespace forebay::engines {

namespace {
bool has_penalties(const SamplingOptions& options) {
  return options.penalty_last_tokens > 0 &&
         (options.repeat_penalty != 1.0F || options.frequency_penalty != 0.0F || options.presence_penalty != 0.0F);
}

// Larger than every option here has use for: a filter never leaves fewer than one candidate.
constexpr std::size_t kKeepMin = 1;

LlamaSamplerPointer chain_of(std::int32_t vocabulary_size, const SamplingOptions& options, std::uint32_t seed) {
  LlamaSamplerPointer chain(llama_sampler_chain_init({.no_perf = true}));
  const auto add = [&chain](llama_sampler* sampler) { llama_sampler_chain_add(chain.get(), sampler); };
  if (!options.logit_bias.empty()) {
    std::vector<llama_logit_bias> biases;
    for (const auto& [token, bias] : options.logit_bias) biases.push_back({token, bias});
    add(llama_sampler_init_logit_bias(vocabulary_size, static_cast<std::int32_t>(biases.size()), biases.data()));
  }
  if (has_penalties(options)) {
    add(llama_sampler_init_penalties(vocabulary_size, options.penalty_last_tokens, options.repeat_penalty, options.frequency_penalty,
                                     options.presence_penalty));
  }
  if (options.temperature == 0) {
    add(llama_sampler_init_greedy());
    return chain;
  }
  if (options.top_k > 0) add(llama_sampler_init_top_k(options.top_k));
  if (options.typical_p < 1) add(llama_sampler_init_typical(options.typical_p, kKeepMin));
  if (options.top_p < 1) add(llama_sampler_init_top_p(options.top_p, kKeepMin));
  if (options.min_p > 0) add(llama_sampler_init_min_p(options.min_p, kKeepMin));
  if (options.temperature != 1) add(llama_sampler_init_temp(options.temperature));
  // The library takes its "default seed" for a wish for a random one.
  add(llama_sampler_init_dist(seed == LLAMA_DEFAULT_SEED ? seed - 1 : seed));
  return chain;
}

Result<LlamaSamplerPointer> grammar_of(const llama_vocab* vocabulary, const std::string& grammar) {
  TRY(check_grammar(grammar));
  const LlamaErrorLog log;
  try {
    LlamaSamplerPointer sampler(llama_sampler_init_grammar(vocabulary, grammar.c_str(), "root"));
    if (sampler) return sampler;
  } catch (const std::exception& error) {
    return fail(Error(kBadSampling, "grammar: " + cleaned_library_message(error.what())).with_field("grammar"));
  }
  return fail(Error(kBadSampling, "grammar: " + log.message("the library cannot parse it")).with_field("grammar"));
}
}  // namespace

Result<std::unique_ptr<Sampler>> LlamaSampler::create(const llama_vocab* vocabulary, const SamplingOptions& options,
                                                      std::shared_ptr<const void> keeper) {
  const std::int32_t vocabulary_size = llama_vocab_n_tokens(vocabulary);
  TRY(check_sampling(options, vocabulary_size));
  const std::uint32_t seed = options.seed.value_or(std::random_device()());
  std::unique_ptr<LlamaSampler> sampler(new LlamaSampler(std::move(keeper), seed));
  try {
    const bool is_plain_greedy =
        options.temperature == 0 && options.logit_bias.empty() && !has_penalties(options) && options.grammar.empty();
    if (!is_plain_greedy) sampler->chain_ = chain_of(vocabulary_size, options, seed);
  } catch (const std::exception& error) {
    return fail(kBadSampling, cleaned_library_message(error.what()));
  }
  if (!options.grammar.empty()) {
    TRY_ASSIGN(sampler->grammar_, grammar_of(vocabulary, options.grammar));
  }
  sampler->prompt_tokens_max_ = has_penalties(options) ? options.penalty_last_tokens : 0;
  return sampler;
}

void LlamaSampler::accept_prompt(std::span<const text::Token> tokens) {
  if (prompt_tokens_max_ == 0) return;
  const auto last = tokens.last(std::min(tokens.size(), static_cast<std::size_t>(prompt_tokens_max_)));
  for (const text::Token token : last) llama_sampler_accept(chain_.get(), token);
}

std::optional<text::Token> LlamaSampler::choose(std::span<const float> logits, bool within_grammar) {
  candidates_.resize(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) candidates_[i] = {static_cast<text::Token>(i), logits[i], 0.0F};
  llama_token_data_array array{candidates_.data(), candidates_.size(), -1, false};
  if (within_grammar) {
    llama_sampler_apply(grammar_.get(), &array);
    const bool any_left =
        std::any_of(array.data, array.data + array.size, [](const auto& candidate) { return candidate.logit > -INFINITY; });
    if (!any_left) return std::nullopt;
  }
  llama_sampler_apply(chain_.get(), &array);
  if (array.selected < 0 || static_cast<std::size_t>(array.selected) >= array.size) return std::nullopt;
  const llama_token_data& chosen = array.data[array.selected];
  return chosen.logit > -INFINITY ? std::optional(chosen.id) : std::nullopt;
}

bool LlamaSampler::grammar_allows(text::Token token) {
  llama_token_data one{token, 1.0F, 0.0F};
  llama_token_data_array array{&one, 1, -1, false};
  llama_sampler_apply(grammar_.get(), &array);
  return one.logit > -INFINITY;
}

Result<text::Token> LlamaSampler::sample(std::span<const float> logits) {
  if (logits.empty()) return fail(kSamplingFailed, "there are no logits to choose from");
  if (!chain_) return static_cast<text::Token>(std::ranges::max_element(logits) - logits.begin());
  try {
    // The grammar is slow over a whole vocabulary: what is chosen without it is usually allowed.
    std::optional<text::Token> token = choose(logits, false);
    if (grammar_ && (!token || !grammar_allows(*token))) token = choose(logits, true);
    if (!token) return fail(kSamplingFailed, "no token of the vocabulary can be chosen");
    if (grammar_) llama_sampler_accept(grammar_.get(), *token);
    llama_sampler_accept(chain_.get(), *token);
    return *token;
  } catch (const std::exception& error) {
    return fail(kSamplingFailed, cleaned_library_message(error.what()));
  }
}

}  // namespace forebay::engines

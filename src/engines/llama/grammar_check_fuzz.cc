// Any bytes as a grammar: what check_grammar lets pass, the library must be able to parse and to choose a token by.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engines/engines.h"
#include "engines/llama/grammar_check.h"
#include "formats/read_model.h"

namespace {
using namespace forebay;

std::shared_ptr<engines::LoadedModel> small_model() {
  const auto path = std::filesystem::path(FOREBAY_EXAMPLE_MODELS) / "chat.gguf";
  const auto description = formats::read_model(path);
  static const auto kAll = engines::make_engines();
  const auto engine = engines::engine_for(*description, kAll);
  return (*engine)->load(path, *description, {.threads = 1}).value();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string grammar(reinterpret_cast<const char*>(bytes), size);
  const engines::GrammarLimits limits{.bytes_max = 4096, .depth_max = 16, .rules_max = 50, .repetition_max = 100, .elements_max = 2'000};
  if (!engines::check_grammar(grammar, limits)) return 0;
  static const auto kModel = small_model();
  const auto sampler = kModel->make_sampler({.temperature = 0, .grammar = grammar});
  if (!sampler) return 0;
  const auto vocabulary = static_cast<std::size_t>(kModel->tokenizer()->vocabulary_size());
  static const std::vector<float> kLogits(vocabulary, 0.0F);
  for (int i = 0; i < 4; ++i) {
    const auto token = (*sampler)->sample(kLogits);
    if (!token || kModel->tokenizer()->ends_generation(*token)) break;
  }
  return 0;
}

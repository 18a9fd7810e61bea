#include "engines/loaded_model.h"

#include <fmt/format.h>

#include "engines/errors.h"

namespace forebay::engines {

namespace {
std::unexpected<Error> wrong_kind(const LoadedModel& model, const char* what_it_does_not) {
  return fail(kWrongKindOfModel, fmt::format("the model is for {}: it {}", formats::name_of(model.description().task), what_it_does_not));
}
}  // namespace

std::uint64_t LoadedModel::generation_session_bytes(const GenerationSessionOptions&) const { return 0; }
std::uint64_t LoadedModel::embedding_session_bytes(const EmbeddingSessionOptions&) const { return 0; }
std::uint64_t LoadedModel::tensor_session_bytes() const { return 0; }

Result<std::unique_ptr<TensorSession>> LoadedModel::open_tensor_session() { return wrong_kind(*this, "takes no tensors"); }
Result<std::unique_ptr<GenerationSession>> LoadedModel::open_generation_session(const GenerationSessionOptions&) {
  return wrong_kind(*this, "generates no text");
}
Result<std::unique_ptr<EmbeddingSession>> LoadedModel::open_embedding_session(const EmbeddingSessionOptions&) {
  return wrong_kind(*this, "embeds no texts");
}
Result<std::unique_ptr<Sampler>> LoadedModel::make_sampler(const SamplingOptions&) const { return wrong_kind(*this, "generates no text"); }

}  // namespace forebay::engines

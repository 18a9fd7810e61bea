#include "engines/testing/fake_embedding_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "engines/errors.h"

namespace forebay::engines {

FakeEmbeddingSession::FakeEmbeddingSession(std::shared_ptr<LoadedModel> model, const std::shared_ptr<const FakeOptions>& options,
                                           std::shared_ptr<FakeControl> control, const EmbeddingSessionOptions& wanted)
    : model_(std::move(model)),
      control_(std::move(control)),
      info_{.text_tokens_max = wanted.batch_tokens_max,
            .batch_texts_max = wanted.batch_texts_max,
            .batch_tokens_max = wanted.batch_tokens_max,
            .vocabulary_size = kFakeVocabularySize,
            .embedding_length = options->embedding_length,
            .pooling = wanted.pooling == Pooling::kRank ? "rank" : "mean"} {
  ++control_->counters.sessions_opened;
  ++control_->counters.sessions_open;
}

FakeEmbeddingSession::~FakeEmbeddingSession() {
  on_own_thread();
  control_->note_destroyed();
  --control_->counters.sessions_open;
}

bool FakeEmbeddingSession::on_own_thread() {
  if (!thread_) thread_ = std::this_thread::get_id();
  if (*thread_ == std::this_thread::get_id()) return true;
  ++control_->counters.used_on_another_thread;
  return false;
}

Result<std::vector<std::vector<float>>> FakeEmbeddingSession::embed(const EmbeddingTexts& batch, const CancelToken& abort) {
  const auto texts = batch.tokens;
  auto& counters = control_->counters;
  if (!on_own_thread()) return fail(kEmbeddingFailed, "the session belongs to another thread");
  const std::uint64_t number = ++counters.embeds;
  TRY(check_texts(texts, info_));
  std::vector<std::vector<float>> vectors;
  std::size_t packed_tokens = 0;
  std::size_t packed_texts = 0;
  for (const auto& text : texts) {
    const std::size_t index = vectors.size();
    if (index == 0 || packed_tokens + text.size() > info_.batch_tokens_max || packed_texts == info_.batch_texts_max) {
      ++counters.computations;
      packed_tokens = packed_texts = 0;
    }
    packed_tokens += text.size();
    ++packed_texts;
    counters.tokens += text.size();
    vectors.push_back(info_.pooling == "rank" ? fake_embedding(text, 1) : fake_embedding(text, info_.embedding_length));
  }
  counters.texts += texts.size();
  if (!control_->pass_block(abort) || abort.cancelled()) {
    ++counters.aborts;
    return fail(abort.error());
  }
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    if (!std::ranges::contains(batch.tokens[i], control_->switches.not_finite_token.load())) continue;
    vectors[i].front() = std::numeric_limits<float>::quiet_NaN();
    vectors[i].back() = -std::numeric_limits<float>::infinity();
  }
  if (number == control_->switches.embed_fails_at)
    return fail(kEmbeddingFailed, fmt::format("the fake was told to fail embedding {}", number));
  return vectors;
}

}  // namespace forebay::engines

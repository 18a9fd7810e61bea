// Embeds whole texts, or scores pairs of texts.
// Threads: confined to its engine thread. Owner: scheduling's worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "text/tokenizer.h"

namespace forebay::engines {

using text::Token;

enum class Pooling : std::uint8_t { kFromFile, kNone, kMean, kCls, kLast, kRank };

struct EmbeddingSessionOptions {
  std::uint32_t batch_texts_max = 8;     // of one computation; at most 256 (libllama)
  std::uint32_t batch_tokens_max = 512;  // of one computation over all texts
  Pooling pooling = Pooling::kFromFile;
  std::size_t threads = 0;  // 0: as loaded
};

// Effective settings. The library may have rounded or reduced what was requested.
struct EmbeddingSessionInfo {
  std::uint32_t text_tokens_max = 0;
  std::uint32_t batch_texts_max = 0;
  std::uint32_t batch_tokens_max = 0;
  std::uint32_t vocabulary_size = 0;
  std::uint32_t embedding_length = 0;
  std::string pooling;
};

// Texts to embed. The type of a token matters to models that were trained on pairs: 1 from `second_from` on, which has one number a text
// or is empty where all are single texts.
struct EmbeddingTexts {
  EmbeddingTexts(std::span<const std::vector<Token>> texts,
                 std::span<const std::uint32_t> second = {})  // NOLINT(google-explicit-constructor)
      : tokens(texts), second_from(second) {}
  EmbeddingTexts(std::span<std::vector<Token>> texts) : tokens(texts) {}           // NOLINT(google-explicit-constructor)
  EmbeddingTexts(const std::vector<std::vector<Token>>& texts) : tokens(texts) {}  // NOLINT(google-explicit-constructor)
  std::span<const std::vector<Token>> tokens;
  std::span<const std::uint32_t> second_from;
};

class EmbeddingSession {
 public:
  virtual ~EmbeddingSession() = default;
  virtual const EmbeddingSessionInfo& info() const = 0;
  // One pooled vector a text, in order, not normalised (kRank: the scores). Texts must fit text_tokens_max each; they are packed into as
  // few computations as fit. kTextTooLong names the text.
  virtual Result<std::vector<std::vector<float>>> embed(const EmbeddingTexts& texts, const CancelToken& abort) = 0;
  // No embed() follows for now: threads that wait for the next one end.
  virtual void rest() {}
};

// An error that names the text: no tokens, more than fit, or one that is not in the vocabulary. kEmbeddingFailed, kTextTooLong.
Result<> check_texts(std::span<const std::vector<Token>> texts, const EmbeddingSessionInfo& info);

}  // namespace forebay::engines

#include "engines/embedding_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "engines/errors.h"
#include "text/errors.h"

namespace forebay::engines {

Result<> check_texts(std::span<const std::vector<Token>> texts, const EmbeddingSessionInfo& info) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string field = fmt::format("input[{}]", i);
    if (texts[i].empty()) return fail(Error(kEmbeddingFailed, fmt::format("text {} has no tokens", i)).with_field(field));
    if (texts[i].size() > info.text_tokens_max) {
      return fail(Error(text::kTextTooLong, fmt::format("text {} has {} tokens, at most {} fit", i, texts[i].size(), info.text_tokens_max))
                      .with_field(field));
    }
    const auto unknown =
        std::ranges::find_if(texts[i], [&](Token token) { return token < 0 || static_cast<std::uint32_t>(token) >= info.vocabulary_size; });
    if (unknown == texts[i].end()) continue;
    return fail(
        Error(kEmbeddingFailed, fmt::format("text {} has the token {}, which is not in the vocabulary", i, *unknown)).with_field(field));
  }
  return {};
}

}  // namespace forebay::engines

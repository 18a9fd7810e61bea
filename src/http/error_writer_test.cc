#include "http/error_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "accounts/errors.h"
#include "base/errors.h"
#include "http/errors.h"
#include "http/json_body.h"
#include "models/errors.h"
#include "scheduling/errors.h"
#include "tensors/errors.h"
#include "text/errors.h"

namespace forebay::http {
namespace {

const JsonLimits kLimits;

std::vector<const ErrorCode*> every_code() {
  std::vector<const ErrorCode*> codes;
  for (const ErrorCodes room : {ErrorCodes(kBaseErrors), ErrorCodes(kHttpErrors), ErrorCodes(models::kModelsErrors),
                                ErrorCodes(accounts::kAccountsErrors), ErrorCodes(tensors::kTensorErrors), ErrorCodes(text::kTextErrors)}) {
    codes.insert(codes.end(), room.begin(), room.end());
  }
  return codes;
}

TEST(HttpErrors, LieInTheRoomsRangeInOrderAndOnce) {
  for (std::size_t i = 0; i < std::size(kHttpErrors); ++i) {
    EXPECT_GE(kHttpErrors[i]->number, 7000);
    EXPECT_LT(kHttpErrors[i]->number, 7500);
    if (i > 0) {
      EXPECT_LT(kHttpErrors[i - 1]->number, kHttpErrors[i]->number);
    }
  }
}

std::string openai_code(const ErrorCode& code) {
  const auto reply = error_reply(Error(code, "m"), Dialect::kOpenAi, "r");
  const auto body = JsonObject::parse(reply.body, kLimits).value();
  return JsonObject::of(body.need("error").value()).value().need("code").value().string().value();
}

// LiteLLM and LangChain shorten a conversation when they see this code with this status.
TEST(OpenAiErrors, NameWhatIsTooLongForTheModelAsOpenAiDoes) {
  for (const auto* code : {&scheduling::kPromptTooLong, &scheduling::kContextFull, &scheduling::kTextTooLongToEmbed, &text::kTextTooLong}) {
    EXPECT_EQ(openai_code(*code), "context_length_exceeded") << code->name;
    EXPECT_EQ(status_of(Error(*code, "m"), Dialect::kOpenAi), 400) << code->name;
  }
  EXPECT_EQ(openai_code(kFieldRange), "field_range");
}

TEST(OpenAiErrors, KeepTooLargeForTheMessage) {
  EXPECT_EQ(status_of(Error(kTooManyItems, "m"), Dialect::kPlain), 400) << "also for Cohere's clients";
  EXPECT_EQ(status_of(Error(kAnswerTooLarge, "m"), Dialect::kOpenAi), 400);
  EXPECT_EQ(status_of(Error(kAnswerTooLarge, "m"), Dialect::kPlain), 413);
  EXPECT_EQ(status_of(Error(kBodyTooLarge, "m"), Dialect::kOpenAi), 413);
  EXPECT_EQ(status_of(Error(kHeaderTooLarge, "m"), Dialect::kOpenAi), 413);
}

// A client tries 408, 409, 429 and everything from 500 on again.
TEST(OpenAiErrors, DoNotInviteToTryAgainWhatFailsForGood) {
  EXPECT_EQ(status_of(Error(models::kModelLoadFailed, "m"), Dialect::kOpenAi), 422);
  EXPECT_TRUE(error_reply(Error(models::kModelLoadFailed, "m"), Dialect::kPlain, "r").headers.empty());
}

// Property 24: whatever the code and the dialect, an error has its shape, a stable code, a message, a hint and the request id.
TEST(Property24, EveryErrorHasItsDialectsShape) {
  for (const auto* code : every_code()) {
    for (const auto dialect : {Dialect::kPlain, Dialect::kOpenAi, Dialect::kOip}) {
      const auto reply = error_reply(Error(*code, "what \"happened\"\n").with_field("a.b"), dialect, "req-1");
      EXPECT_EQ(reply.status, status_of(Error(*code, "m"), dialect));
      if (dialect != Dialect::kOpenAi) {
        EXPECT_EQ(reply.status, *code == kBodyStalled ? 408 : mapping_of(code->kind).http_status);
      }
      EXPECT_EQ(reply.content_type, "application/json");
      auto body = JsonObject::parse(reply.body, kLimits).value();
      if (dialect == Dialect::kOpenAi) {
        ASSERT_EQ(body.members().size(), 1U);
        body = JsonObject::of(body.need("error").value()).value();
        EXPECT_THAT(body.need("message").value().string().value(), ::testing::StartsWith("what \"happened\"\n"));
        EXPECT_EQ(body.need("param").value().string().value(), "a.b");
        EXPECT_EQ(body.need("code").value().string().value(), *code == text::kTextTooLong ? "context_length_exceeded" : code->name);
        EXPECT_EQ(body.need("forebay_code").value().string().value(), code->id());
        EXPECT_FALSE(body.need("type").value().string().value().empty());
      } else {
        EXPECT_EQ(body.need("error").value().string().value(), "what \"happened\"\n");
        EXPECT_EQ(body.need("code").value().string().value(), code->id());
        EXPECT_EQ(body.need("name").value().string().value(), code->name);
        EXPECT_EQ(body.need("field").value().string().value(), "a.b");
      }
      EXPECT_FALSE(body.need("hint").value().string().value().empty());
      EXPECT_EQ(body.need("request_id").value().string().value(), "req-1");
    }
  }
}

// LangChain reads the message alone, in which its openai package leaves out the code.
TEST(ErrorWriter, SaysInWordsThatTheContextIsTooSmall) {
  for (const auto* code : {&scheduling::kPromptTooLong, &scheduling::kContextFull, &scheduling::kTextTooLongToEmbed, &text::kTextTooLong}) {
    const auto body = error_reply(Error(*code, "It is long"), Dialect::kOpenAi, "r").body;
    EXPECT_THAT(body,
                ::testing::HasSubstr("\"message\":\"It is long. The request exceeds the context window (context_length_exceeded).\""));
    EXPECT_THAT(error_reply(Error(*code, "It is long."), Dialect::kPlain, "r").body, ::testing::HasSubstr("\"error\":\"It is long.\""));
  }
  EXPECT_THAT(error_reply(Error(kFieldRange, "m"), Dialect::kOpenAi, "r").body, ::testing::HasSubstr("\"message\":\"m\""));
}

TEST(ErrorWriter, SaysNullForAnErrorAboutNoField) {
  EXPECT_THAT(error_reply(Error(kJsonSyntax, "m"), Dialect::kOpenAi, "r").body, ::testing::HasSubstr("\"param\":null"));
  EXPECT_THAT(error_reply(Error(kJsonSyntax, "m"), Dialect::kPlain, "r").body, ::testing::HasSubstr("\"field\":null"));
}

TEST(ErrorWriter, TellsWhenToTryAgainInWholeSeconds) {
  const auto header = [](const Reply& reply, std::string_view name) {
    const auto found = std::ranges::find(reply.headers, name, &std::pair<std::string, std::string>::first);
    return found == reply.headers.end() ? "" : found->second;
  };
  EXPECT_EQ(
      header(error_reply(Error(kTooBusy, "m").with_retry_after(std::chrono::milliseconds(1200)), Dialect::kPlain, "r"), "Retry-After"),
      "2");
  EXPECT_EQ(header(error_reply(Error(kTooBusy, "m").with_retry_after(std::chrono::milliseconds(0)), Dialect::kPlain, "r"), "Retry-After"),
            "1");
  EXPECT_EQ(header(error_reply(Error(kShuttingDown, "m"), Dialect::kPlain, "r"), "Retry-After"), "1");
  EXPECT_EQ(header(error_reply(Error(kJsonSyntax, "m"), Dialect::kPlain, "r"), "Retry-After"), "");
  EXPECT_EQ(header(error_reply(Error(accounts::kKeyMissing, "m"), Dialect::kPlain, "r"), "WWW-Authenticate"), "Bearer");
}

}  // namespace
}  // namespace forebay::http

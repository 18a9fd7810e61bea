#include <gtest/gtest.h>

#include "http/errors.h"
#include "http/openai/answers.h"
#include "http/openai/chat_request.h"
#include "http/openai/completions_request.h"
#include "http/openai/embeddings_request.h"

namespace forebay::http::openai {
namespace {

const RequestLimits kLimits;

ErrorCode chat_error(std::string_view body) {
  const auto request = read_chat_request(body, kLimits);
  return request ? ErrorCode{0, "fine"} : request.error().code();
}
std::string chat_field(std::string_view body) {
  const auto request = read_chat_request(body, kLimits);
  return request ? "" : request.error().field();
}
std::string chat_with(std::string_view member) {
  return std::string(R"({"messages":[{"role":"user","content":"hi"}],)") + std::string(member) + "}";
}

TEST(ChatRequestBody, ReadsEverythingItKnows) {
  const auto request = read_chat_request(
      R"({"model":"m","messages":[{"role":"developer","content":"be brief"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"name":"n"}],
          "temperature":0.5,"top_p":0.9,"top_k":40,"min_p":0.1,"typical_p":0.8,"repeat_penalty":1.1,"frequency_penalty":-1,"presence_penalty":2,"seed":7,"stop":["x","y"],
          "logit_bias":{"3":-100},"max_completion_tokens":5,"min_tokens":2,"ignore_eos":true,"n":3,"stream":true,"stream_options":{"include_usage":true},
          "logprobs":true,"top_logprobs":4,"user":"u","metadata":{"a":"b"},"store":false,"tools":[],"response_format":{"type":"text"},"chat_template_kwargs":{"a":1}})",
      kLimits);
  ASSERT_TRUE(request) << request.error().to_string();
  EXPECT_EQ(request->model, "m");
  EXPECT_EQ(request->messages.at(0).role, "system");
  EXPECT_EQ(request->messages.at(1).content, "a\nb");
  EXPECT_EQ(request->messages.at(1).name, "n");
  const auto& sampling = request->settings.sampling;
  EXPECT_FLOAT_EQ(sampling.temperature, 0.5F);
  EXPECT_EQ(sampling.top_k, 40);
  EXPECT_EQ(sampling.seed, 7U);
  EXPECT_EQ(sampling.logit_bias.at(3), -100.0F);
  EXPECT_EQ(request->settings.stop_strings, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(request->settings.tokens_max, 5U);
  EXPECT_EQ(request->settings.tokens_min, 2U);
  EXPECT_TRUE(request->settings.ignore_end_token);
  EXPECT_TRUE(request->settings.wants_logprobs);
  EXPECT_EQ(request->settings.logprobs, 4U);
  EXPECT_EQ(request->stream.choices, 3U);
  EXPECT_TRUE(request->stream.stream);
  EXPECT_TRUE(request->stream.usage);
  EXPECT_FALSE(request->stream.usage_in_chunks);
  EXPECT_EQ(request->template_variables_json, "{\"a\":1}");
}

TEST(ChatRequestBody, RefusesValuesOutsideTheirRange) {
  for (const auto* member :
       {"\"temperature\":-5", "\"temperature\":2.1", "\"top_p\":0", "\"top_p\":1.1", "\"n\":0", "\"n\":17", "\"max_tokens\":0",
        "\"max_tokens\":-2", "\"presence_penalty\":3", "\"logit_bias\":{\"1\":101}", "\"top_k\":-2", "\"stop\":\"\"",
        "\"repeat_penalty\":0", "\"repetition_penalty\":0", "\"stop_token_ids\":[-1]"}) {
    EXPECT_EQ(chat_error(chat_with(member)), kFieldRange) << member;
  }
}

TEST(ChatRequestBody, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(chat_field(chat_with("\"temperature\":\"hot\"")), "temperature");
  EXPECT_EQ(chat_field(R"({"messages":[{"role":"user","content":"a"},{"role":"xx","content":"b"}]})"), "messages[1].role");
  EXPECT_EQ(chat_field(R"({"messages":[{"role":"user"}]})"), "messages[0].content");
  EXPECT_EQ(chat_field(R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]})"),
            "messages[0].content[0].type");
  EXPECT_EQ(chat_field(chat_with("\"temprature\":1")), "temprature");
}

TEST(ChatRequestBody, FailsClosedOnWhatIsNotThereYet) {
  for (const auto* member : {R"("tools":[{"type":"function"}])", R"("tool_choice":"required")", R"("functions":[{}])",
                             R"("response_format":{"type":"json_object"})", R"("reasoning_effort":"low")",
                             R"("modalities":["text","audio"])", R"("grammar":"root ::= x")"}) {
    EXPECT_EQ(chat_error(chat_with(member)), kFieldNotSupported) << member;
  }
}

TEST(ChatRequestBody, RefusesContradictions) {
  EXPECT_EQ(chat_error(chat_with("\"max_tokens\":1,\"max_completion_tokens\":2")), kFieldConflict);
  EXPECT_EQ(chat_error(chat_with("\"top_logprobs\":1")), kFieldConflict);
  EXPECT_EQ(chat_error(chat_with("\"stream_options\":{}")), kFieldConflict);
  EXPECT_EQ(chat_error(chat_with("\"max_tokens\":1,\"min_tokens\":2")), kFieldConflict);
}

TEST(ChatRequestBody, HoldsItsLimits) {
  EXPECT_EQ(chat_error(R"({"messages":[]})"), kFieldRange);
  std::string stops = "\"stop\":[\"a\"";
  for (int i = 1; i < 16; ++i) stops += ",\"a\"";
  EXPECT_EQ(chat_error(chat_with(stops + "]")).number, 0);
  EXPECT_EQ(chat_error(chat_with(stops + ",\"a\"]")), kTooManyItems);
  EXPECT_EQ(chat_error(chat_with("\"stop\":\"" + std::string(1024, 'a') + "\"")).number, 0);
  EXPECT_EQ(chat_error(chat_with("\"stop\":\"" + std::string(1025, 'a') + "\"")), kFieldRange);
}

TEST(ChatRequestBody, ReadsWhatHappensWhenTimeOrContextEnds) {
  const auto request = read_chat_request(chat_with(R"("priority":"high","timeout_ms":250,"return_partial":true,"overflow":"shift",
                                                      "overflow_keep_tokens":9)"),
                                         kLimits);
  ASSERT_TRUE(request) << request.error().to_string();
  EXPECT_EQ(request->urgency.priority, scheduling::Priority::kHigh);
  EXPECT_EQ(request->urgency.timeout, std::chrono::milliseconds(250));
  EXPECT_TRUE(request->settings.partial_at_deadline);
  EXPECT_EQ(request->settings.overflow, scheduling::Overflow::kShift);
  EXPECT_EQ(request->settings.overflow_keep_tokens, 9U);
  const auto plain = read_chat_request(chat_with("\"n\":1"), kLimits).value();
  EXPECT_FALSE(plain.settings.partial_at_deadline);
  EXPECT_EQ(plain.settings.overflow, scheduling::Overflow::kRefuse);
}

// What llama-server and vLLM take beside OpenAI's fields.
TEST(ChatRequestBody, ReadsThePeersNames) {
  const auto settings = [](std::string_view member) { return read_chat_request(chat_with(member), kLimits).value().settings; };
  EXPECT_EQ(settings("\"max_tokens\":-1").tokens_max, 0U);
  EXPECT_EQ(settings("\"top_k\":-1").sampling.top_k, 0);
  EXPECT_FLOAT_EQ(settings("\"repetition_penalty\":1.5").sampling.repeat_penalty, 1.5F);
  EXPECT_FLOAT_EQ(settings("\"repetition_penalty\":1.5,\"repeat_penalty\":1.5").sampling.repeat_penalty, 1.5F);
  EXPECT_EQ(chat_error(chat_with("\"repetition_penalty\":1.5,\"repeat_penalty\":1.1")), kFieldConflict);
  EXPECT_EQ(settings("\"stop_token_ids\":[3,5]").stop_tokens, (std::vector<text::Token>{3, 5}));
  EXPECT_TRUE(settings("\"skip_special_tokens\":false").shows_special_tokens);
  EXPECT_TRUE(settings("\"include_stop_str_in_output\":true").shows_stop_string);
  const auto request = read_chat_request(
      chat_with(R"("stream":true,"stream_options":{"continuous_usage_stats":true},"add_generation_prompt":false)"), kLimits);
  ASSERT_TRUE(request) << request.error().to_string();
  EXPECT_TRUE(request->stream.usage && request->stream.usage_in_chunks);
  EXPECT_FALSE(request->adds_generation_prompt);
}

// A client that sends an earlier answer back sends all of its members.
TEST(ChatRequestBody, LetsPassWhatSaysNothing) {
  EXPECT_EQ(chat_error(chat_with("\"unheard_of\":null")).number, 0);
  const auto request = read_chat_request(
      R"({"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"},"anything":1}],"parsed":null},
                      {"role":"assistant","content":null,"refusal":"no","audio":null,"function_call":null,"reasoning_content":"because"}]})",
      kLimits);
  ASSERT_TRUE(request) << request.error().to_string();
  EXPECT_EQ(request->messages.at(0).content, "a");
  EXPECT_EQ(request->messages.at(1).content, "no");
  EXPECT_EQ(request->messages.at(1).reasoning, "because");
}

TEST(ChatRequestBody, RefusesUnknownEndingsByTheirNames) {
  EXPECT_EQ(chat_field(chat_with("\"overflow\":\"forget\"")), "overflow");
  EXPECT_EQ(chat_error(chat_with("\"overflow_keep_tokens\":3")), kFieldConflict);
  EXPECT_EQ(chat_error(chat_with("\"overflow\":\"truncate\",\"overflow_keep_tokens\":-1")), kFieldRange);
  EXPECT_EQ(chat_error(chat_with("\"overflow\":\"truncate\",\"overflow_keep_tokens\":0")).number, 0);
  EXPECT_EQ(chat_error(chat_with("\"return_partial\":1")), kFieldType);
  EXPECT_EQ(chat_field(chat_with("\"priority\":0")), "priority");
  EXPECT_EQ(chat_field(chat_with("\"timeout_ms\":0")), "timeout_ms");
}

TEST(ChatRequestBody, FoldsSeedsOfSixtyFourBits) {
  const auto seed = [](std::string_view number) {
    return read_chat_request(chat_with("\"seed\":" + std::string(number)), kLimits).value().settings.sampling.seed;
  };
  EXPECT_EQ(seed("4294967295"), 4294967295U);
  EXPECT_NE(seed("4294967297"), seed("4294967298"));
  EXPECT_TRUE(seed("-1"));
}

TEST(CompletionsRequestBody, TakesAPromptInEveryForm) {
  const auto prompts = [](std::string_view prompt) {
    return read_completions_request("{\"prompt\":" + std::string(prompt) + "}", kLimits).value().prompts;
  };
  EXPECT_EQ(std::get<std::string>(prompts("\"a\"").at(0)), "a");
  EXPECT_EQ(prompts("[\"a\",\"b\"]").size(), 2U);
  EXPECT_EQ(std::get<std::vector<text::Token>>(prompts("[1,2]").at(0)), (std::vector<text::Token>{1, 2}));
  EXPECT_EQ(prompts("[[1],[2,3]]").size(), 2U);
  EXPECT_EQ(std::get<std::string>(prompts("\"\"").at(0)), "");
  EXPECT_EQ(prompts("[\"\",[4]]").size(), 2U);
  for (const auto* prompt : {"[]", "[ ]", "[[]]", "7", "[true]"})
    EXPECT_FALSE(read_completions_request("{\"prompt\":" + std::string(prompt) + "}", kLimits)) << prompt;
}

TEST(CompletionsRequestBody, EndsAfterSixteenTokensUnlessItSaysMore) {
  const auto settings = [](std::string_view rest) {
    return read_completions_request("{\"prompt\":\"a\"" + std::string(rest) + "}", kLimits).value().settings;
  };
  EXPECT_EQ(settings("").tokens_max, 16U);
  EXPECT_EQ(settings(",\"max_tokens\":null").tokens_max, 16U);
  EXPECT_EQ(settings(",\"min_tokens\":20").tokens_max, 20U);
  EXPECT_EQ(settings(",\"max_tokens\":17").tokens_max, 17U);
  EXPECT_EQ(settings(",\"max_tokens\":-1").tokens_max, 0U);
  EXPECT_FALSE(settings("").prompt_only);
  EXPECT_TRUE(settings(",\"max_tokens\":0").prompt_only);
}

TEST(TokenText, TellsBytesThatAreNoTextApart) {
  EXPECT_EQ(token_text("a\u00e9"), "a\u00e9");
  EXPECT_EQ(token_text("\xf0\x9f"), "\\xf0\\x9f");
  EXPECT_EQ(token_text(" \xff"
                       "b"),
            " \\xffb");
}

TEST(CompletionsRequestBody, RefusesWhatItWouldOtherwiseIgnore) {
  const auto error = [](std::string_view rest) {
    const auto request = read_completions_request("{\"prompt\":\"a\"," + std::string(rest) + "}", kLimits);
    return request ? ErrorCode{0, "fine"} : request.error().code();
  };
  EXPECT_EQ(error("\"suffix\":\"b\""), kFieldNotSupported);
  EXPECT_EQ(error("\"echo\":true,\"logprobs\":1"), kFieldNotSupported);
  EXPECT_EQ(error("\"n\":2,\"best_of\":1"), kFieldConflict);
  EXPECT_EQ(error("\"best_of\":2,\"stream\":true"), kFieldConflict);
  EXPECT_EQ(error("\"logprobs\":6"), kFieldRange);
  EXPECT_EQ(error("\"logprobs\":true"), kFieldType);
  EXPECT_EQ(error("\"n\":2,\"best_of\":4,\"echo\":true").number, 0);
}

TEST(CompletionsRequestBody, ReadsUrgency) {
  const auto request = read_completions_request(R"({"prompt":"a","priority":"low","timeout_ms":5,"overflow":"truncate"})", kLimits).value();
  EXPECT_EQ(request.urgency.priority, scheduling::Priority::kLow);
  EXPECT_EQ(request.urgency.timeout, std::chrono::milliseconds(5));
  EXPECT_EQ(request.settings.overflow, scheduling::Overflow::kTruncate);
}

TEST(EmbeddingsRequestBody, ReadsUrgency) {
  const auto request = read_embeddings_request(R"({"input":"a","priority":"low","timeout_ms":5})", kLimits).value();
  EXPECT_EQ(request.order.urgency.priority, scheduling::Priority::kLow);
  EXPECT_EQ(request.order.urgency.timeout, std::chrono::milliseconds(5));
}

TEST(FinishOfAChoice, SaysTheDeadlineBesideOpenAisWord) {
  const auto written = [](std::optional<scheduling::FinishReason> reason) {
    JsonWriter json;
    json.object();
    write_finish(json, reason);
    json.end();
    return json.take();
  };
  EXPECT_EQ(written(std::nullopt), R"({"finish_reason":null})");
  EXPECT_EQ(written(scheduling::FinishReason::kStop), R"({"finish_reason":"stop"})");
  EXPECT_EQ(written(scheduling::FinishReason::kLength), R"({"finish_reason":"length"})");
  EXPECT_EQ(written(scheduling::FinishReason::kDeadline), R"({"finish_reason":"length","forebay":{"ended_by":"deadline"}})");
}

TEST(EmbeddingsRequestBody, RefusesEmptyInputInEveryForm) {
  for (const auto* input : {"\"\"", "[]", "[\"a\",\"\"]", "[[]]", "[[1],[]]"}) {
    const auto request = read_embeddings_request("{\"input\":" + std::string(input) + "}", kLimits);
    ASSERT_FALSE(request) << input;
    EXPECT_EQ(request.error().code(), kFieldRange) << input;
  }
}

TEST(EmbeddingsRequestBody, ReadsFormatAndDimensions) {
  const auto request =
      read_embeddings_request(R"({"input":["a",[1,2]],"encoding_format":"base64","dimensions":16,"user":"u","model":"m"})", kLimits)
          .value();
  EXPECT_TRUE(request.base64);
  EXPECT_EQ(request.order.params.dimensions, 16U);
  EXPECT_EQ(request.order.params.texts.size(), 2U);
  EXPECT_EQ(read_embeddings_request(R"({"input":"a","encoding_format":"hex"})", kLimits).error().field(), "encoding_format");
  EXPECT_EQ(read_embeddings_request(R"({"input":"a","dimensions":0})", kLimits).error().field(), "dimensions");
  EXPECT_EQ(read_embeddings_request(R"({"input":true})", kLimits).error().code(), kFieldType);
}

}  // namespace
}  // namespace forebay::http::openai

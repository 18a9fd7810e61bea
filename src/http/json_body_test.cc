#include "http/json_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "http/errors.h"
#include "http/json_writer.h"

namespace forebay::http {
namespace {

const JsonLimits kLimits;

TEST(JsonObject, TakesFieldsByNameAndKeepsTheirText) {
  const auto object = JsonObject::parse(R"({"a": [1, 2.50 ], "b":"x\ny", "c" : null, "d":{"e":[{"f":5}]}})", kLimits).value();
  EXPECT_EQ(object.find("a")->raw(), "[1, 2.50 ]");
  EXPECT_EQ(object.find("b")->string().value(), "x\ny");
  EXPECT_FALSE(object.find("c"));
  EXPECT_FALSE(object.find("z"));
  const auto inner = JsonObject::of(*object.find("d")).value();
  const auto items = inner.find("e")->items(9).value();
  const auto leaf = JsonObject::of(items.at(0)).value();
  EXPECT_EQ(leaf.find("f")->path(), "d.e[0].f");
  EXPECT_EQ(leaf.find("f")->integer(0, 9).value(), 5);
}

TEST(JsonObject, SaysWhatIsMissingAndWhatIsUnknown) {
  const auto object = JsonObject::parse(R"({"promt": 1})", kLimits).value();
  EXPECT_EQ(object.need("prompt").error().code(), kFieldMissing);
  EXPECT_EQ(object.need("prompt").error().field(), "prompt");
  const auto unknown = object.only({"prompt", "model"});
  EXPECT_EQ(unknown.error().code(), kFieldUnknown);
  EXPECT_EQ(unknown.error().field(), "promt");
  EXPECT_EQ(unknown.error().hint(), "did you mean 'prompt'?");
}

TEST(JsonObject, IsAnObjectAndNotEmpty) {
  EXPECT_EQ(JsonObject::parse("", kLimits).error().code(), kBodyMissing);
  EXPECT_EQ(JsonObject::parse(" \n", kLimits).error().code(), kBodyMissing);
  EXPECT_EQ(JsonObject::parse("[1]", kLimits).error().code(), kFieldType);
}

TEST(JsonValue, ReadsWholeNumbersHoweverTheyAreWritten) {
  EXPECT_EQ(JsonValue("5.0", "n").integer(0, 10).value(), 5);
  EXPECT_EQ(JsonValue("1e3", "n").integer(0, 1000).value(), 1000);
  EXPECT_EQ(JsonValue("9223372036854775807", "n").integer(0, INT64_MAX).value(), INT64_MAX);
  EXPECT_EQ(JsonValue("5.5", "n").integer(0, 10).error().code(), kFieldType);
  EXPECT_EQ(JsonValue("11", "n").integer(0, 10).error().code(), kFieldRange);
  EXPECT_EQ(JsonValue("-1", "n").integer(0, 10).error().code(), kFieldRange);
  EXPECT_EQ(JsonValue("9223372036854775808", "n").integer(0, INT64_MAX).error().code(), kFieldRange);
  EXPECT_EQ(JsonValue("1e400", "n").number(0, 10).error().code(), kFieldRange);
  for (const char* beyond : {"1e400", "-1e400", "5e-400", "0.1e-999999999999", "1.5e400"})
    EXPECT_FALSE(JsonValue(beyond, "n").integer(INT64_MIN, INT64_MAX)) << beyond;
  EXPECT_EQ(JsonValue("0e400", "n").integer(0, 10).value(), 0);
  EXPECT_EQ(JsonValue("\"5\"", "n").integer(0, 10).error().code(), kFieldType);
}

TEST(JsonValue, HoldsTheLimitOfItems) {
  EXPECT_EQ(JsonValue("[1,[2,3],\"],\"]", "a").items(3).value().size(), 3U);
  EXPECT_EQ(JsonValue("[1,2,3]", "a").items(2).error().code(), kTooManyItems);
}

TEST(JsonValue, RefusesHalfASurrogatePair) { EXPECT_EQ(JsonValue(R"("\ud800")", "s").string().error().code(), kJsonNotUtf8); }

TEST(JsonWriter, WritesWhatTheReaderReads) {
  JsonWriter json;
  json.object()
      .field("text", "a\"\\\n\x01\xC3\xA9")
      .field("truth", true)
      .field("whole", -5)
      .key("list")
      .array()
      .value(0.1F)
      .value(1.5)
      .null()
      .end();
  json.key("none").object().end().end();
  EXPECT_EQ(json.take(), "{\"text\":\"a\\\"\\\\\\n\\u0001\xC3\xA9\",\"truth\":true,\"whole\":-5,\"list\":[0.1,1.5,null],\"none\":{}}");
}

TEST(JsonWriter, ReplacesWhatIsNotUtf8AndNotFinite) {
  std::string out;
  append_json_string(out, "a\xFF\xE2\x82z");
  append_json_number(out, std::numeric_limits<float>::infinity());
  EXPECT_EQ(out, "\"a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\"null");
}

// Property 25: what is written reads back the same.
TEST(Property25, StringsAndNumbersRoundTrip) {
  rc::check([](const std::vector<std::string>& texts, double number, std::int64_t whole) {
    JsonWriter json;
    json.object().field("number", number).field("whole", whole).key("texts").array();
    std::vector<std::string> clean;
    for (const auto& text : texts) {
      std::string ascii;
      for (const char c : text) ascii += static_cast<char>(c & 0x7F);
      json.value(ascii);
      clean.push_back(ascii);
    }
    const std::string written = json.end().end().take();
    const auto object = JsonObject::parse(written, kLimits).value();
    const auto most = std::numeric_limits<double>::max();
    if (number != 0 || !std::signbit(number)) RC_ASSERT(object.need("number").value().number(-most, most).value() == number);
    RC_ASSERT(object.need("whole").value().integer(INT64_MIN, INT64_MAX).value() == whole);
    const auto items = object.need("texts").value().items(texts.size()).value();
    for (std::size_t i = 0; i < clean.size(); ++i) RC_ASSERT(items.at(i).string().value() == clean[i]);
  });
}

TEST(JsonObject, AByteOrderMarkInFrontIsSkippedAndNowhereElse) {
  EXPECT_EQ(JsonObject::parse("\xEF\xBB\xBF {\"a\": 1}", {})->find("a")->integer(0, 9).value(), 1);
  EXPECT_EQ(JsonObject::parse("\xEF\xBB\xBF", {}).error().code(), kBodyMissing);
  EXPECT_FALSE(JsonObject::parse("\xEF\xBB\xBF\xEF\xBB\xBF{}", {}));
  EXPECT_FALSE(JsonObject::parse(" \xEF\xBB\xBF{}", {}));
}

}  // namespace
}  // namespace forebay::http

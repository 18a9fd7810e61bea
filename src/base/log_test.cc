#include "base/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

namespace forebay::log {
namespace {

std::string json_after_time(Fields fields, std::string_view message = "hello") {
  return std::regex_replace(render(Format::kJson, "info", message, fields), std::regex(R"("time":"[0-9T:.Z-]+",)"), "");
}

TEST(Log, WritesOneJsonObjectALine) {
  EXPECT_EQ(json_after_time({{"model", "m"}, {"n", "1"}}), R"({"level":"info","message":"hello","model":"m","n":"1"})");
  EXPECT_TRUE(std::regex_search(render(Format::kJson, "info", "x", {}), std::regex(R"("time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")")));
}

TEST(Log, WritesFieldsForPeople) {
  EXPECT_EQ(render(Format::kConsole, "info", "loaded", {{"model", "m"}, {"text", "a b"}, {"none", ""}}),
            "loaded  model=m  text=\"a b\"  none=\"\"");
}

TEST(Log, EscapesWhatCouldForgeALineOrColourTheTerminal) {
  EXPECT_EQ(json_after_time({{"a", "x\"\\\n\r\x1b\x7f"}}, "m\n"), R"({"level":"info","message":"m\n","a":"x\"\\\n\u000d\u001b\u007f"})");
  EXPECT_EQ(render(Format::kConsole, "info", "m\n\x1b[31m", {}), R"(m\n\u001b[31m)");
  for (const char* value : {"a\nb", "a\rb", "a\x1b[31m", "a\x7f"}) {
    const std::string line = render(Format::kConsole, "info", "m", {{"v", value}});
    EXPECT_TRUE(std::ranges::none_of(line, [](char c) { return c < 0x20 || c == 0x7f; })) << line;
  }
}

TEST(Log, MasksCredentialsHoweverTheirKeyIsWritten) {
  for (const char* key : {"key", "api_key", "X-Api-Key", "Authorization", "set-cookie", "refresh_token", "client.secret", "password"}) {
    EXPECT_EQ(render(Format::kConsole, "info", "m", {{key, "hush"}}), "m  " + std::string(key) + "=***");
    EXPECT_FALSE(render(Format::kJson, "info", "m", {{key, "hush"}}).contains("hush")) << key;
  }
  for (const char* key : {"monkey", "prompt_tokens", "keys", "token_count"}) {
    EXPECT_TRUE(render(Format::kConsole, "info", "m", {{key, "7"}}).ends_with("=7")) << key;
  }
}

TEST(Log, WritesOnlyFromItsLevelOn) {
  configure({.level = Level::kWarning, .format = Format::kJson});
  testing::internal::CaptureStderr();
  info("quiet");
  warning("loud", {{"n", "1"}});
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_FALSE(written.contains("quiet"));
  EXPECT_TRUE(written.contains("\"message\":\"loud\",\"n\":\"1\"}"));
  for (const Level wanted : {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError, Level::kOff}) {
    set_level(wanted);
    EXPECT_EQ(level(), wanted);
  }
  configure({});
}

}  // namespace
}  // namespace forebay::log

// What configuration files, variables and flags may not say, and how that is told.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/configuration_documents.h"
#include "cli/environment.h"
#include "cli/errors.h"
#include "cli/setting_rules.h"
#include "cli/setting_slots.h"
#include "cli/testing/configuration_folder.h"
#include "engines/numa.h"

namespace forebay::cli {
namespace {

using ::testing::HasSubstr;

TEST(Configuration, NamesTheLineOfAnUnknownSettingAndTheNearestName) {
  const Error error = mistake_in("a.yaml", "log:\n  level: info\nhttp:\n  prot: 80\n");
  EXPECT_EQ(error.code(), kUnknownSetting);
  EXPECT_THAT(error.message(), HasSubstr("a.yaml:4: unknown setting 'http.prot'; did you mean 'http.port'?"));
  EXPECT_THAT(mistake_in("a.toml", "[http]\nhost = \"::\"\nprot = 80\n").message(),
              HasSubstr("a.toml:3: unknown setting 'http.prot'; did you mean 'http.port'?"));
}

TEST(Configuration, RefusesWhatIsGivenTwice) {
  const Error yaml = mistake_in("a.yaml", "http:\n  port: 1\nlog:\n  level: info\nhttp:\n  host: \"::\"\n");
  EXPECT_EQ(yaml.code(), kDuplicateSetting);
  EXPECT_THAT(yaml.message(), HasSubstr("a.yaml:5: http is already given in line 1"));
  EXPECT_EQ(mistake_in("a.json", "{\"http\": {\"port\": 1, \"port\": 2}}").code(), kDuplicateSetting);
  EXPECT_EQ(mistake_in("a.toml", "[http]\nport = 1\nport = 2\n").code(), kDuplicateSetting);
}

struct Bad {
  const char* file;
  const char* content;
  const ErrorCode& code;
  const char* place;
};

TEST(Configuration, RefusesWhatItCannotMean) {
  static const Bad kBad[] = {
      {"a.yaml", "http: 8080\n", kSettingWrongType, "a.yaml:1"},
      {"a.yaml", "http:\n  port: many\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  port: \"8080\"\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  port: 80.5\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  port: [1]\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  port:\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  port:\n    number: 1\n", kUnknownSetting, "a.yaml:3"},
      {"a.yaml", "http:\n  port: -1\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "http:\n  port: 65536\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "http:\n  port: 99999999999999999999\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "http:\n  request_timeout: 30\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  request_timeout: 30 parsecs\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  request_timeout: 99999999999999999999d\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "http:\n  request_timeout: 1us\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  body_bytes_max: 64 MiBs\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  body_bytes_max: 17GiB\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "http:\n  host: \"\"\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "http:\n  host: a b\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "http:\n  cors_origins: [example.com]\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "models:\n  warm: yes\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "models:\n  generation:\n    strategy: foo\n", kSettingOutOfRange, "a.yaml:3"},
      {"a.yaml", "models:\n  generation:\n    cells: foo\n", kSettingOutOfRange, "a.yaml:3"},
      {"a.yaml", "models:\n  numa: foo\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "models:\n  adapters: [lora.gguf]\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "log:\n  level: loud\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "models:\n  tensors:\n    admission:\n      high_watermark: .nan\n", kSettingWrongType, "a.yaml:4"},
      {"a.yaml", "models:\n  tensors:\n    admission:\n      low_watermark: 1.5\n", kSettingOutOfRange, "a.yaml:4"},
      {"a.yaml", "models_served:\n  - nmae: x\n    path: y\n", kUnknownSetting, "a.yaml:2"},
      {"a.yaml", "models_served:\n  - name: x\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "- 1\n", kConfigurationSyntax, "a.yaml:1"},
      {"a.yaml", "just words\n", kConfigurationSyntax, "a.yaml:1"},
      {"a.yaml", "http: {port: 1\nlog: 2\n", kConfigurationSyntax, "a.yaml:"},
      {"a.yaml", "a: &x 1\n", kConfigurationSyntax, "a.yaml:1"},
      {"a.yaml", "http: *x\n", kConfigurationSyntax, "a.yaml:1"},
      {"a.yaml", "http: !!map {}\n", kConfigurationSyntax, "a.yaml:1"},
      {"a.yaml", "http: {}\n---\nhttp: {}\n", kConfigurationSyntax, "a.yaml:"},
      {"a.yaml", "http.port: 1\n", kUnknownSetting, "a.yaml:1"},
      {"a.yaml", "? [a]\n: 1\n", kConfigurationSyntax, "a.yaml:1"},
      {"a.toml", "[http\n", kConfigurationSyntax, "a.toml:1"},
      {"a.toml", "[,http]\n", kConfigurationSyntax, "a.toml:1"},
      {"a.toml", "[http]\nport = 1 # é\nhöst = 2\n", kConfigurationSyntax, "a.toml:3"},
      {"a.toml", "[http]\nport = \xEF\xBA\xBF\n", kConfigurationSyntax, "a.toml:2"},
      {"a.toml", "[http]\nport = 90t\"é", kConfigurationSyntax, "a.toml:2"},
      {"a.toml", "[http]\nhost = \"\"\"\\é\"\"\"\n", kConfigurationSyntax, "a.toml:2"},
      {"a.toml", "[http]\nhost = \"\"\"\\\n é\"\"\"\n", kConfigurationSyntax, "a.toml:2"},
      {"a.toml", "[http]\nport = \"1\"\n", kSettingWrongType, "a.toml:2"},
      {"a.toml", "[log]\nlevel = 1979-05-27\n", kSettingWrongType, "a.toml:2"},
      {"a.toml", "[http]\ncors_origins = [[\"*\"]]\n", kConfigurationSyntax, "a.toml:2"},
      {"a.ini", "port=1\n", kConfigurationFormat, "a.ini"},
  };
  for (const auto& bad : kBad) {
    const Error error = mistake_in(bad.file, bad.content);
    EXPECT_EQ(error.code().id(), bad.code.id()) << bad.content << error.message();
    EXPECT_THAT(error.message(), HasSubstr(bad.place)) << bad.content;
  }
}

TEST(Configuration, ReportsEveryMistakeOfEveryLayerAtOnce) {
  const Folder folder;
  ConfigurationSources sources = with_file(folder.write("a.yaml", "http:\n  port: 0x\n  prot: 1\nlog:\n  level: loud\n"));
  sources.environment = {{"FOREBAY_HTTP_PROT", "1"}, {"HOME", "/"}};
  sources.flags = {{"http.host", "a b", EntryKind::kText, "--host"}};
  const auto loaded = load_configuration(sources);
  ASSERT_FALSE(loaded);
  ASSERT_EQ(loaded.error().size(), 5U);
  const std::string message = combined(loaded.error()).message();
  for (const auto* part : {"a.yaml:2", "a.yaml:3", "a.yaml:5",
                           "environment FOREBAY_HTTP_PROT: no setting has this name; did you mean 'FOREBAY_HTTP_PORT'?", "--host"})
    EXPECT_THAT(message, HasSubstr(part));
}

TEST(Configuration, RefusesSettingsThatContradictEachOther) {
  const Error error = mistake_in("a.yaml", "models:\n  tensors:\n    admission:\n      high_watermark: 0.5\n");
  EXPECT_EQ(error.code(), kSettingsConflict);
  EXPECT_THAT(error.message(), HasSubstr("models.tensors.admission.low_watermark must be below models.tensors.admission.high_watermark"));
  EXPECT_THAT(error.message(), HasSubstr("a.yaml:4"));
  EXPECT_EQ(mistake_in("a.yaml", "models:\n  generation:\n    prompt_chunk_tokens_min: 513\n").code(), kSettingsConflict);
  EXPECT_EQ(
      mistake_in("a.yaml", "models:\n  generation:\n    step_tokens_max: 16\n    prompt_chunk_tokens_min: 16\n    sequences_max: 17\n")
          .code(),
      kSettingsConflict);
  EXPECT_EQ(mistake_in("a.yaml", "models:\n  models_max: 1\nmodels_served: [a.onnx, b.onnx]\n").code(), kSettingsConflict);
}

TEST(Configuration, NeverRepeatsASecret) {
  const Error error = mistake_in("a.yaml", "accounts:\n  api_keys: [\"short\"]\n");
  EXPECT_EQ(error.code(), kSettingOutOfRange);
  EXPECT_THAT(error.message(), ::testing::Not(HasSubstr("short")));

  const Folder folder;
  const auto loaded =
      must_load(with_file(folder.write("a.yaml", "accounts:\n  api_keys: [\"sk-0123456789\"]\n  admin_keys: [\"ad-0123456789\"]\n")));
  EXPECT_THAT(loaded.values.accounts.api_keys, ::testing::ElementsAre("sk-0123456789"));
  EXPECT_THAT(loaded.values.accounts.admin_keys, ::testing::ElementsAre("ad-0123456789"));
  EXPECT_THAT(configuration_yaml(loaded, {.origins = true}), ::testing::Not(HasSubstr("0123456789")));
}

TEST(Configuration, RefusesItemsThatCannotBe) {
  const auto mistakes_of = [](std::string path) {
    ConfigurationSources sources;
    sources.flags = {{std::move(path), "x", EntryKind::kPlain, "--set"}};
    auto loaded = load_configuration(sources);
    return loaded ? Mistakes() : std::move(loaded).error();
  };
  for (const char* path :
       {"models_served[", "models_served[]", "models_served[x]", "models_served[-1]", "models_served[0", "models_served[0]x",
        "models_served[0].", "models_served[1].path", "models_served[4000000000].path", "models_served[99999999999999999999].path",
        "models_served[18446744073709551615].path", "http.port[0]", "nope[5]", "http.cors_origins[1]", "accounts.api_keys[x]"}) {
    EXPECT_EQ(mistakes_of(path).size(), 1U) << path;
  }
  EXPECT_TRUE(mistakes_of("models_served[0]").empty());
  EXPECT_TRUE(mistakes_of("models_served[0].path").empty());
}

TEST(Configuration, KnowsTheWordsThatTheEnginesTake) {
  EXPECT_TRUE(std::ranges::equal(rule_of("models.numa")->choices, engines::numa_strategies()));
}

TEST(Configuration, HoldsTheLimitsOfAFile) {
  const FileLimits limits{.bytes_max = 200, .depth_max = 3, .entries_max = 4};
  EXPECT_TRUE(flatten_yaml(std::string(200, '#'), "a", limits));
  EXPECT_EQ(flatten_yaml(std::string(201, '#'), "a", limits).error().code(), kConfigurationTooLarge);
  EXPECT_EQ(flatten_toml(std::string(201, '#'), "a", limits).error().code(), kConfigurationTooLarge);
  EXPECT_TRUE(flatten_yaml("a: {b: {c: 1}}", "a", limits));
  EXPECT_EQ(flatten_yaml("a: {b: {c: {d: 1}}}", "a", limits).error().code(), kConfigurationTooLarge);
  EXPECT_TRUE(flatten_toml("a.b.c = 1", "a", limits));
  EXPECT_EQ(flatten_toml("a.b.c.d = 1", "a", limits).error().code(), kConfigurationTooLarge);
  EXPECT_TRUE(flatten_yaml("{a: 1, b: 1, c: 1, d: 1}", "a", limits));
  EXPECT_EQ(flatten_yaml("{a: 1, b: 1, c: 1, d: 1, e: 1}", "a", limits).error().code(), kConfigurationTooLarge);
  EXPECT_TRUE(flatten_toml("a=1\nb=1\nc=1\nd=1", "a", limits));
  EXPECT_EQ(flatten_toml("a=1\nb=1\nc=1\nd=1\ne=1", "a", limits).error().code(), kConfigurationTooLarge);
}

TEST(Configuration, SurvivesDeepNesting) {
  EXPECT_FALSE(flatten_yaml("a: " + std::string(100'000, '['), "a"));
  EXPECT_FALSE(flatten_yaml(std::string(100'000, '{'), "a"));
  EXPECT_FALSE(flatten_toml("a = " + std::string(100'000, '['), "a"));
}

}  // namespace
}  // namespace forebay::cli
